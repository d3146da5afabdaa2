import { describeReply, replyClass, type Reply } from "../mail/reply.ts";
import { EVERYBODY, SPAMHAUS_AND_ENTRA } from "./advice/everybody.ts";
import { GOOGLE_AND_AMAZON } from "./advice/google-amazon.ts";
import { MICROSOFT } from "./advice/microsoft.ts";
import type { Advice, AdviceRow, Signs } from "./advice/row.ts";
import type { Outcome } from "./outcome.ts";

export type { Advice } from "./advice/row.ts";

/** What a provider says in a way of its own goes before what everybody says. */
const GROUPS: readonly (readonly AdviceRow[])[] = [
  [...MICROSOFT, ...GOOGLE_AND_AMAZON, ...SPAMHAUS_AND_ENTRA],
  EVERYBODY,
];
export const ADVICE: readonly AdviceRow[] = GROUPS.flat();

/** Characters of a reply that are looked at: what it is about stands in front. */
const LOOKED_AT_MAX = 2_000;
/** Status codes of a reply that are looked at. */
const STATUSES_MAX = 8;

interface Seen {
  readonly text: string;
  readonly code: number;
  readonly statuses: readonly (readonly number[])[];
}

/**
 * What a refusal means and what to do, or null where the table does not know it (or nothing was refused). `server` is who said it,
 * `""` where nobody did. Rows of a provider go before those of everybody; among them the one that demands most of the reply wins: its
 * octets are counted, words, codes and names together.
 */
export function adviceOn(reply: Reply, server: string): Advice | null {
  if (replyClass(reply) < 4) return null;
  const text = `${server} ${describeReply(reply)}`.slice(0, LOOKED_AT_MAX).toLowerCase();
  const seen: Seen = { text, code: reply.code, statuses: statusesIn(text) };
  for (const group of GROUPS) {
    const best = longest(group, seen);
    if (best !== null) return best;
  }
  return null;
}

/** Of two that match equally well, the earlier one. */
function longest(rows: readonly AdviceRow[], seen: Seen): Advice | null {
  let best: Advice | null = null;
  let most = 0;
  for (const { advice, signs } of rows) {
    for (const sign of signs) {
      const matched = lengthOf(sign, seen);
      if (matched <= most) continue;
      most = matched;
      best = advice;
    }
  }
  return best;
}

/** The advice on an outcome: on what is not delivered. */
export function adviceOnOutcome(outcome: Pick<Outcome, "kind" | "reply" | "server">): Advice | null {
  return outcome.kind === "delivered" ? null : adviceOn(outcome.reply, outcome.server);
}

/** One line: `[Microsoft 365] What is missing. What to do.` */
export function describeAdvice({ provider, missing, remedy }: Advice): string {
  return `[${provider}] ${missing} ${remedy}`;
}

/** RFC 3463 codes; an address such as 192.0.2.1 is none. */
function statusesIn(text: string): readonly (readonly number[])[] {
  const found: number[][] = [];
  for (const [, cls, subject, detail] of text.matchAll(/(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?!\d|\.\d)/g)) {
    found.push([Number(cls), Number(subject), Number(detail)]);
    if (found.length === STATUSES_MAX) break;
  }
  return found;
}

/** How much of the reply these signs are: 0 where one is missing. */
function lengthOf(signs: Signs, seen: Seen): number {
  let length = 0;
  if (signs.code !== undefined) {
    if (!signs.code.includes(seen.code)) return 0;
    length += 3;
  }
  if (signs.status !== undefined) {
    const most = Math.max(0, ...signs.status.map((status) => (hasStatus(seen, status) ? statusLength(status) : 0)));
    if (most === 0) return 0;
    length += most;
  }
  for (const words of signs.words ?? []) {
    if (!seen.text.includes(words)) return 0;
    length += words.length;
  }
  if (signs.of !== undefined) {
    const name = signs.of.find((one) => seen.text.includes(one));
    if (name === undefined) return 0;
    length += name.length;
  }
  return length;
}

function hasStatus(seen: Seen, wanted: string): boolean {
  const [cls = "", subject = "", details = ""] = wanted.split(".");
  const [from = "", to = from] = details.split("-");
  return seen.statuses.some(
    ([a, b, c = 0]) => a === Number(cls) && b === Number(subject) && c >= Number(from) && c <= Number(to),
  );
}

/** A range is as long as one of its codes. */
function statusLength(status: string): number {
  const dash = status.indexOf("-");
  return dash < 0 ? status.length : dash;
}
