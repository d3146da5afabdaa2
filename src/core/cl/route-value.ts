import { err, ok, type Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { NewEntry } from "../policy/policy.ts";
import {
  credentialsFault,
  formatRoute,
  parseRoute,
  ROUTE_FIELDS,
  type RouteField,
  type RouteTexts,
} from "../policy/route-fields.ts";
import type { RouteRule } from "../policy/route-rule.ts";
import type { Arguments } from "./arguments.ts";
import { readExpiry } from "./entry-value.ts";
import type { Diagnostic } from "./messages.ts";

type Read<T> = Result<T, readonly Diagnostic[]>;

/** The entry that ADDSMTPRTE describes. */
export function readNewRoute(args: Arguments, now: Instant): Read<NewEntry> {
  const route = readRoute(args, {});
  const expiry = readExpiry(args, now);
  if (!route.ok || !expiry.ok) return err([...(route.ok ? [] : route.error), ...(expiry.ok ? [] : expiry.error)]);
  const text = args.plain("TEXT") ?? "";
  return ok({ list: "*ROUTE", value: { kind: "route", route: route.value }, text, expiresAt: expiry.value });
}

/** The route as CHGSMTPRTE makes it of the present one: what is not said stays. */
export function readChangedRoute(args: Arguments, present: RouteRule): Read<RouteRule> {
  return readRoute(args, formatRoute(present));
}

/** Whether CHGSMTPRTE changes the route itself, and not only text or end. */
export function changesRoute(args: Arguments): boolean {
  return ROUTE_FIELDS.some((field) => isSaid(args, field));
}

function readRoute(args: Arguments, present: RouteTexts): Read<RouteRule> {
  const texts: Partial<Record<RouteField, readonly string[]>> = { ...present };
  for (const field of ROUTE_FIELDS) {
    if (isSaid(args, field)) texts[field] = args.rows(field).map(textOfRow);
  }
  const route = parseRoute(args.text("RTE") ?? "", withoutCompany(args, texts));
  const unsafe = route.ok ? credentialsFault(route.value) : null;
  const faults = unsafe !== null ? [unsafe] : route.ok ? [] : route.error;
  return route.ok && unsafe === null
    ? route
    : err(faults.map(({ field, text, why }) => ({ id: "SMR0151", with: [text, field, why], at: args.at(field) })));
}

function isSaid(args: Arguments, field: RouteField): boolean {
  return args.given(field) && !args.is(field, "*SAME");
}

/** Host and weight stand in a row; a weight of one is not said. */
function textOfRow(row: readonly { readonly text: string }[]): string {
  const [first = "", weight = "1"] = row.map(({ text }) => text);
  return weight === "1" ? first : `${first} ${weight}`;
}

/** Hosts go with *RELAY and pins with *PIN: a change to something else leaves them behind, unless it names them. */
function withoutCompany(args: Arguments, texts: RouteTexts): RouteTexts {
  const { RLYHOST, TLSPIN, ...rest } = texts;
  const keepsHosts = isSaid(args, "RLYHOST") || texts.ACTION?.[0] === "*RELAY";
  const keepsPins = isSaid(args, "TLSPIN") || texts.TLS?.[0] === "*PIN";
  return { ...rest, ...(RLYHOST && keepsHosts ? { RLYHOST } : {}), ...(TLSPIN && keepsPins ? { TLSPIN } : {}) };
}
