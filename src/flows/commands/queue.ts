import type { Json } from "../../core/base/json.ts";
import { printable } from "../../core/base/printable.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import { formatInstant, type Instant } from "../../core/base/time.ts";
import type { Arguments } from "../../core/cl/arguments.ts";
import { counted, formatCount } from "../../core/base/count.ts";
import { leader, pageHeading, table, type Column } from "../../core/cl/layout.ts";
import { message, type Diagnostic, type MessageId } from "../../core/cl/messages.ts";
import { formatIpAddress } from "../../core/mail/ip.ts";
import { formatMailbox } from "../../core/mail/mailbox.ts";
import { describeReply } from "../../core/mail/reply.ts";
import { formatQueueId, parseQueueId, type QueueId } from "../../core/queue/message.ts";
import type { Outcome } from "../../core/queue/outcome.ts";
import type { QueueEntry, QueueFilter, QueueOperations } from "../operations.ts";
import { adviceTable, outcomeAdviceJson } from "./advice.ts";
import { answer, faultsOf, say, type Answer, type CommandContext, type Handler } from "./answer.ts";
import { journalTable, rowJson } from "./journal.ts";
import { readMoment } from "./moment.ts";

type Act = (queue: QueueOperations, filter: QueueFilter, by: string) => Promise<number>;

export const holdMessages = actor((queue, filter, by) => queue.hold(filter, by), "SMR0401");
export const releaseMessages = actor((queue, filter, by) => queue.release(filter, by), "SMR0402");
export const retryMessages = actor((queue, filter, by) => queue.retry(filter, by), "SMR0403");
export const removeMessages = actor((queue, filter, by) => queue.remove(filter, by), "SMR0404");

function actor(act: Act, id: MessageId): Handler {
  return async (context, args) => {
    const filter = readPicks(args);
    if (!filter.ok) return faultsOf(filter.error);
    if (Object.keys(filter.value).length === 0 && !args.is("MSG", "*ALL")) return say("SMR0407");
    const concerned = await act(context.operations.queue, filter.value, context.by);
    if (concerned === 0) return say("SMR0405");
    return answer([message(id, counted(concerned, "message"))], "", { count: concerned });
  };
}

/** MSG, NEXTHOP, ORG and RCP as a filter. */
function readPicks(args: Arguments): Result<QueueFilter, readonly Diagnostic[]> {
  const ids: QueueId[] = [];
  const faults: Diagnostic[] = [];
  for (const value of args.plains("MSG")) {
    const id = parseQueueId(value.text);
    if (id.ok) ids.push(id.value);
    else faults.push({ id: "SMR0406", with: [value.text], at: value.at });
  }
  if (faults.length > 0) return err(faults);
  const nextHop = args.text("NEXTHOP");
  const reversePath = args.text("ORG");
  const recipient = args.text("RCP");
  return ok({
    ...(ids.length > 0 ? { ids } : {}),
    ...(nextHop === null ? {} : { nextHop }),
    ...(reversePath === null ? {} : { reversePath: reversePath === "<>" ? "" : reversePath }),
    ...(recipient === null ? {} : { recipient }),
  });
}

const STATES: Readonly<Record<string, QueueEntry["state"]>> = {
  "*PND": "ready",
  "*WRK": "active",
  "*RTY": "deferred",
  "*HLD": "held",
  "*CAP": "captured",
};

/** *LCD is mail of this machine, *NDL a report of our own, *RLY what came over the network. */
function typeOf(entry: QueueEntry): "*LCD" | "*NDL" | "*RLY" {
  const { protocol } = entry.message.origin;
  return protocol === "local" ? "*LCD" : protocol === "report" ? "*NDL" : "*RLY";
}

export const workWithMessages: Handler = async (context, args) => {
  const { queue } = context.operations;
  const { now } = context;
  const filter = readFilter(args, now);
  if (!filter.ok) return faultsOf(filter.error);
  const [only] = filter.value.ids ?? [];
  if (only !== undefined && filter.value.ids?.length === 1) return displayMessage(context, only);
  const limit = Number(args.text("NBRRCD"));
  const found = (await queue.list(filter.value, limit)).filter((entry) => fits(entry, args));
  const entries = [...found].sort(ORDERS[args.text("SORTBY") ?? "*TIME"] ?? byTime);
  const summary = await queue.summary();
  const output = [
    pageHeading("Work with SMTP E-mail Messages", context.operations.server.status().hostname, now),
    ` Queued ${formatCount(summary.queued)}: ready ${summary.ready}, active ${summary.active}, deferred ${summary.deferred}, ` +
      `held ${summary.held}.  Captured ${summary.captured}.  Connections out ${summary.connectionsOut}.`,
    "",
    entries.length === 0 ? " (No messages)" : table(COLUMNS, entries.map(messageRow)),
    ...belowOf(entries.flatMap(({ message: queued }) => queued.outcomes)),
  ].join("\n");
  return answer([message("SMR0408", counted(entries.length, "message"))], output, entries.map(messageJson));
};

/** The advice below what it is about. */
function belowOf(outcomes: readonly (Outcome | null)[]): readonly string[] {
  const advice = adviceTable(outcomes);
  return advice === "" ? [] : ["", advice];
}

function readFilter(args: Arguments, now: Instant): Result<QueueFilter, readonly Diagnostic[]> {
  const picks = readPicks(args);
  const from = readMoment(args, "FROMTIME", now);
  const to = readMoment(args, "TOTIME", now);
  const faults = [picks, from, to].flatMap((read) => (read.ok ? [] : read.error));
  if (!picks.ok || !from.ok || !to.ok) return err(faults);
  const states = args.rows("QUEUE").flatMap((row) => STATES[row[0]?.text ?? ""] ?? []);
  return ok({
    ...picks.value,
    ...(states.length > 0 ? { states } : {}),
    ...(from.value === null ? {} : { from: from.value }),
    ...(to.value === null ? {} : { to: to.value }),
  });
}

function fits(entry: QueueEntry, args: Arguments): boolean {
  const type = args.text("TYPE");
  if (type !== "*ALL" && type !== typeOf(entry)) return false;
  const address = args.text("ADDRESS")?.toLowerCase();
  if (address === undefined) return true;
  return [reversePathOf(entry), ...recipientsOf(entry)].some((mailbox) => mailbox.toLowerCase() === address);
}

type Order = (a: QueueEntry, b: QueueEntry) => number;

const byTime: Order = (a, b) => a.message.acceptedAt - b.message.acceptedAt || a.message.id - b.message.id;

function byText(key: (entry: QueueEntry) => string): Order {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : byTime(a, b));
}

const ORDERS: Readonly<Record<string, Order>> = {
  "*TIME": byTime,
  "*ORG": byText(reversePathOf),
  "*RCP": byText((entry) => recipientsOf(entry)[0] ?? ""),
  "*DMN": byText((entry) => (recipientsOf(entry)[0] ?? "").replace(/^.*@/, "")),
  "*IP": byText((entry) => formatIpAddress(entry.message.origin.client)),
  "*SIZE": (a, b) => b.message.sizeOctets - a.message.sizeOctets || byTime(a, b),
};

function reversePathOf(entry: QueueEntry): string {
  const { reversePath } = entry.message.envelope;
  return reversePath === null ? "<>" : formatMailbox(reversePath);
}

function recipientsOf(entry: QueueEntry): readonly string[] {
  return entry.message.envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath));
}

const COLUMNS: readonly Column[] = [
  { heading: "Message" },
  { heading: "State" },
  { heading: "Accepted" },
  { heading: "Octets", align: "right" },
  { heading: "Tries", align: "right" },
  { heading: "Due" },
  { heading: "Client", max: 39 },
  { heading: "From", max: 30 },
  { heading: "To", max: 320, wrapped: true },
];

function messageRow(entry: QueueEntry): readonly string[] {
  const { message: queued } = entry;
  const [first = "", ...others] = recipientsOf(entry);
  return [
    formatQueueId(queued.id),
    entry.state,
    formatInstant(queued.acceptedAt),
    formatCount(queued.sizeOctets),
    String(queued.attempts),
    describeDue(entry),
    formatIpAddress(queued.origin.client),
    reversePathOf(entry),
    others.length === 0 ? first : `${first} and ${others.length} more`,
  ];
}

/** When it is tried at the earliest, and what its turn waits for beside that. */
function describeDue({ dueAt, waitsFor }: QueueEntry): string {
  if (dueAt === null) return "";
  return waitsFor === null ? formatInstant(dueAt) : `${formatInstant(dueAt)}, waits for its turn: ${waitsFor}`;
}

// --- one message ------------------------------------------------------------------------------------------------------

/** At most so many journal entries are shown with a message. */
const STORY_MAX = 500;

async function displayMessage(context: CommandContext, id: QueueId): Promise<Answer> {
  const { queue, journal, server } = context.operations;
  const { now } = context;
  const entry = await queue.find(id);
  await journal.flush();
  const story = await journal.query({ queueId: id, order: "oldest", limit: STORY_MAX });
  if (!entry && story.length === 0) return say("SMR0405");
  const parts = [pageHeading(`SMTP E-mail Message ${formatQueueId(id)}`, server.status().hostname, now)];
  if (entry) parts.push(describeMessage(entry));
  else parts.push(" The message is no longer in the queue.");
  if (story.length > 0) parts.push(` Journal\n${journalTable(story)}`);
  const value: Json = { message: entry ? messageJson(entry) : null, journal: story.map(rowJson) };
  return answer([], parts.join("\n\n"), value);
}

const RECIPIENT_COLUMNS: readonly Column[] = [
  { heading: "Recipient", max: 50 },
  { heading: "Outcome" },
  { heading: "When" },
  { heading: "Reply", max: 1_000, wrapped: true },
];

function describeMessage(entry: QueueEntry): string {
  const { message: queued } = entry;
  const { origin } = queued;
  const fact = (label: string, value: string): string => `${leader(` ${label}`, 30)}${printable(value, 100)}`;
  const who = origin.user === null ? "" : ` as ${origin.user}`;
  const facts = [
    fact("State", entry.state),
    fact("Accepted", formatInstant(queued.acceptedAt)),
    fact(
      "Client",
      `${formatIpAddress(origin.client)}${who} (${origin.protocol}${origin.helo === "" ? "" : `, ${origin.helo}`})`,
    ),
    fact("Originator", reversePathOf(entry)),
    fact("Size", counted(queued.sizeOctets, "octet")),
    fact("Attempts", String(queued.attempts)),
    fact("Due", describeDue(entry) || "-"),
    fact("Next hop", entry.nextHops.join(", ")),
  ];
  const rows = recipientsOf(entry).map((recipient, i) => [recipient, ...describeOutcome(queued.outcomes[i] ?? null)]);
  return [facts.join("\n"), "", table(RECIPIENT_COLUMNS, rows), ...belowOf(queued.outcomes)].join("\n");
}

function describeOutcome(outcome: Outcome | null): readonly string[] {
  if (!outcome) return ["waiting", "", ""];
  const server = outcome.server === "" ? "" : `${outcome.server}: `;
  return [outcome.kind, formatInstant(outcome.at), `${server}${describeReply(outcome.reply)}`];
}

export function messageJson(entry: QueueEntry): { readonly [name: string]: Json } {
  const { message: queued } = entry;
  return {
    id: formatQueueId(queued.id),
    state: entry.state,
    type: typeOf(entry),
    acceptedAt: formatInstant(queued.acceptedAt),
    client: formatIpAddress(queued.origin.client),
    user: queued.origin.user,
    protocol: queued.origin.protocol,
    sizeOctets: queued.sizeOctets,
    attempts: queued.attempts,
    dueAt: entry.dueAt === null ? null : formatInstant(entry.dueAt),
    waitsFor: entry.waitsFor,
    nextHops: entry.nextHops,
    from: queued.envelope.reversePath === null ? "" : reversePathOf(entry),
    recipients: recipientsOf(entry).map((recipient, i) => outcomeJson(recipient, queued.outcomes[i] ?? null)),
  };
}

function outcomeJson(recipient: string, outcome: Outcome | null): Json {
  if (!outcome) return { recipient, outcome: null };
  return {
    recipient,
    outcome: outcome.kind,
    at: formatInstant(outcome.at),
    nextHop: outcome.nextHop,
    route: outcome.route ?? null,
    server: outcome.server,
    tls: outcome.tls,
    reply: describeReply(outcome.reply),
    advice: outcomeAdviceJson(outcome),
    retryAt: outcome.retryAt === undefined ? null : formatInstant(outcome.retryAt),
  };
}
