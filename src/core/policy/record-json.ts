/** A change of the policy as JSON text: what the policy log keeps. An entry is an array, so that a million of them stay small. */
import { err, ok, type Result } from "../base/result.ts";
import { parseDomain } from "../mail/domain.ts";
import { formatIpAddress, parseIpAddress } from "../mail/ip.ts";
import { formatNetwork, parseCidr } from "../mail/network.ts";
import type { AuthMethod } from "../mail/next-hop-terms.ts";
import {
  DEFAULT_ATTRIBUTES,
  LIST_NAMES,
  type Attributes,
  type EntryValue,
  type ListName,
  type NewEntry,
  type PolicyChange,
} from "./policy.ts";
import {
  formatAuthMethod,
  formatRoute,
  parseHostMethod,
  parseRoute,
  ROUTE_FIELDS,
  type RouteField,
  type RouteTexts,
} from "./route-fields.ts";

export function encodePolicyChange(change: PolicyChange): string {
  switch (change.kind) {
    case "set-attributes":
    case "remove-entry":
      return JSON.stringify(change);
    case "add-entry":
      return JSON.stringify({ kind: change.kind, entry: encodeEntry(change.entry) });
    case "change-entry": {
      const { value, ...rest } = change;
      return JSON.stringify(value === undefined ? rest : { ...rest, value: encodeValue(value) });
    }
    case "replace":
      return [...encodeInPieces(change)].join("");
  }
}

/** The same text piece by piece, for changes of many entries. */
export function* encodeInPieces(change: PolicyChange): Generator<string, void> {
  if (change.kind !== "replace") {
    yield encodePolicyChange(change);
    return;
  }
  yield `{"kind":"replace","attributes":${JSON.stringify(change.attributes)},"entries":[`;
  for (let at = 0; at < change.entries.length; at += ENTRIES_PER_PIECE) {
    const piece = JSON.stringify(change.entries.slice(at, at + ENTRIES_PER_PIECE).map(encodeEntry));
    yield `${at === 0 ? "" : ","}${piece.slice(1, -1)}`;
  }
  yield "]}";
}

const ENTRIES_PER_PIECE = 256;

/** The change again; the fault says what is wrong, as for a log that a newer program wrote or that was damaged. */
export function decodePolicyChange(text: string): Result<PolicyChange, string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return err("it is no JSON");
  }
  try {
    return ok(decodeChange(objectOf(json, "change")));
  } catch (fault) {
    if (fault instanceof DecodingFault) return err(fault.message);
    throw fault;
  }
}

/** Thrown while decoding and caught above: the text is not what `encodePolicyChange` writes. */
class DecodingFault extends Error {}

type JsonObject = Readonly<Record<string, unknown>>;

function decodeChange(json: JsonObject): PolicyChange {
  switch (json["kind"]) {
    case "set-attributes":
      return { kind: "set-attributes", attributes: decodeAttributes(json["attributes"]) };
    case "add-entry":
      return { kind: "add-entry", entry: decodeEntry(json["entry"]) };
    case "remove-entry":
      return { kind: "remove-entry", id: numberOf(json["id"], "id") };
    case "change-entry":
      return {
        kind: "change-entry",
        id: numberOf(json["id"], "id"),
        ...(json["value"] === undefined ? {} : { value: decodeValue(json["value"]) }),
        ...(json["text"] === undefined ? {} : { text: textOf(json["text"], "text") }),
        ...(json["expiresAt"] === undefined ? {} : { expiresAt: endOf(json["expiresAt"]) }),
      };
    case "replace":
      return {
        kind: "replace",
        attributes: { ...DEFAULT_ATTRIBUTES, ...decodeAttributes(json["attributes"]) },
        entries: arrayOf(json["entries"], "entries").map(decodeEntry),
      };
    default:
      throw new DecodingFault(`kind ${JSON.stringify(json["kind"])} is not known`);
  }
}

/** The special values of the attributes that have nothing else. */
const SPECIAL_VALUES: { readonly [Name in SpecialAttribute]: readonly Attributes[Name][] } = {
  ALWRLY: ["*NONE", "*ALL", "*LIST", "*NEAR", "*BOTH"],
  ALWAUTH: ["*NONE", "*RELAY", "*LCLRLY"],
  OVRRJTCNNL: ["*NO", "*YES"],
  PCTRTGCHR: ["*YES", "*NO"],
  ALWBARELF: ["*NO", "*YES"],
  VFYFROMUSR: ["*NONE", "*ALL", "*LIST"],
  FIREWALL: ["*NO", "*YES"],
  MIME8BIT: ["*YES", "*NO"],
  JOURNAL: ["*YES", "*NO"],
  AUTOSTART: ["*YES", "*NO"],
  IFCDMN: ["*NO", "*YES"],
  ETRNSVR: ["*NO", "*YES"],
};
type SpecialAttribute = {
  [Name in keyof Attributes]: Attributes[Name] extends `*${string}` ? Name : never;
}[keyof Attributes];

function decodeAttributes(json: unknown): Partial<Attributes> {
  const object = objectOf(json, "attributes");
  for (const [name, value] of Object.entries(object)) {
    if (!isAttributeValue(name, value)) {
      throw new DecodingFault(`attribute ${name}(${JSON.stringify(value)}) is not known`);
    }
  }
  return object;
}

function isAttributeValue(name: string, value: unknown): boolean {
  switch (name) {
    case "MAILROUTER":
    case "FWDHUBSVR":
      return value === null || typeof value === "string";
    case "ARCDMN":
      return value === null || (typeof value === "string" && isDomain(value));
    case "RBLSVR":
    case "ALIASDMN":
      return Array.isArray(value) && value.every((text) => typeof text === "string" && isDomain(text));
    case "RTYMIN":
    case "RTYHOUR":
    case "RTYDAY": {
      const level = objectOf(value, name);
      return isCount(level["attempts"]) && isCount(level["interval"]);
    }
    case "MAXEMMSIZE":
    case "MAXINEMM":
    case "MAXOUTEMM":
      return isCount(value);
    default:
      return (
        Object.hasOwn(SPECIAL_VALUES, name) && SPECIAL_VALUES[name as SpecialAttribute].some((known) => known === value)
      );
  }
}

function isDomain(text: string): boolean {
  const parsed = parseDomain(text);
  return parsed.ok && parsed.value === text;
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

type EncodedEntry = readonly [list: ListName, value: EncodedValue, text: string, expiresAt: number | null];
/** A value as JSON: its kind, then its texts. */
export type EncodedValue = readonly string[];

function encodeEntry({ list, value, text, expiresAt }: NewEntry): EncodedEntry {
  return [list, encodeValue(value), text, expiresAt];
}

function decodeEntry(json: unknown): NewEntry {
  const [list, value, text, expiresAt] = arrayOf(json, "entry");
  if (!LIST_NAMES.includes(list as ListName)) throw new DecodingFault(`list ${JSON.stringify(list)} is not known`);
  return {
    list: list as ListName,
    value: decodeValue(value),
    text: textOf(text, "text"),
    expiresAt: endOf(expiresAt),
  };
}

export function encodeValue(value: EntryValue): EncodedValue {
  switch (value.kind) {
    case "network":
      return ["network", formatNetwork(value.network)];
    case "domain":
      return value.subdomains ? ["domain", value.domain, "subdomains"] : ["domain", value.domain];
    case "interface-domain": {
      const address = value.address === null ? [] : [formatIpAddress(value.address)];
      return ["interface-domain", value.domain, ...address];
    }
    case "etrn-domain":
      return ["etrn-domain", value.domain];
    case "address":
      return ["address", formatIpAddress(value.address)];
    case "host-credentials":
      return [
        ...["host-credentials", value.host, value.user, value.sealedPassword],
        ...(value.method === "auto" && value.account === "" ? [] : [formatAuthMethod(value.method), value.account]),
      ];
    case "route": {
      const fields = Object.entries(formatRoute(value.route));
      return [
        "route",
        value.route.name,
        ...fields.flatMap(([field, texts]) => texts.map((text) => `${field}=${text}`)),
      ];
    }
  }
}

/** The value again; throws where it is none. */
export function decodeValue(json: unknown): EntryValue {
  const [kind, ...texts] = arrayOf(json, "value").map((text) => textOf(text, "value"));
  const [first = "", second, third] = texts;
  switch (kind) {
    case "network":
      return { kind, network: valueOf(parseCidr(first), first) };
    case "domain":
      return { kind, domain: valueOf(parseDomain(first), first), subdomains: second !== undefined };
    case "interface-domain": {
      const address = second === undefined ? null : valueOf(parseIpAddress(second), second);
      return { kind, domain: valueOf(parseDomain(first), first), address };
    }
    case "etrn-domain":
      return { kind, domain: valueOf(parseDomain(first), first) };
    case "address":
      return { kind, address: valueOf(parseIpAddress(first), first) };
    case "host-credentials":
      return {
        kind,
        host: first,
        user: second ?? "",
        sealedPassword: third ?? "",
        method: hostMethod(texts[3] ?? "*AUTO"),
        account: texts[4] ?? "",
      };
    case "route":
      return { kind, route: valueOf(parseRoute(first, routeTexts(texts.slice(1))), first) };
    default:
      throw new DecodingFault(`value kind ${JSON.stringify(kind)} is not known`);
  }
}

function hostMethod(text: string): AuthMethod {
  const method = parseHostMethod(text);
  if (method === null) throw new DecodingFault(`method ${JSON.stringify(text)} is not known`);
  return method;
}

/** `RCPDMN=partner.example`: a field with one of its texts. */
function routeTexts(pairs: readonly string[]): RouteTexts {
  const texts: Partial<Record<RouteField, string[]>> = {};
  for (const pair of pairs) {
    const end = pair.indexOf("=");
    const field = ROUTE_FIELDS.find((name) => name === pair.slice(0, end));
    if (field === undefined) throw new DecodingFault(`field ${JSON.stringify(pair)} of a route is not known`);
    (texts[field] ??= []).push(pair.slice(end + 1));
  }
  return texts;
}

function valueOf<T>(parsed: Result<T, unknown>, text: string): T {
  if (parsed.ok) return parsed.value;
  throw new DecodingFault(`${JSON.stringify(text)} cannot be read`);
}

function objectOf(json: unknown, what: string): JsonObject {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as JsonObject;
  throw new DecodingFault(`${what} is no object`);
}

function arrayOf(json: unknown, what: string): readonly unknown[] {
  if (Array.isArray(json)) return json as readonly unknown[];
  throw new DecodingFault(`${what} is no list`);
}

function textOf(json: unknown, what: string): string {
  if (typeof json === "string") return json;
  throw new DecodingFault(`${what} is no text`);
}

function numberOf(json: unknown, what: string): number {
  if (typeof json === "number" && Number.isSafeInteger(json)) return json;
  throw new DecodingFault(`${what} is no number`);
}

function endOf(json: unknown): number | null {
  return json === null ? null : numberOf(json, "end");
}
