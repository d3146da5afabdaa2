import { printable } from "../base/printable.ts";
import type { Instant } from "../base/time.ts";
import type { Recipient } from "../mail/envelope.ts";
import { formatAddressLiteral, parseIpAddress } from "../mail/ip.ts";
import { formatMailbox } from "../mail/mailbox.ts";
import { describeReply, formatReply, replyClass, type Reply } from "../mail/reply.ts";
import { formatMailDate } from "../mail/trace-header.ts";
import { decodeUnitext, decodeXtext, encodeUnitext, isPrintableAscii } from "../mail/xtext.ts";
import { parseHostPort } from "../mail/host-port.ts";
import { formatQueueId, type QueuedMessage } from "./message.ts";
import { adviceOnOutcome } from "./advice.ts";
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

/**
 * Writes the report. `retryUntil` is when a delayed message is given up, `subject` that of the message, `""` where it is not known. Fields
 * stand in the order of RFC 3464 §2.2 and §2.3; those that begin with X- are our own.
 */
export function composeReport(
  hostname: string,
  message: QueuedMessage,
  reported: readonly ReportedOutcome[],
  retryUntil: Instant,
  subject: string,
): Report {
  const { recipients, envelopeId, smtpUtf8 } = message.envelope;
  const international = smtpUtf8 && reported.some(({ outcome }) => isBeyondAscii(recipients[outcome.recipient]));
  const fields = [
    ...(envelopeId ? [`Original-Envelope-Id: ${oneLine(decodeXtext(envelopeId))}`] : []),
    `Reporting-MTA: dns; ${hostname}`,
    `Received-From-MTA: dns; ${clientName(message)}`,
    `Arrival-Date: ${formatMailDate(message.acceptedAt)}`,
    `X-Relaykeeper-Queue-Id: ${formatQueueId(message.id)}`,
  ];
  const groups = reported.map((one) =>
    recipientFields(one, recipients[one.outcome.recipient], retryUntil, international),
  );
  const status = [fields, ...groups].map((group) => group.map((field) => `${field}\r\n`).join("")).join("\r\n");
  return {
    subject: subjectOf(reported),
    text: textOf(hostname, message, reported, retryUntil, subject),
    status: international ? status : status.replace(/[^\t\r\n\x20-\x7e]/g, "?"),
    international,
  };
}

function isBeyondAscii(recipient: Recipient | undefined): boolean {
  return !isPrintableAscii(addressOf(recipient) + originalOf(recipient, true));
}

/** How the client called itself where that is a name, else its address. */
function clientName({ origin }: QueuedMessage): string {
  return /^[0-9A-Za-z_.-]{1,255}$/.test(origin.helo) ? origin.helo : formatAddressLiteral(origin.client);
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
  international: boolean,
): string[] {
  const address = addressOf(recipient);
  const isRfc822 = isPrintableAscii(address);
  const shownAddress = isRfc822 || international ? address : encodeUnitext(address);
  const fields: string[] = [];
  if (recipient?.originalRecipient) fields.push(`Original-Recipient: ${originalOf(recipient, international)}`);
  fields.push(`Final-Recipient: ${isRfc822 ? "rfc822" : "utf-8"}; ${oneLine(shownAddress)}`);
  fields.push(`Action: ${action}`, `Status: ${statusOf(outcome, action)}`);
  const remote = remoteOf(outcome);
  if (remote !== "") fields.push(`Remote-MTA: dns; ${remote}`);
  // Our own words are not SMTP: where no server said them the type says so (RFC 3464 §2.3.6).
  if (outcome.server === "") fields.push(`Diagnostic-Code: x-relaykeeper; ${folded([describeReply(outcome.reply)])}`);
  else fields.push(`Diagnostic-Code: smtp; ${folded(linesOf(outcome.reply))}`);
  fields.push(`Last-Attempt-Date: ${formatMailDate(outcome.at)}`);
  if (action === "delayed") fields.push(`Will-Retry-Until: ${formatMailDate(retryUntil)}`);
  if (outcome.server !== "") fields.push(`X-Relaykeeper-TLS: ${outcome.tls === "" ? "none" : oneLine(outcome.tls)}`);
  return fields;
}

/** ORCPT as a field (RFC 3461 §6.3, RFC 6533 §4); `""` where there was none. */
function originalOf(recipient: Recipient | undefined, international: boolean): string {
  const original = recipient?.originalRecipient ?? "";
  if (original === "") return "";
  const semicolon = original.indexOf(";");
  const type = original.slice(0, semicolon);
  const value = original.slice(semicolon + 1);
  if (type.toLowerCase() !== "utf-8") return `${oneLine(type)}; ${oneLine(decodeXtext(value))}`;
  const address = decodeUnitext(value);
  return `utf-8; ${oneLine(international ? address : encodeUnitext(address))}`;
}

/** Who was to take it, as a name or a domain literal (RFC 3461 §9.3): who answered, or the next hop that was tried in vain. */
function remoteOf({ server, nextHop }: Outcome): string {
  const tried = parseHostPort(nextHop);
  const host = server === "" ? (nextHop !== "" && tried.ok ? tried.value.host : "") : (server.split(" ")[0] ?? "");
  if (host === "capture") return "";
  const address = parseIpAddress(host);
  return address.ok ? formatAddressLiteral(address.value) : oneLine(host);
}

/**
 * RFC 3463. Time that ran out is 4.4.7. A reply that has none, or one that says otherwise than its code, gets the general status of its
 * class: what failed is not said to be delivered.
 */
function statusOf(outcome: Outcome, action: Action): string {
  if (outcome.kind === "expired") return "4.4.7";
  const { enhanced } = outcome.reply;
  const kind = action === "failed" ? 5 : replyClass(outcome.reply);
  return enhanced.startsWith(`${kind}.`) ? enhanced : `${kind}.0.0`;
}

/** A reply as it came, line by line (RFC 3461 §9.2). */
function linesOf(answer: Reply): string[] {
  return formatReply(answer).split("\r\n").slice(0, -1);
}

// --- for people -------------------------------------------------------------------------------------------------------

function textOf(
  hostname: string,
  message: QueuedMessage,
  reported: readonly ReportedOutcome[],
  retryUntil: Instant,
  subject: string,
): string {
  const lines = [`This is the mail relay ${hostname}.`, ""];
  const accepted = formatMailDate(message.acceptedAt);
  lines.push(`It is about the message that you sent on ${accepted}.`);
  if (subject !== "") lines.push(`Its subject: ${printable(subject, 200)}`);
  lines.push(`Its number here: ${formatQueueId(message.id)}`, "");
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
  if (outcome.server !== "") lines.push(`    Server: ${printable(outcome.server, 320)}, ${describeTls(outcome.tls)}`);
  else if (outcome.nextHop !== "") lines.push(`    Next hop: ${printable(outcome.nextHop, 320)}`);
  const words = describeReply(outcome.reply);
  lines.push(`    ${outcome.server === "" ? "What happened" : "It answered"}: ${shown(words)}`);
  if (outcome.kind === "expired") lines.push("    The time for trying is over.");
  const advice = adviceOnOutcome(outcome);
  if (advice !== null) lines.push(`    That means: ${advice.missing}`, `    What helps: ${advice.remedy}`);
  lines.push(`    Last attempt: ${formatMailDate(outcome.at)}`);
  return lines;
}

function describeTls(tls: string): string {
  return tls === "" ? "not encrypted" : `encrypted (${printable(tls, 200)})`;
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

/** Lines, and long ones cut where they have a space, each but the first begun by a space (RFC 5322 §2.2.3). */
function folded(lines: readonly string[]): string {
  const max = Math.floor(STATUS_LINE_MAX / 3);
  const out: string[] = [];
  let left = REPLY_SHOWN_MAX;
  for (const line of lines) {
    if (left <= 0) break;
    let rest = line.slice(0, left).replace(/[\u0000-\u001f\u007f]/g, "?");
    left -= line.length;
    while (rest.length > max) {
      const space = rest.lastIndexOf(" ", max);
      const cut = space > 0 ? space : max;
      out.push(rest.slice(0, cut));
      rest = rest.slice(cut).trimStart();
    }
    out.push(rest);
  }
  return out.join("\r\n ");
}

function addressOf(recipient: Recipient | undefined): string {
  return recipient ? formatMailbox(recipient.forwardPath) : "";
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

/** The subject in a header that is ASCII or UTF-8; `""` where there is none, or one in encoded words (RFC 2047). */
export function subjectIn(header: Uint8Array): string {
  const [, subject = ""] = /^Subject:[ \t]*(.{1,300})$/im.exec(new TextDecoder().decode(header)) ?? [];
  return subject.includes("=?") ? "" : subject.trim();
}

/** CR and LF alone made CRLF: content that came by BINARYMIME may have them, a report by DATA must not. */
export function withWholeLineEnds(octets: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at] ?? 0;
    if (octet !== CR && octet !== LF) out.push(octet);
    else {
      out.push(CR, LF);
      if (octet === CR && octets[at + 1] === LF) at++;
    }
  }
  return Uint8Array.from(out);
}

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
