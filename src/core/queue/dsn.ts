import { printable } from "../base/printable.ts";
import type { Instant } from "../base/time.ts";
import type { Recipient } from "../mail/envelope.ts";
import { formatMailbox } from "../mail/mailbox.ts";
import { describeReply, replyClass } from "../mail/reply.ts";
import { formatMailDate } from "../mail/trace-header.ts";
import type { QueuedMessage } from "./message.ts";
import type { Outcome } from "./outcome.ts";

/** RFC 3464 §2.3.3. `relayed`: handed to a server that will not report for us (RFC 3461 §5.2.2). */
export type Action = "failed" | "delayed" | "delivered" | "relayed";

export interface ReportedOutcome {
  readonly outcome: Outcome;
  readonly action: Action;
}

/** The words of a DSN; MIME is written around them by the `ReportComposer`. */
export interface Report {
  readonly subject: string;
  /** For the sender: lines end in LF. */
  readonly text: string;
  /** The fields of message/delivery-status, with CRLF, in ASCII unless `international`. */
  readonly status: string;
  /** An address has more than ASCII: the global forms of RFC 6533 are needed. */
  readonly international: boolean;
}

/** Whether the sender wants to hear of this (RFC 3461 §4.1). Nothing is ever reported to the null reverse-path. */
export function isReportOwed(message: QueuedMessage, reported: ReportedOutcome): boolean {
  if (message.envelope.reversePath === null) return false;
  const notify = message.envelope.recipients[reported.outcome.recipient]?.notify;
  if (notify === "NEVER") return false;
  switch (reported.action) {
    case "failed":
      return notify === undefined || notify.includes("FAILURE");
    case "delayed":
      return notify === undefined || notify.includes("DELAY");
    case "delivered":
    case "relayed":
      return notify !== undefined && notify.includes("SUCCESS");
  }
}

/** Writes the report. `retryUntil` is when a delayed message is given up. */
export function composeReport(
  hostname: string,
  message: QueuedMessage,
  reported: readonly ReportedOutcome[],
  retryUntil: Instant,
): Report {
  const recipients = message.envelope.recipients;
  const international = reported.some(({ outcome }) => !isAscii(addressOf(recipients[outcome.recipient])));
  const fields = [
    `Reporting-MTA: dns; ${hostname}`,
    ...(message.envelope.envelopeId ? [`Original-Envelope-Id: ${decodeXtext(message.envelope.envelopeId)}`] : []),
    `Arrival-Date: ${formatMailDate(message.acceptedAt)}`,
  ];
  const groups = reported.map((one) => recipientFields(one, recipients[one.outcome.recipient], retryUntil));
  const status = [fields, ...groups].map((group) => group.map((field) => `${field}\r\n`).join("")).join("\r\n");
  return {
    subject: subjectOf(reported),
    text: textOf(hostname, message, reported, retryUntil),
    status: international ? status : status.replace(/[^\t\r\n\x20-\x7e]/g, "?"),
    international,
  };
}

function subjectOf(reported: readonly ReportedOutcome[]): string {
  if (reported.some(({ action }) => action === "failed")) return "Your message could not be delivered";
  if (reported.some(({ action }) => action === "delayed")) return "Your message is delayed, delivery goes on";
  return "Your message was delivered";
}

// --- for programs: RFC 3464 §2.3 --------------------------------------------------------------------------------------

function recipientFields(
  { outcome, action }: ReportedOutcome,
  recipient: Recipient | undefined,
  retryUntil: Instant,
): string[] {
  const address = addressOf(recipient);
  const original = recipient?.originalRecipient;
  const fields: string[] = [];
  if (original) {
    const semicolon = original.indexOf(";");
    const type = original.slice(0, semicolon);
    fields.push(`Original-Recipient: ${oneLine(type)}; ${decodeXtext(original.slice(semicolon + 1))}`);
  }
  fields.push(`Final-Recipient: ${isAscii(address) ? "rfc822" : "utf-8"}; ${oneLine(address)}`);
  fields.push(`Action: ${action}`, `Status: ${statusOf(outcome, action)}`);
  const host = outcome.server.split(" ")[0];
  if (host) fields.push(`Remote-MTA: dns; ${oneLine(host)}`);
  // Our own words are not SMTP: where no server said them the type says so (RFC 3464 §2.3.6).
  fields.push(
    `Diagnostic-Code: ${outcome.server === "" ? "x-relaykeeper" : "smtp"}; ${folded(describeReply(outcome.reply))}`,
  );
  fields.push(`Last-Attempt-Date: ${formatMailDate(outcome.at)}`);
  if (action === "delayed") fields.push(`Will-Retry-Until: ${formatMailDate(retryUntil)}`);
  return fields;
}

/** RFC 3463. A reply without one gets the general status of its class; time that ran out is 4.4.7. */
function statusOf(outcome: Outcome, action: Action): string {
  if (outcome.kind === "expired") return "4.4.7";
  if (outcome.reply.enhanced !== "") return outcome.reply.enhanced;
  if (action === "failed") return "5.0.0";
  return `${replyClass(outcome.reply)}.0.0`;
}

// --- for people -------------------------------------------------------------------------------------------------------

function textOf(
  hostname: string,
  message: QueuedMessage,
  reported: readonly ReportedOutcome[],
  retryUntil: Instant,
): string {
  const lines = [`This is the mail relay ${hostname}.`, ""];
  const accepted = formatMailDate(message.acceptedAt);
  lines.push(`It is about the message that you sent on ${accepted}.`, "");
  for (const action of ["failed", "delayed", "delivered", "relayed"] as const) {
    const these = reported.filter((one) => one.action === action);
    if (these.length === 0) continue;
    lines.push(...introduction(action, retryUntil), "");
    for (const { outcome } of these) lines.push(...paragraph(message, outcome), "");
  }
  lines.push(
    "The machine-readable details and the header of your message (or all of it)",
    "follow. No reply to this message is read.",
  );
  return `${lines.join("\n")}\n`;
}

function introduction(action: Action, retryUntil: Instant): string[] {
  switch (action) {
    case "failed":
      return ["It could not be delivered to the recipients below, and is given up.", "What was answered says why."];
    case "delayed":
      return [
        "It could not be delivered yet to the recipients below. You need not do",
        `anything: it is tried again until ${formatMailDate(retryUntil)}.`,
      ];
    case "delivered":
      return ["It was delivered to:"];
    case "relayed":
      return ["It was handed to the next mail server, which does not confirm delivery, for:"];
  }
}

function paragraph(message: QueuedMessage, outcome: Outcome): string[] {
  const lines = [`<${printable(addressOf(message.envelope.recipients[outcome.recipient]), 320)}>`];
  if (outcome.server !== "") lines.push(`    Server: ${printable(outcome.server, 320)}`);
  else if (outcome.nextHop !== "") lines.push(`    Next hop: ${printable(outcome.nextHop, 320)}`);
  const words = describeReply(outcome.reply);
  lines.push(`    ${outcome.server === "" ? "What happened" : "It answered"}: ${shown(words)}`);
  if (outcome.kind === "expired") lines.push("    The time for trying is over.");
  lines.push(`    Last attempt: ${formatMailDate(outcome.at)}`);
  return lines;
}

// --- text of strangers ------------------------------------------------------------------------------------------------

/** Characters of a reply that a report repeats. */
const REPLY_SHOWN_MAX = 2_000;
/** Octets of a line of the status part; RFC 5322 §2.1.1 allows 998. */
const STATUS_LINE_MAX = 900;

/** Replies come in escaped already; here they are cut. */
function shown(words: string): string {
  return words.length > REPLY_SHOWN_MAX ? `${words.slice(0, REPLY_SHOWN_MAX - 1)}…` : words;
}

/** Anything that could begin another field is gone. */
function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]/g, "?").slice(0, STATUS_LINE_MAX);
}

/** Long text over several lines, each but the first begun by a space (RFC 5322 §2.2.3). */
function folded(words: string): string {
  let rest = shown(words).replace(/[\u0000-\u001f\u007f]/g, "?");
  const lines: string[] = [];
  const max = Math.floor(STATUS_LINE_MAX / 3);
  while (rest.length > max) {
    const space = rest.lastIndexOf(" ", max);
    const cut = space > 0 ? space : max;
    lines.push(rest.slice(0, cut));
    rest = rest.slice(cut).trimStart();
  }
  return [...lines, rest].join("\r\n ");
}

function addressOf(recipient: Recipient | undefined): string {
  return recipient ? formatMailbox(recipient.forwardPath) : "";
}

/** `+2B` is `+` (RFC 3461 §4); what is not xtext stays as it is. */
export function decodeXtext(xtext: string): string {
  return oneLine(xtext.replace(/\+([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16))));
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

// --- what is returned of the message ----------------------------------------------------------------------------------

/** The header at the start of content, with its last CRLF and without the empty line; at most `octetsMax`, whole lines. */
export function headerOf(chunks: readonly Uint8Array[], octetsMax: number): Uint8Array {
  const head = joined(chunks, octetsMax);
  let end = 0;
  for (let lf = head.indexOf(LF); lf >= 0; lf = head.indexOf(LF, lf + 1)) {
    const blank = lf - end === 1 && head[end] === CR;
    if (blank) break;
    end = lf + 1;
  }
  return head.subarray(0, end);
}

const CR = 0x0d;
const LF = 0x0a;

export function joined(chunks: readonly Uint8Array[], octetsMax: number): Uint8Array {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const whole = new Uint8Array(Math.min(total, octetsMax));
  let at = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, whole.length - at);
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
