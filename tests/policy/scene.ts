/** Random policies, clients and recipients, each for the engine and for the model. They crowd together, so that most of them meet. */
import { parseDomain, type Domain } from "../../src/core/mail/domain.ts";
import { formatIpAddress, parseIpAddress, type IpAddress } from "../../src/core/mail/ip.ts";
import type { Mailbox } from "../../src/core/mail/mailbox.ts";
import { networkOf, type Network } from "../../src/core/mail/network.ts";
import { parseMailbox } from "../../src/core/mail/path.ts";
import { applyChange } from "../../src/core/policy/change.ts";
import { emptyPolicy, type CompiledPolicy } from "../../src/core/policy/compile.ts";
import type { ClientFacts } from "../../src/core/policy/decision.ts";
import type { Attributes, EntryValue, NewEntry, PolicyChange } from "../../src/core/policy/policy.ts";
import type { ModelClient, ModelEntry, ModelPolicy } from "./model.ts";
import type { Chance } from "./random.ts";

const ALLOW_RELAY = ["*NONE", "*ALL", "*LIST", "*LIST", "*NEAR", "*NEAR", "*BOTH", "*BOTH"] as const;
const BLOCKLISTS = ["dnsbl.example", "other.example"].map(domain);
const LOCAL_DOMAINS = ["inside.example", "xn--bcher-kva.example"].map(domain);
const NAMES = ["near.example", "sub.near.example", "deep.sub.near.example", "far.example", "own.example", "example"];

export function domain(text: string): Domain {
  const parsed = parseDomain(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`);
  return parsed.value;
}

export function address(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`);
  return parsed.value;
}

/** An address as the model has it. */
export function bitsOf(value: IpAddress): string {
  const words = value.family === 4 ? [value.bits] : value.words;
  return `${value.family}:${words.map((word) => word.toString(2).padStart(32, "0")).join("")}`;
}

/** A handful of addresses that differ in few bits, both families, and the ends of both. */
export function randomAddress(chance: Chance): IpAddress {
  const near = chance.below(4) << (8 * chance.below(4));
  if (chance.once(40)) return address(chance.pick(["0.0.0.0", "255.255.255.255", "::", "ffff::ffff", "128.0.0.0"]));
  if (chance.once(2)) return { family: 4, bits: (0x0a640102 ^ near) >>> 0 };
  const words: [number, number, number, number] = [0x20010db8, 0, 0, 1];
  const at = chance.below(4);
  words[at] = (words[at]! ^ near) >>> 0;
  return { family: 6, words };
}

export function randomNetwork(chance: Chance): Network {
  const base = randomAddress(chance);
  const bitsMax = base.family === 4 ? 32 : 128;
  const prefixBits = chance.once(3) ? bitsMax : chance.below(bitsMax + 1);
  return networkOf(base, prefixBits);
}

function randomEntry(chance: Chance): NewEntry {
  const expiresAt = chance.once(4) ? chance.below(10) : null;
  const list = chance.pick(["*ACCEPT", "*ACCEPT", "*REJECT", "*NEAR", "*NEAR", "*DOMAIN"] as const);
  return { list, value: randomValue(chance, list), text: chance.pick(["", "ERP"]), expiresAt };
}

function randomValue(chance: Chance, list: string): EntryValue {
  if (list === "*DOMAIN") {
    const at = chance.once(3) ? null : randomAddress(chance);
    return { kind: "interface-domain", domain: domain(chance.pick(NAMES)), address: at };
  }
  if (list === "*NEAR" && chance.once(2)) {
    return { kind: "domain", domain: domain(chance.pick(NAMES)), subdomains: chance.once(2) };
  }
  return { kind: "network", network: randomNetwork(chance) };
}

function modelEntry(id: number, { list, value, expiresAt }: NewEntry): ModelEntry {
  if (list !== "*ACCEPT" && list !== "*REJECT" && list !== "*NEAR" && list !== "*DOMAIN")
    throw new Error("not asked here");
  const entry = { id, list, bits: null, name: null, at: null, ends: expiresAt };
  switch (value.kind) {
    case "network": {
      const { base, prefixBits } = value.network;
      return { ...entry, bits: bitsOf(base).slice(0, 2 + prefixBits) };
    }
    case "domain":
      return { ...entry, name: `${value.subdomains ? "." : ""}${value.domain}` };
    case "interface-domain":
      return { ...entry, name: value.domain, at: value.address === null ? null : bitsOf(value.address) };
    default:
      throw new Error("not asked here");
  }
}

/** The same policy twice, grown by the same edits. */
export interface Scene {
  readonly policy: CompiledPolicy;
  readonly model: ModelPolicy;
}

export function randomScene(chance: Chance): Scene {
  let policy = emptyPolicy({ localDomains: LOCAL_DOMAINS, entriesMax: 1_000 });
  const present = new Map<number, NewEntry>();
  const change = (step: PolicyChange): boolean => {
    const changed = applyChange(policy, step, { at: 1, by: "operator" });
    if (changed.ok) ({ policy } = changed.value);
    return changed.ok;
  };
  const attributes = randomAttributes(chance);
  change({ kind: "set-attributes", attributes });
  for (let edits = chance.below(24); edits > 0; edits--) {
    const id = present.size === 0 ? 0 : chance.pick([...present.keys()]);
    const entry = randomEntry(chance);
    if (id === 0 || !chance.once(4)) {
      const next = policy.nextId;
      if (change({ kind: "add-entry", entry })) present.set(next, entry);
    } else if (chance.once(2)) {
      if (change({ kind: "remove-entry", id })) present.delete(id);
    } else {
      const before = present.get(id)!;
      const value = chance.once(2) ? before.value : randomValue(chance, before.list);
      const { expiresAt } = entry;
      if (change({ kind: "change-entry", id, value, expiresAt })) present.set(id, { ...before, value, expiresAt });
    }
  }
  const aliases = attributes.ALIASDMN ?? [];
  const model = {
    allowRelay: policy.attributes.ALWRLY,
    allowAuthentication: policy.attributes.ALWAUTH,
    overrideReject: policy.attributes.OVRRJTCNNL === "*YES",
    blocklists: policy.attributes.RBLSVR,
    percentRoutes: policy.attributes.PCTRTGCHR === "*YES",
    interfacesMatter: policy.attributes.IFCDMN === "*YES",
    localDomains: [...LOCAL_DOMAINS, ...aliases],
    entries: Array.from(present, ([id, entry]) => modelEntry(id, entry)),
  };
  return { policy, model };
}

function randomAttributes(chance: Chance): Partial<Attributes> {
  return {
    ALWRLY: chance.pick(ALLOW_RELAY),
    ALWAUTH: chance.pick(["*NONE", "*NONE", "*RELAY", "*LCLRLY"]),
    OVRRJTCNNL: chance.pick(["*NO", "*YES"]),
    RBLSVR: chance.pick([[], [], BLOCKLISTS.slice(0, 1), BLOCKLISTS]),
    PCTRTGCHR: chance.pick(["*YES", "*YES", "*NO"]),
    ALIASDMN: chance.once(3) ? [domain("alias.example")] : [],
    IFCDMN: chance.pick(["*NO", "*YES"]),
  };
}

/** One client for both; IPv4 addresses came in as IPv4 or mapped. */
export function randomClient(chance: Chance): { readonly facts: ClientFacts; readonly model: ModelClient } {
  const plain = randomAddress(chance);
  const text = formatIpAddress(plain);
  const from = plain.family === 4 && chance.once(2) ? address(`::ffff:${text}`) : address(text);
  const at = chance.once(3) ? null : randomAddress(chance);
  const user = chance.once(3) ? "user" : null;
  const listedBy = chance.once(6) ? chance.pick(BLOCKLISTS) : null;
  const mayAuthenticate = chance.once(2);
  const now = chance.below(10);
  return {
    facts: { address: from, localAddress: at, user, tls: chance.once(2), now, listedBy, mayAuthenticate },
    model: { bits: bitsOf(plain), at: at === null ? null : bitsOf(at), user, listedBy, mayAuthenticate, now },
  };
}

const HOSTS = [...NAMES, "inside.example", "alias.example", "notinside.example", "below.deep.sub.near.example"];
const LOCAL_PARTS = [
  "user",
  "user",
  "User.Name",
  "user%near.example",
  "user%far.example",
  "user%far.example%inside.example",
  "user%inside.example",
  "user%INSIDE.example",
  "user%a%b%c%d%e%f%g%h%i%inside.example%inside.example",
  ["user", ...new Array<string>(4).fill("own.example")].join("%"),
  "%far.example",
  "us.er%far.example",
  "user%",
  "user%192.0.2.1",
  "far.example!user",
  '"far.example!user"',
  '"user@far.example"',
  '"user%far.example"',
  '"user name"',
  "|/usr/bin/id",
];

/** One recipient for both: `text` is how it is written after parsing. */
export function randomRecipient(chance: Chance): { readonly mailbox: Mailbox; readonly text: string } {
  const literal = randomAddress(chance);
  const host = chance.once(8) && literal.family === 4 ? `[${formatIpAddress(literal)}]` : chance.pick(HOSTS);
  const local = chance.pick(LOCAL_PARTS);
  const text = `${local}@${host}`;
  const parsed = parseMailbox(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`);
  return { mailbox: parsed.value, text };
}
