import { assert, unreachable } from "../../core/base/assert.ts";
import { ipv4, type IpAddress } from "../../core/mail/ip.ts";
import type { Decision, Rule, Verdict } from "../../core/policy/decision.ts";
import type { Entry } from "../../core/policy/policy.ts";
import type { QueueId } from "../../core/queue/message.ts";
import type { Outcome } from "../../core/queue/outcome.ts";
import type { JournalEvent, JournalKind, JournalRow } from "../../flows/ports.ts";

/**
 * An event on its way to the journal's thread: one line of text, its kind and a field for each column that its kind has, tabs
 * between them, "" for null. What nobody filters by is JSON in the last field: JSON has no raw tab and no raw line end.
 */
export const FIELDS = {
  decision: ["at", "client", "user", "domains", "decision", "verdict", "rule", "entry", "version", "count", "detail"],
  accepted: ["at", "client", "user", "domains", "queue", "detail"],
  outcome: ["at", "domains", "queue", "detail"],
  policy: ["at", "version", "detail"],
  operation: ["at", "detail"],
} as const satisfies { readonly [Kind in JournalKind]: readonly (keyof Columns)[] };

/** A row's columns as SQLite gives them. `client` is a number for IPv4, 32 hexadecimal digits for IPv6. */
export interface Columns {
  readonly at: number;
  readonly kind: JournalKind;
  readonly client: number | string | null;
  readonly user: string | null;
  /** Domains of the paths in lower case, a space before and after each. */
  readonly domains: string | null;
  readonly queue: number | null;
  readonly decision: number | null;
  readonly verdict: string | null;
  readonly rule: string | null;
  readonly entry: number | null;
  readonly version: number | null;
  readonly count: number;
  readonly detail: string;
}

/** An entry is the same object for every decision that it makes: its JSON is made once. */
const entryTexts = new WeakMap<Entry, string>();

/** The line of an event, with its line end. */
export function formatLine(event: JournalEvent): string {
  switch (event.kind) {
    case "decision":
      return formatDecision(event);
    case "accepted": {
      const { reversePath, recipients, sizeOctets, tls } = event;
      const domains = domainsOf(reversePath, recipients);
      const detail = JSON.stringify({ reversePath, recipients, sizeOctets, tls });
      const who = `${formatClient(event.client)}\t${formatUser(event.user)}\t${domains}`;
      return `accepted\t${event.at}\t${who}\t${event.queueId}\t${detail}\n`;
    }
    case "outcome": {
      const { reversePath, recipient, outcome } = event;
      const domains = domainsOf(reversePath, [recipient]);
      const detail = JSON.stringify({ reversePath, recipient, outcome });
      return `outcome\t${event.at}\t${domains}\t${event.queueId}\t${detail}\n`;
    }
    case "policy": {
      const { by, command, meaning } = event;
      return `policy\t${event.at}\t${event.version}\t${JSON.stringify({ by, command, meaning })}\n`;
    }
    case "operation": {
      const { by, text } = event;
      return `operation\t${event.at}\t${JSON.stringify({ by, text })}\n`;
    }
  }
}

function formatDecision(event: JournalEvent & { kind: "decision" }): string {
  const { at, id, decision, client, user, reversePath, recipient, helo, listener, count, over } = event;
  const { verdict, rule, entry, policyVersion, reply, path } = decision;
  const what = `${id}\t${verdict}\t${rule}\t${entry === null ? "" : entry.id}\t${policyVersion}\t${count}`;
  const who = `${formatClient(client)}\t${formatUser(user)}\t${domainsOf(reversePath, [recipient])}`;
  const rest = JSON.stringify({ helo, reversePath, recipient, listener, reply, path, over });
  const entryText = entry === null ? "null" : textOf(entry);
  return `decision\t${at}\t${who}\t${what}\t{"entry":${entryText},${rest.slice(1)}\n`;
}

function textOf(entry: Entry): string {
  let text = entryTexts.get(entry);
  if (text === undefined) entryTexts.set(entry, (text = JSON.stringify(entry)));
  return text;
}

function formatUser(user: string | null): string {
  return user === null ? "" : JSON.stringify(user);
}

function formatClient(client: IpAddress): string {
  return client.family === 4 ? String(client.bits) : (clientKey(client) as string);
}

/** The client as its column has it: in this form the addresses of a network are a range. */
export function clientKey(client: IpAddress): number | string {
  if (client.family === 4) return client.bits;
  const [a, b, c, d] = client.words;
  return hex(a) + hex(b) + hex(c) + hex(d);
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}

function domainsOf(reversePath: string, recipients: readonly string[]): string {
  const sender = domainOf(reversePath);
  const first = domainOf(recipients[0] ?? "");
  if (recipients.length > 1) {
    return ` ${[...new Set([sender, ...recipients.map(domainOf)])].filter((domain) => domain !== "").join(" ")} `;
  }
  if (first === "" || first === sender) return sender === "" ? "" : ` ${sender} `;
  return sender === "" ? ` ${first} ` : ` ${sender} ${first} `;
}

/** What stands after the last `@`. Text that is no domain cannot break the line. */
function domainOf(path: string): string {
  const at = path.lastIndexOf("@");
  if (at < 0) return "";
  const domain = path.slice(at + 1).toLowerCase();
  return /[\s>]/.test(domain) ? domain.replaceAll(/[\s>]/g, "") : domain;
}

/** The kind and the values of a line without its line end, in the order of `FIELDS`. Numbers may be text: SQLite makes them numbers. */
export function parseLine(line: string): { readonly kind: JournalKind; readonly values: (string | bigint | null)[] } {
  const [kind = "", ...values] = line.split("\t");
  const names: readonly string[] | undefined = FIELDS[kind as JournalKind];
  assert(names?.length === values.length, "a line has a field for each column of its kind");
  const read: (string | bigint | null)[] = values;
  for (let i = 0; i < values.length; i++) if (values[i] === "") read[i] = null;
  if (kind === "decision" || kind === "accepted") {
    const [, client = "", user = ""] = values;
    // This column takes numbers of any kind and text alike, so it must be told.
    if (client !== null && client.length < 32) read[1] = BigInt(client);
    if (user !== null) read[2] = JSON.parse(user) as string;
  }
  return { kind: kind as JournalKind, values: read };
}

interface DecisionDetail {
  readonly entry: Entry | null;
  readonly helo: string;
  readonly reversePath: string;
  readonly recipient: string;
  readonly listener: string;
  readonly reply: Decision["reply"];
  readonly path: readonly string[];
  readonly over?: "network" | "everybody";
}

/** The event again that `formatLine` was given. */
export function readRow(row: number, columns: Columns): JournalRow {
  const { at, kind, user } = columns;
  const queueId = columns.queue as QueueId;
  const detail: unknown = JSON.parse(columns.detail);
  switch (kind) {
    case "decision": {
      const { entry, helo, reversePath, recipient, listener, reply, path, over } = detail as DecisionDetail;
      const verdict = columns.verdict as Verdict;
      const rule = columns.rule as Rule;
      const decision: Decision = { verdict, rule, entry, policyVersion: columns.version ?? 0, reply, path };
      const id = columns.decision ?? 0;
      const client = readClient(columns.client);
      const found = { row, kind, at, id, decision, client, helo, user, reversePath, recipient, listener } as const;
      return over === undefined ? { ...found, count: columns.count } : { ...found, count: columns.count, over };
    }
    case "accepted": {
      const rest = detail as { reversePath: string; recipients: readonly string[]; sizeOctets: number; tls?: string };
      // Rows of before this was kept have none.
      return { row, kind, at, queueId, client: readClient(columns.client), user, ...rest, tls: rest.tls ?? "" };
    }
    case "outcome": {
      const rest = detail as { reversePath: string; recipient: string; outcome: Outcome };
      return { row, kind, at, queueId, ...rest };
    }
    case "policy": {
      const rest = detail as { by: string; command: string; meaning: string };
      return { row, kind, at, version: columns.version ?? 0, ...rest };
    }
    case "operation":
      return { row, kind, at, ...(detail as { by: string; text: string }) };
    default:
      return unreachable(kind);
  }
}

function readClient(client: number | string | null): IpAddress {
  if (typeof client !== "string") return ipv4(client ?? 0);
  const word = (i: number): number => parseInt(client.slice(8 * i, 8 * i + 8), 16);
  return { family: 6, words: [word(0), word(1), word(2), word(3)] };
}
