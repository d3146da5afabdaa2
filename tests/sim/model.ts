import { formatIpAddress, type IpAddress } from "../../src/core/mail/ip.ts";
import { formatNetwork } from "../../src/core/mail/network.ts";
import type { EntryValue, PolicyRecord } from "../../src/core/policy/policy.ts";

interface ModelEntry {
  readonly list: string;
  /** `10.0.0.0/8`, `near.example` or `.near.example`. */
  readonly text: string;
  readonly ends: number | null;
}

/** The policy as far as the simulation uses it, told once more in the plainest way. It shares no code with the engine. */
export class ModelPolicy {
  readonly #allow: string;
  readonly #entries: ReadonlyMap<number, ModelEntry>;
  readonly #nextId: number;

  constructor(allow = "*NONE", entries: ReadonlyMap<number, ModelEntry> = new Map(), nextId = 1) {
    this.#allow = allow;
    this.#entries = entries;
    this.#nextId = nextId;
  }

  /** The version that follows. Of changes the simulation makes these. */
  after({ change }: PolicyRecord): ModelPolicy {
    const entries = new Map(this.#entries);
    switch (change.kind) {
      case "set-attributes":
        return new ModelPolicy(change.attributes.ALWRLY ?? this.#allow, entries, this.#nextId);
      case "add-entry": {
        const { list, value, expiresAt } = change.entry;
        entries.set(this.#nextId, { list, text: textOf(value), ends: expiresAt });
        return new ModelPolicy(this.#allow, entries, this.#nextId + 1);
      }
      case "change-entry": {
        const entry = entries.get(change.id);
        if (!entry) throw new Error("the model has no such entry");
        const text = change.value === undefined ? entry.text : textOf(change.value);
        const ends = change.expiresAt === undefined ? entry.ends : change.expiresAt;
        entries.set(change.id, { list: entry.list, text, ends });
        return new ModelPolicy(this.#allow, entries, this.#nextId);
      }
      case "remove-entry":
        entries.delete(change.id);
        return new ModelPolicy(this.#allow, entries, this.#nextId);
      case "replace":
        throw new Error("the model knows no replace");
    }
  }

  /** May this client send to this domain? `isLocal`: the domain is ours. */
  lets(client: IpAddress, domain: string, isLocal: boolean, now: number): boolean {
    const address = formatIpAddress(client);
    const entries = [...this.#entries.values()].filter(({ ends }) => ends === null || now < ends);
    if (entries.some(({ list, text }) => list === "*ROUTE" && text === `refuse ${domain}`)) return false;
    const names = (list: string): boolean => entries.some((entry) => entry.list === list && isIn(address, entry.text));
    if (names("*REJECT")) return false;
    if (isLocal || this.#allow === "*ALL") return true;
    if ((this.#allow === "*LIST" || this.#allow === "*BOTH") && names("*ACCEPT")) return true;
    if (this.#allow !== "*NEAR" && this.#allow !== "*BOTH") return false;
    const isNear = ({ list, text }: ModelEntry): boolean =>
      list === "*NEAR" && (text.startsWith(".") ? domain.endsWith(text) : domain === text);
    return entries.some(isNear) || names("*NEAR");
  }
}

function textOf(value: EntryValue): string {
  if (value.kind === "network") return formatNetwork(value.network);
  if (value.kind === "route") {
    const { action, match } = value.route;
    return `${action.kind} ${match.recipient?.domain ?? ""}`;
  }
  if (value.kind !== "domain") throw new Error(`the model knows no ${value.kind}`);
  return `${value.subdomains ? "." : ""}${value.domain}`;
}

/** Whether an IPv4 address is in `a.b.c.d/n`. */
function isIn(address: string, network: string): boolean {
  const [base, length] = network.split("/");
  if (length === undefined) return false;
  return bitsOf(address).slice(0, Number(length)) === bitsOf(base ?? "").slice(0, Number(length));
}

function bitsOf(address: string): string {
  return address
    .split(".")
    .map((octet) => Number(octet).toString(2).padStart(8, "0"))
    .join("");
}
