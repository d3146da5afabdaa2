import type { Json } from "../../core/base/json.ts";
import { printable } from "../../core/base/printable.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import { formatInstant } from "../../core/base/time.ts";
import type { Arguments } from "../../core/cl/arguments.ts";
import { csvRow } from "../../core/cl/csv.ts";
import { describeDecision } from "../../core/cl/decision-text.ts";
import { decisionJson } from "../../core/policy/policy-decision.ts";
import { formatEntryId, formatEntryValue } from "../../core/policy/coverage.ts";
import { parseAddress, parseEntryId, readDomain } from "../../core/cl/entry-value.ts";
import { counted, formatCount } from "../../core/base/count.ts";
import { leader, pageHeading, table, type Column } from "../../core/cl/layout.ts";
import { message, type Diagnostic } from "../../core/cl/messages.ts";
import { formatIpAddress } from "../../core/mail/ip.ts";
import { formatNetwork, parseCidr } from "../../core/mail/network.ts";
import { describeReply } from "../../core/mail/reply.ts";
import type { Decision, Verdict } from "../../core/policy/decision.ts";
import { formatDecisionId, parseDecisionId } from "../../core/policy/decision-id.ts";
import { adviceOnOutcome, describeAdvice } from "../../core/queue/advice.ts";
import { formatQueueId, parseQueueId } from "../../core/queue/message.ts";
import { networkOfFlood } from "../flood-window.ts";
import type { JournalFilter, JournalKind, JournalRow } from "../ports.ts";
import { outcomeAdviceJson } from "./advice.ts";
import { answer, faultsOf, say, type Answer, type CommandContext, type Handler } from "./answer.ts";
import { readMoment } from "./moment.ts";

const KINDS: Readonly<Record<string, JournalKind>> = {
  "*DECISION": "decision",
  "*ACCEPTED": "accepted",
  "*OUTCOME": "outcome",
  "*POLICY": "policy",
  "*OPERATION": "operation",
};

const VERDICTS: Readonly<Record<string, Verdict>> = {
  "*RELAY": "relay",
  "*LOCAL": "local",
  "*REFUSE": "refuse",
  "*REFUSECNN": "refuse-connection",
  "*DEFER": "defer",
};

export const displayJournal: Handler = async (context, args) => {
  const { journal, server } = context.operations;
  const { now } = context;
  const filter = readFilter(context, args);
  if (!filter.ok) return faultsOf(filter.error);
  await journal.flush();
  const rows = await journal.query(filter.value);
  const messages = [message("SMR0601", counted(rows.length, "journal entry", "journal entries"))];
  const value = rows.map(rowJson);
  if (args.is("FORMAT", "*JSON")) return answer(messages, value.map((row) => JSON.stringify(row)).join("\n"), value);
  if (args.is("FORMAT", "*CSV")) return answer(messages, journalCsv(rows), value);
  const title = pageHeading("Display SMTP Journal", server.status().hostname, now);
  return answer(messages, `${title}\n\n${rows.length === 0 ? " (No journal entries)" : journalTable(rows)}`, value);
};

function readFilter(context: CommandContext, args: Arguments): Result<JournalFilter, readonly Diagnostic[]> {
  const now = context.now;
  const faults: Diagnostic[] = [];
  const kept = <T>(read: Result<T, readonly Diagnostic[]>): T | null => {
    if (read.ok) return read.value;
    faults.push(...read.error);
    return null;
  };
  const from = kept(readMoment(args, "FROMTIME", now));
  const to = kept(readMoment(args, "TOTIME", now));
  const clientIn = kept(readPlain(args, "CLIENT", (text) => ofResult(parseCidr(text)), "SMR0112"));
  const entryId = kept(readPlain(args, "ENTRY", parseEntryId, "SMR0014"));
  const queueId = kept(readPlain(args, "MSG", (text) => ofResult(parseQueueId(text)), "SMR0406"));
  const domainText = args.plain("DOMAIN");
  const domain = domainText === null ? null : kept(readDomain(domainText, "DOMAIN", args.at("DOMAIN")));
  if (faults.length > 0) return err(faults);
  const kinds = args.rows("TYPE").flatMap((row) => KINDS[row[0]?.text ?? ""] ?? []);
  const verdicts = args.rows("VERDICT").flatMap((row) => VERDICTS[row[0]?.text ?? ""] ?? []);
  return ok({
    order: args.is("ORDER", "*OLDEST") ? "oldest" : "newest",
    limit: Number(args.text("NBRENT")),
    ...(kinds.length > 0 ? { kinds } : {}),
    ...(verdicts.length > 0 ? { verdicts } : {}),
    ...(from === null ? {} : { from }),
    ...(to === null ? {} : { to }),
    ...(clientIn === null ? {} : { clientIn }),
    ...(entryId === null ? {} : { entryId }),
    ...(queueId === null ? {} : { queueId }),
    ...(domain === null ? {} : { domain }),
  });
}

function ofResult<T>(result: Result<T, unknown>): T | null {
  return result.ok ? result.value : null;
}

/** A parameter that is *ALL or a value of its own form. */
function readPlain<T>(
  args: Arguments,
  keyword: string,
  parse: (text: string) => T | null,
  id: Diagnostic["id"],
): Result<T | null, readonly Diagnostic[]> {
  const text = args.plain(keyword);
  if (text === null) return ok(null);
  const value = parse(text);
  return value === null ? err([{ id, with: [text, keyword], at: args.at(keyword) }]) : ok(value);
}

// --- rows -------------------------------------------------------------------------------------------------------------

const COLUMNS: readonly Column[] = [
  { heading: "Time" },
  { heading: "Type" },
  { heading: "Client", max: 39 },
  { heading: "What", max: 64 },
  { heading: "Detail", max: 2_000, wrapped: true },
];

export function journalTable(rows: readonly JournalRow[]): string {
  return table(
    COLUMNS,
    rows.map((row) => {
      const cells = cellsOf(row);
      const paths = cells.from === "" && cells.to === "" ? "" : `${cells.from} to ${cells.to}`;
      const many = row.kind === "decision" ? describeMany(row) : "";
      const detail = [paths, cells.detail, cells.advice ?? "", many === "" ? "" : `[${many}]`];
      return [
        formatInstant(row.at),
        row.kind,
        cells.client,
        cells.what,
        detail.filter((part) => part !== "").join("  "),
      ];
    }),
  );
}

type DecisionRow = JournalRow & { readonly kind: "decision" };

/** What a row stands for that is one for many: `31 such decisions about clients of 10.2.3.0/24 …`. */
function describeMany(row: DecisionRow): string {
  if (row.count <= 1) return "";
  const about = row.over === undefined ? aboutOne(row) : `clients ${clientsOf(row)}`;
  return `${formatCount(row.count)} such decisions about ${about} within a minute; the first is shown`;
}

function aboutOne({ recipient }: DecisionRow): string {
  return recipient === "" ? "this client" : "this client and recipient domain";
}

/** The clients of a row that stands for several. */
function clientsOf({ client, over }: DecisionRow): string {
  return over === "network" ? `of ${formatNetwork(networkOfFlood(client))}` : "everywhere";
}

interface Cells {
  /** Decision, message or version. */
  readonly id: string;
  readonly client: string;
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly detail: string;
  /** What a refusal means and what to do. */
  readonly advice?: string;
}

function cellsOf(row: JournalRow): Cells {
  switch (row.kind) {
    case "decision": {
      const connection = row.decision.rule === "CONNECT" || row.decision.verdict === "refuse-connection";
      return {
        id: formatDecisionId(row.id),
        client: formatIpAddress(row.client),
        what: `${formatDecisionId(row.id)} ${describeDecision(row.decision)}`,
        from: connection ? "" : formatPath(row.reversePath),
        to: connection ? "" : formatPath(row.recipient),
        detail: describeReply(row.decision.reply),
      };
    }
    case "accepted":
      return {
        id: formatQueueId(row.queueId),
        client: formatIpAddress(row.client),
        what: `${formatQueueId(row.queueId)} accepted`,
        from: formatPath(row.reversePath),
        to: row.recipients.map(formatPath).join(" "),
        detail: `${counted(row.sizeOctets, "octet")}${row.tls === "" ? "" : `, ${row.tls}`}`,
      };
    case "outcome": {
      const advice = adviceOnOutcome(row.outcome);
      return {
        id: formatQueueId(row.queueId),
        client: "",
        what: `${formatQueueId(row.queueId)} ${row.outcome.kind}`,
        from: formatPath(row.reversePath),
        to: formatPath(row.recipient),
        detail: `${row.outcome.route === undefined ? "" : `by ${row.outcome.route}, `}${row.outcome.server === "" ? row.outcome.nextHop : row.outcome.server}: ${describeReply(row.outcome.reply)}`,
        ...(advice === null ? {} : { advice: describeAdvice(advice) }),
      };
    }
    case "policy":
      return {
        ...NOBODY,
        id: String(row.version),
        what: `version ${row.version} by ${row.by}`,
        detail: `${row.command}  ${row.meaning}`,
      };
    case "operation":
      return { ...NOBODY, what: `by ${row.by}`, detail: row.text };
  }
}

const NOBODY: Cells = { id: "", client: "", what: "", from: "", to: "", detail: "" };

function formatPath(mailbox: string): string {
  return `<${mailbox}>`;
}

const CSV_HEADINGS = ["row", "time", "type", "id", "client", "what", "from", "to", "count", "over", "detail", "advice"];

function journalCsv(rows: readonly JournalRow[]): string {
  const lines = rows.map((row) => {
    const { id, client, what, from, to, detail, advice = "" } = cellsOf(row);
    const [count, over] = row.kind === "decision" ? [row.count, row.over ?? ""] : [1, ""];
    const when = [String(row.row), formatInstant(row.at), row.kind];
    const cells = [...when, id, client, what, from, to, String(count), over, detail, advice];
    return csvRow(cells.map((cell) => printable(cell, 2_000)));
  });
  return [csvRow(CSV_HEADINGS), ...lines].join("\r\n");
}

/** A journal row as JSON; texts of strangers as they came, JSON escapes what must be. */
export function rowJson(row: JournalRow): { readonly [name: string]: Json } {
  const common = { row: row.row, at: formatInstant(row.at), kind: row.kind };
  switch (row.kind) {
    case "decision":
      return { ...common, ...contextJson(row), decision: decisionJson(row.decision) };
    case "accepted":
      return {
        ...common,
        queueId: formatQueueId(row.queueId),
        client: formatIpAddress(row.client),
        user: row.user,
        reversePath: row.reversePath,
        recipients: row.recipients,
        sizeOctets: row.sizeOctets,
        tls: row.tls,
      };
    case "outcome": {
      const { outcome } = row;
      return {
        ...common,
        queueId: formatQueueId(row.queueId),
        reversePath: row.reversePath,
        recipient: row.recipient,
        outcome: outcome.kind,
        nextHop: outcome.nextHop,
        route: outcome.route ?? null,
        server: outcome.server,
        tls: outcome.tls,
        reply: describeReply(outcome.reply),
        advice: outcomeAdviceJson(outcome),
        retryAt: outcome.retryAt === undefined ? null : formatInstant(outcome.retryAt),
      };
    }
    case "policy":
      return { ...common, version: row.version, by: row.by, command: row.command, meaning: row.meaning };
    case "operation":
      return { ...common, by: row.by, text: row.text };
  }
}

/** Who asked for a decision, when, and what for. */
function contextJson(row: DecisionRow): { readonly [name: string]: Json } {
  return {
    at: formatInstant(row.at),
    id: formatDecisionId(row.id),
    client: formatIpAddress(row.client),
    helo: row.helo,
    user: row.user,
    reversePath: row.reversePath,
    recipient: row.recipient,
    listener: row.listener,
    count: row.count,
    over: row.over ?? null,
  };
}

// --- DSPSMTPDCN -------------------------------------------------------------------------------------------------------

export const displayDecision: Handler = async (context, args) => {
  const id = args.text("ID");
  if (id !== null) return findDecision(context, id);
  const client = args.text("CLIENT");
  if (client === null) return say("SMR0605");
  const address = parseAddress(client, "CLIENT", args.at("CLIENT"));
  if (!address.ok) return faultsOf(address.error);
  const sender = args.text("SENDER") ?? "";
  const recipient = args.text("RCP");
  const decision = context.operations.explain.explain({
    client: address.value,
    reversePath: sender === "<>" ? "" : sender,
    recipient,
    user: args.text("USER"),
    tls: args.is("TLS", "*YES"),
  });
  const facts = [
    ["Client", formatIpAddress(address.value)],
    ...(recipient === null
      ? []
      : [
          ["Sender", formatPath(sender)],
          ["Recipient", formatPath(recipient)],
        ]),
  ];
  return decisionAnswer(context, decision, facts, decisionJson(decision));
};

async function findDecision(context: CommandContext, text: string): Promise<Answer> {
  const id = parseDecisionId(text.replace(/^\[(.*)\]$/, "$1"));
  if (id === null) return say("SMR0604", text);
  await context.operations.journal.flush();
  const row = await context.operations.journal.findDecision(id);
  if (row?.kind !== "decision") return say("SMR0602", formatDecisionId(id));
  const facts = [
    ["Decision", formatDecisionId(id)],
    ["When", formatInstant(row.at)],
    ...(row.count > 1 ? [["Stands for", describeMany(row)]] : []),
    ["Client", `${formatIpAddress(row.client)}${row.user === null ? "" : ` as ${row.user}`}`],
    ["Listener", row.listener],
    ["EHLO", row.helo === "" ? "-" : row.helo],
    ["Sender", formatPath(row.reversePath)],
    ["Recipient", row.recipient === "" ? "(connection)" : formatPath(row.recipient)],
  ];
  // The value of `explain`, with what the journal knows besides.
  return decisionAnswer(context, row.decision, facts, { ...decisionJson(row.decision), ...contextJson(row) });
}

function decisionAnswer(
  context: CommandContext,
  decision: Decision,
  facts: readonly (readonly string[])[],
  value: Json,
): Answer {
  const { server } = context.operations;
  const { now } = context;
  const { entry } = decision;
  const all = [
    ...facts,
    ["Verdict", decision.verdict],
    ["Rule", decision.rule],
    [
      "Entry",
      entry === null ? "-" : `${formatEntryId(entry.id)} ${entry.list} ${formatEntryValue(entry.value)}  ${entry.text}`,
    ],
    ["Policy version", String(decision.policyVersion)],
    ["Reply", describeReply(decision.reply)],
  ];
  const lines = all.map(([label = "", text = ""]) => `${leader(` ${label}`, 24)}${printable(text.trim(), 105)}`);
  const path = decision.path.map((step, i) => ` ${String(i + 1).padStart(4)}  ${printable(step, 120)}`);
  const title = pageHeading("Display SMTP Decision", server.status().hostname, now);
  const output = `${title}\n\n${lines.join("\n")}\n\n What was asked, in order\n${path.join("\n")}`;
  return answer([message("SMR0606", describeReply(decision.reply), `(${describeDecision(decision)})`)], output, value);
}
