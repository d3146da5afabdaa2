import { counted } from "../base/count.ts";
import { err, ok, type Result } from "../base/result.ts";
import { parseDomain, type Domain } from "../mail/domain.ts";
import { formatAddressLiteral, parseIpAddress } from "../mail/ip.ts";
import { DEFAULT_ATTRIBUTES, type Attributes, type RetryLevel } from "../policy/policy.ts";
import type { Arguments } from "./arguments.ts";
import { CHGSMTPA } from "./commands/attributes.ts";
import { findParameter } from "./definition.ts";
import { readDomain } from "./entry-value.ts";
import { quote } from "./entry-text.ts";
import type { Diagnostic } from "./messages.ts";

export type AttributeName = keyof Attributes;

/** Every attribute, in the order of the command. */
export const ATTRIBUTE_NAMES: readonly AttributeName[] = CHGSMTPA.parameters
  .map(({ keyword }) => keyword)
  .filter((keyword): keyword is AttributeName => Object.hasOwn(DEFAULT_ATTRIBUTES, keyword));

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The attributes that CHGSMTPA sets: what is *SAME is left out, *DFT is the value of a new policy. */
export function readAttributes(args: Arguments): Result<Partial<Attributes>, readonly Diagnostic[]> {
  const set: Partial<Mutable<Attributes>> = {};
  const faults: Diagnostic[] = [];
  for (const name of ATTRIBUTE_NAMES) {
    if (!args.given(name) || args.is(name, "*SAME")) continue;
    if (args.is(name, "*DFT")) assign(set, name, DEFAULT_ATTRIBUTES[name]);
    else {
      const value = readAttribute(args, name);
      if (value.ok) assign(set, name, value.value);
      else faults.push(...value.error);
    }
  }
  return faults.length === 0 ? ok(set) : err(faults);
}

function assign(set: Partial<Mutable<Attributes>>, name: AttributeName, value: Attributes[AttributeName]): void {
  Object.assign(set, { [name]: value });
}

function readAttribute(args: Arguments, name: AttributeName): Result<Attributes[AttributeName], readonly Diagnostic[]> {
  switch (name) {
    case "RBLSVR":
    case "ALIASDMN":
      return readDomains(args, name);
    case "MAILROUTER":
    case "FWDHUBSVR":
      return readRouter(args, name);
    case "ARCDMN": {
      const value = args.value(name);
      return !value || value.special ? ok(null) : readDomain(value.text, name, value.at);
    }
    case "RTYMIN":
    case "RTYHOUR":
    case "RTYDAY": {
      const [attempts, interval] = args.rows(name)[0] ?? [];
      return ok({ attempts: Number(attempts?.text), interval: Number(interval?.text) });
    }
    case "MAXEMMSIZE":
    case "MAXINEMM":
    case "MAXOUTEMM":
      return ok(Number(args.text(name)));
    default:
      return ok(args.text(name) as Attributes[typeof name]);
  }
}

function readDomains(args: Arguments, name: AttributeName): Result<readonly Domain[], readonly Diagnostic[]> {
  const domains: Domain[] = [];
  for (const value of args.plains(name)) {
    const domain = readDomain(value.text, name, value.at);
    if (!domain.ok) return domain;
    if (!domains.includes(domain.value)) domains.push(domain.value);
  }
  return ok(domains);
}

/** `host`, `host:port`, `192.0.2.1:587`, `[2001:db8::1]:25`. */
function readRouter(args: Arguments, name: "MAILROUTER" | "FWDHUBSVR"): Result<string | null, readonly Diagnostic[]> {
  const value = args.value(name);
  if (!value || value.special) return ok(null);
  const fault = err([{ id: "SMR0202" as const, with: [value.text, name], at: value.at }]);
  const match = /^(\[[^\]]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(value.text);
  if (!match) return fault;
  const [, named = "", port] = match;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return fault;
  const host = readRouterHost(named);
  return host === null ? fault : ok(port === undefined ? host : `${host}:${Number(port)}`);
}

function readRouterHost(name: string): string | null {
  const literal = name.startsWith("[");
  const address = parseIpAddress(literal ? name.slice(1, -1).replace(/^IPv6:/i, "") : name);
  if (address.ok)
    return address.value.family === 4
      ? formatAddressLiteral(address.value).slice(1, -1)
      : name.toLowerCase().replace("ipv6:", "");
  const domain = literal ? null : parseDomain(name);
  return domain?.ok ? domain.value : null;
}

/** The value of an attribute as CL text: `*LIST`, `3 30`, `'smtp.example.net:587'`. */
export function formatAttributeValue(name: AttributeName, attributes: Partial<Attributes>): string {
  const value = attributes[name];
  if (value === null || value === undefined) return "*NONE";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return value.startsWith("*") ? value : quote(value);
  if (isRetryLevel(value)) return `${value.attempts} ${value.interval}`;
  return value.length === 0 ? "*NONE" : value.map(quote).join(" ");
}

function isRetryLevel(value: RetryLevel | readonly Domain[]): value is RetryLevel {
  return "attempts" in value;
}

/** `ALWRLY(*LIST) RTYMIN(3 30)`: the attributes that are there, in the order of the command. */
export function formatAttributes(attributes: Partial<Attributes>): string {
  return ATTRIBUTE_NAMES.filter((name) => Object.hasOwn(attributes, name))
    .map((name) => `${name}(${formatAttributeValue(name, attributes)})`)
    .join(" ");
}

/** The attributes in which `after` differs from `before`. */
export function changedAttributes(before: Attributes, after: Attributes): Partial<Attributes> {
  const names = ATTRIBUTE_NAMES.filter(
    (name) => formatAttributeValue(name, before) !== formatAttributeValue(name, after),
  );
  return Object.fromEntries(names.map((name) => [name, after[name]]));
}

const RETRY_UNITS: Readonly<Partial<Record<AttributeName, string>>> = {
  RTYMIN: "minute",
  RTYHOUR: "hour",
  RTYDAY: "day",
};

/** What a value means, as the prompt says it, or with its unit; `""` for names. */
export function attributeMeaning(name: AttributeName, attributes: Attributes): string {
  const unit = RETRY_UNITS[name];
  const held = attributes[name];
  if (unit !== undefined && typeof held === "object" && held !== null && isRetryLevel(held)) {
    return held.attempts === 0 ? "None" : `${counted(held.attempts, "attempt")}, ${counted(held.interval, unit)} apart`;
  }
  if (typeof held === "number") return name === "MAXEMMSIZE" ? "Kilobytes" : "At once";
  const parameter = findParameter(CHGSMTPA, name);
  const value = formatAttributeValue(name, attributes);
  const choices = [
    ...(parameter?.singles ?? []),
    ...(parameter && "choices" in parameter.shape ? (parameter.shape.choices ?? []) : []),
  ];
  return choices.find((choice) => choice.value === value)?.meaning ?? "";
}
