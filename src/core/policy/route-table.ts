import type { Instant } from "../base/time.ts";
import { parentDomains } from "../mail/domain.ts";
import type { ReversePath } from "../mail/envelope.ts";
import type { IpAddress } from "../mail/ip.ts";
import { formatMailboxHost, type Mailbox, type MailboxHost } from "../mail/mailbox.ts";
import { formatNetwork, networkOf, type Network } from "../mail/network.ts";
import { hasEnded, type Entry } from "./policy.ts";
import { formatDomainPattern } from "./route-fields.ts";
import type { RouteMatch, RouteRule, SenderPattern } from "./route-rule.ts";

/** The mail that a route is looked for. */
export interface RouteQuestion {
  readonly recipient: MailboxHost;
  readonly sender: ReversePath;
  /** null for a report of our own. */
  readonly client: IpAddress | null;
}

export interface RouteEntry {
  readonly entry: Entry;
  readonly route: RouteRule;
}

/**
 * The routes of a policy, and which of them is for what mail. Of those that match, the most specific counts; a total order:
 *
 * 1. by recipient: the exact domain, then subdomains (of the longer name first), then *ANY;
 * 2. of these by sender: the address or `<>`, then the exact domain, then subdomains (longer first), then *ANY;
 * 3. of these by client: the longer prefix, then *ANY;
 * 4. of these the name that sorts first.
 *
 * Found by keys and not by looking through: thousands of routes cost a message no more than a few.
 */
export class RouteTable {
  static readonly EMPTY = new RouteTable([]);

  readonly size: number;
  /** Whether a route refuses mail: else RCPT need not ask. */
  readonly refuses: boolean;
  readonly #byName = new Map<string, RouteEntry>();
  readonly #byRecipient = new Map<string, Map<string, ClientRoutes>>();

  constructor(entries: Iterable<Entry>) {
    let refuses = false;
    for (const entry of entries) {
      if (entry.value.kind !== "route") continue;
      const { route } = entry.value;
      this.#byName.set(route.name, { entry, route });
      refuses ||= route.action.kind === "refuse";
    }
    for (const name of [...this.#byName.keys()].sort()) {
      const each = this.#byName.get(name);
      if (each) this.#add(each);
    }
    this.size = this.#byName.size;
    this.refuses = refuses;
  }

  #add(each: RouteEntry): void {
    const { recipient, sender, client } = each.route.match;
    const bySender = entryOf(this.#byRecipient, recipientKey(recipient), () => new Map<string, ClientRoutes>());
    entryOf(bySender, senderKey(sender), () => new ClientRoutes()).add(client, each);
  }

  find(name: string): RouteEntry | null {
    return this.#byName.get(name) ?? null;
  }

  /** All of them, the most specific first; of those that are as specific the name that sorts first. */
  bySpecificity(): readonly RouteEntry[] {
    const ranked = [...this.#byName.values()].map((each) => ({ each, rank: rankOf(each.route.match) }));
    const byName = (a: RouteEntry, b: RouteEntry): number => (a.route.name < b.route.name ? -1 : 1);
    return ranked.sort((a, b) => compareRanks(a.rank, b.rank) || byName(a.each, b.each)).map(({ each }) => each);
  }

  /** When the next of the routes ends after `now`; Infinity where none will. */
  nextEnd(now: Instant): Instant {
    let next = Infinity;
    for (const { entry } of this.#byName.values()) {
      if (!hasEnded(entry, now)) next = Math.min(next, entry.expiresAt ?? Infinity);
    }
    return next;
  }

  /** The route that counts; null where none matches. Routes that ended before `now` match nothing. */
  match(question: RouteQuestion, now: Instant): RouteEntry | null {
    if (this.size === 0) return null;
    for (const each of this.matches(question, now)) return each;
    return null;
  }

  /** The route for all mail to the host; "unknown" where that hangs on the sender or the client. */
  matchHost(recipient: MailboxHost, now: Instant): RouteEntry | null | "unknown" {
    if (this.size === 0) return null;
    for (const to of hostKeys(recipient)) {
      const bySender = this.#byRecipient.get(to);
      if (bySender === undefined) continue;
      const routes = bySender.get(ANY);
      if (bySender.size > 1 || routes === undefined || routes.asks) return "unknown";
      for (const each of routes.matches(null)) if (!hasEnded(each.entry, now)) return each;
    }
    return null;
  }

  /** All that match, the most specific first. */
  *matches({ recipient, sender, client }: RouteQuestion, now: Instant): Generator<RouteEntry, void> {
    const senders = senderKeys(sender);
    for (const to of hostKeys(recipient)) {
      const bySender = this.#byRecipient.get(to);
      if (bySender === undefined) continue;
      for (const from of senders) {
        for (const each of bySender.get(from)?.matches(client) ?? []) {
          if (!hasEnded(each.entry, now)) yield each;
        }
      }
    }
  }
}

const ANY = "*";

/** Lower is more specific: by recipient, sender and client. */
function rankOf({ recipient, sender, client }: RouteMatch): readonly number[] {
  return [...rankOfPattern(recipient), ...rankOfSender(sender), client === null ? 0 : -client.prefixBits - 1];
}

function rankOfSender(sender: SenderPattern | null): readonly number[] {
  return sender === null || sender.kind === "domain" ? [1, ...rankOfPattern(sender)] : [0, 0, 0];
}

function rankOfPattern(pattern: RouteMatch["recipient"]): readonly number[] {
  if (pattern === null) return [2, 0];
  return pattern.subdomains ? [1, -pattern.domain.length] : [0, 0];
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

function recipientKey(pattern: RouteMatch["recipient"]): string {
  return pattern === null ? ANY : formatDomainPattern(pattern);
}

function senderKey(pattern: SenderPattern | null): string {
  if (pattern === null) return ANY;
  switch (pattern.kind) {
    case "address":
      return addressKey(pattern.mailbox);
    case "domain":
      return formatDomainPattern(pattern);
    case "null":
      return NULL;
  }
}

const NULL = "<>";

/** Local-parts are compared without regard to case: nobody means two mailboxes by them. */
function addressKey({ localPart, host }: Mailbox): string {
  return `${localPart.toLowerCase()}@${formatMailboxHost(host)}`;
}

/** The keys that patterns for the host may have, the most specific first. */
function hostKeys(host: MailboxHost): readonly string[] {
  if (host.kind === "literal") return [ANY];
  const [exact = "", ...parents] = parentDomains(host.domain).reverse();
  return [exact, ...parents.map((parent) => `.${parent}`), ANY];
}

function senderKeys(sender: ReversePath): readonly string[] {
  return sender === null ? [NULL, ANY] : [addressKey(sender), ...hostKeys(sender.host)];
}

/** The routes of one recipient and one sender, by the network of the client. */
class ClientRoutes {
  /** Prefix lengths that occur, the longest first. */
  #lengths: readonly number[] = [];
  readonly #byNetwork = new Map<string, RouteEntry[]>();

  /** Whether it matters who the client is. */
  get asks(): boolean {
    return this.#lengths.length > 0;
  }

  /** Of one network they come in order of their names. */
  add(client: Network | null, each: RouteEntry): void {
    entryOf(this.#byNetwork, client === null ? ANY : formatNetwork(client), (): RouteEntry[] => []).push(each);
    if (client === null || this.#lengths.includes(client.prefixBits)) return;
    this.#lengths = [...this.#lengths, client.prefixBits].sort((a, b) => b - a);
  }

  *matches(client: IpAddress | null): Generator<RouteEntry, void> {
    if (client !== null) {
      const bitsMax = client.family === 4 ? 32 : 128;
      for (const bits of this.#lengths) {
        if (bits <= bitsMax) yield* this.#byNetwork.get(formatNetwork(networkOf(client, bits))) ?? [];
      }
    }
    yield* this.#byNetwork.get(ANY) ?? [];
  }
}

function entryOf<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
