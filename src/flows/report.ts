import type { Limits } from "../core/base/limits.ts";
import type { Content } from "../core/mail/content.ts";
import { IPV4_LOOPBACK } from "../core/mail/ip.ts";
import { hasDotLines } from "../core/mail/line-ends.ts";
import { formatMailbox } from "../core/mail/mailbox.ts";
import { isPrintableAscii } from "../core/mail/xtext.ts";
import {
  composeReport,
  headerOf,
  joined,
  subjectIn,
  withWholeLineEnds,
  type ReportedOutcome,
} from "../core/queue/dsn.ts";
import { formatQueueId, type AcceptedMessage, type QueuedMessage, type QueueId } from "../core/queue/message.ts";
import type { ReportMail } from "../core/mail/own-mail.ts";
import type { Clock, ReportComposer, Spool } from "./ports.ts";

export interface ReportOptions {
  readonly hostname: string;
  readonly clock: Clock;
  readonly spool: Pick<Spool, "content" | "readFile">;
  readonly composer: ReportComposer;
  readonly limits: Limits;
  readonly nextQueueId: () => QueueId;
}

/**
 * Makes the DSN about these recipients of a message: from the null reverse-path to the reverse-path (RFC 3464 §2), so that it is
 * never answered by another. `chunks` is what `readForReport` gave.
 */
export async function makeReport(
  options: ReportOptions,
  message: QueuedMessage,
  reported: readonly ReportedOutcome[],
  chunks: readonly Uint8Array[] | null,
): Promise<AcceptedMessage | null> {
  const sender = message.envelope.reversePath;
  if (sender === null) return null;
  const { hostname, clock, limits } = options;
  const id = options.nextQueueId();
  const returned = returnedOf(limits, message, reported, chunks);
  const subject = subjectIn(headerOf([returned.octets], returned.octets.length));
  const report = composeReport(hostname, message, reported, message.acceptedAt + limits.queueAgeMs, subject);
  const international = report.international || !isPrintableAscii(formatMailbox(sender));
  const mail = await options.composer.composeReport({
    from: `MAILER-DAEMON@${hostname}`,
    to: formatMailbox(sender),
    subject: report.subject,
    date: clock.now(),
    messageId: `<${formatQueueId(id)}.report@${hostname}>`,
    text: report.text,
    status: report.status,
    returned,
    international,
  });
  return {
    id,
    acceptedAt: clock.now(),
    origin: { client: IPV4_LOOPBACK, helo: hostname, user: null, protocol: "report" },
    envelope: {
      reversePath: null,
      recipients: [{ forwardPath: sender, notify: "NEVER" }],
      body: mail.eightBit ? "8BITMIME" : "7BIT",
      smtpUtf8: international,
      // RFC 8689 §5: what it tells is protected as the message was.
      ...(message.envelope.requireTls === true ? { requireTls: true } : {}),
    },
    content: {
      kind: "memory",
      chunks: [mail.octets],
      sizeOctets: mail.octets.length,
      dotLines: hasDotLines(mail.octets),
    },
  };
}

/**
 * As much of the message as a report may return; `content` is that of the message where it is at hand. Null where it cannot be
 * read: that must not cost the sender the report.
 */
export async function readForReport(
  options: ReportOptions,
  message: QueuedMessage,
  content: Content | null,
): Promise<readonly Uint8Array[] | null> {
  try {
    return await firstOctets(options, message.id, content, options.limits.returnedOctets);
  } catch {
    return null;
  }
}

/**
 * The whole message where RET=FULL asks for it, a failure is reported and it is small; else its header (RFC 3461 §4.3, §6.2). Content that
 * came by BINARYMIME has no lines that a report could carry, and of one that came with REQUIRETLS only the header goes (RFC 8689 §5).
 */
function returnedOf(
  { returnedOctets: octetsMax }: Limits,
  message: QueuedMessage,
  reported: readonly ReportedOutcome[],
  chunks: readonly Uint8Array[] | null,
): ReportMail["returned"] {
  if (chunks === null) return { kind: "headers", octets: NOTHING };
  const { ret, body, requireTls } = message.envelope;
  const failed = reported.some(({ action }) => action === "failed");
  if (ret === "FULL" && requireTls !== true && body !== "BINARYMIME" && failed && message.sizeOctets <= octetsMax) {
    return { kind: "message", octets: joined(chunks, octetsMax) };
  }
  const header = headerOf(chunks, octetsMax);
  return { kind: "headers", octets: body === "BINARYMIME" ? withWholeLineEnds(header) : header };
}

const NOTHING = new Uint8Array(0);

async function firstOctets(
  options: ReportOptions,
  id: QueueId,
  known: Content | null,
  octetsMax: number,
): Promise<readonly Uint8Array[]> {
  const content = known ?? (await options.spool.content(id));
  if (content === null) return [];
  if (content.kind === "memory") return content.chunks;
  const chunks: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of options.spool.readFile(content)) {
    chunks.push(chunk);
    octets += chunk.length;
    if (octets >= octetsMax) break;
  }
  return chunks;
}
