import type { Limits } from "../core/base/limits.ts";
import type { Content } from "../core/mail/content.ts";
import type { Recipient } from "../core/mail/envelope.ts";
import { editHeader, HeadReader, type EditedHeader, type Mending } from "../core/mail/edit-header.ts";
import { scanHeader } from "../core/mail/header.ts";
import { IPV4_LOOPBACK, type IpAddress } from "../core/mail/ip.ts";
import { withCrlf } from "../core/mail/line-ends.ts";
import { formatMailbox } from "../core/mail/mailbox.ts";
import { reply, type Reply } from "../core/mail/reply.ts";
import { formatMailDate, formatReceived } from "../core/mail/trace-header.ts";
import type { CompiledPolicy } from "../core/policy/compile.ts";
import { decideConnection, decideRelay, decideSender } from "../core/policy/decide.ts";
import type { ClientFacts, Decision } from "../core/policy/decision.ts";
import type { EntryId } from "../core/policy/policy.ts";
import { joined } from "../core/queue/dsn.ts";
import { formatQueueId, type AcceptedMessage, type QueueId } from "../core/queue/message.ts";
import type { RefusedRecipient, Submission, SubmitAnswer, SubmitOperations } from "./operations.ts";
import type { Clock, Spool, SpoolFault } from "./ports.ts";
import type { Recorder } from "./record.ts";

export interface SubmitterOptions {
  readonly hostname: string;
  readonly policy: { compiled(): CompiledPolicy | null };
  readonly recorder: Pick<Recorder, "decisionIdFor" | "decision" | "accepted">;
  readonly use: { count(entryId: EntryId, client: IpAddress, now: number): void };
  readonly spool: Pick<Spool, "put" | "openContent">;
  readonly queue: { accept(message: AcceptedMessage): void };
  /** Messages in the queue now. */
  readonly queuedMessages: () => number;
  readonly nextQueueId: () => QueueId;
  readonly clock: Clock;
  readonly limits: Limits;
}

/** How the journal names this way in. */
const LISTENER = "local";
/** Our own name so often in Received fields is a loop. */
const OWN_HOPS_MAX = 3;

const TOO_MANY_RECIPIENTS = reply(452, "4.5.3", "Too many recipients");
const TOO_LARGE = reply(552, "5.3.4", "The message is larger than MAXEMMSIZE allows");
const LOOP = reply(554, "5.4.6", "The message has been here before: a mail loop");
const HEADER_TOO_LONG = reply(554, "5.6.0", "The header is too long to be looked through for Bcc");
const NO_ROOM = reply(452, "4.3.1", "No room for the message now; try again later");
const NOT_STORED = reply(451, "4.3.0", "The message could not be stored; try again later");

/**
 * Mail of programs on this machine. They count as client 127.0.0.1 and are judged, journalled and counted like any other; only
 * their text is mended where it lacks what a mail program adds: line ends, From, Date, Message-ID; Bcc is taken out.
 */
export class Submitter implements SubmitOperations {
  readonly #options: SubmitterOptions;

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  async submit(submission: Submission): Promise<SubmitAnswer> {
    const { clock, limits, policy } = this.#options;
    // One version of the policy judges the whole submission.
    const compiled = policy.compiled();
    const now = clock.now();
    const client: ClientFacts = {
      address: IPV4_LOOPBACK,
      localAddress: null,
      user: null,
      tls: false,
      now,
      listedBy: null,
    };
    const whole = this.#refuseWhole(compiled, client, submission);
    if (whole) return { kind: "refused", refused: [], reply: whole };
    const accepted: Recipient[] = [];
    const refused: RefusedRecipient[] = [];
    for (const recipient of submission.envelope.recipients) {
      const text = formatMailbox(recipient.forwardPath);
      const id = this.#options.recorder.decisionIdFor(client.address, text, now);
      const decision = decideRelay(compiled, client, recipient.forwardPath, submission.envelope.reversePath, id);
      const passed = this.#record(submission, decision, id, text, now);
      if (!passed) refused.push({ recipient: text, reply: decision.reply });
      else if (accepted.length >= limits.recipients) refused.push({ recipient: text, reply: TOO_MANY_RECIPIENTS });
      else accepted.push({ ...recipient, forwardPath: decision.recipient });
    }
    const first = refused[0]?.reply ?? reply(554, "5.5.1", "No recipients");
    if (accepted.length === 0) return { kind: "refused", refused, reply: first };
    const stored = await this.#store(submission, accepted, now, (compiled?.attributes.MAXEMMSIZE ?? 0) * 1_024);
    return typeof stored === "object"
      ? { kind: "refused", refused, reply: stored }
      : { kind: "queued", id: stored, refused };
  }

  /** What is refused before any recipient is looked at. */
  #refuseWhole(compiled: CompiledPolicy | null, client: ClientFacts, submission: Submission): Reply | null {
    const { recorder } = this.#options;
    const { now } = client;
    const connectionId = recorder.decisionIdFor(client.address, "", now);
    const connection = decideConnection(compiled, client, connectionId);
    if (!this.#record(submission, connection, connectionId, "", now)) return connection.reply;
    const senderId = recorder.decisionIdFor(client.address, "", now);
    const sender = decideSender(compiled, client, submission.envelope.reversePath, senderId);
    if (isPassed(sender)) return null;
    this.#record(submission, sender, senderId, "", now);
    return sender.reply;
  }

  /** Tells the journal and counts the entry that decided; whether the decision lets it pass. */
  #record(submission: Submission, decision: Decision, id: number, recipient: string, now: number): boolean {
    const { recorder, use } = this.#options;
    const client = IPV4_LOOPBACK;
    if (decision.entry) use.count(decision.entry.id, client, now);
    recorder.decision({
      at: now,
      id,
      decision,
      client,
      helo: "",
      user: submission.by,
      reversePath: reversePathOf(submission),
      recipient,
      listener: LISTENER,
    });
    return isPassed(decision);
  }

  async #store(
    submission: Submission,
    recipients: readonly Recipient[],
    now: number,
    sizeOctetsMax: number,
  ): Promise<QueueId | Reply> {
    const { spool, queue, recorder, limits, nextQueueId, queuedMessages } = this.#options;
    if (queuedMessages() >= limits.queuedMessages) return NO_ROOM;
    if (submission.content.sizeOctets > sizeOctetsMax) return TOO_LARGE;
    const id = nextQueueId();
    const made = await this.#contentOf(submission, id, recipients, now);
    if (made === "full") return NO_ROOM;
    if (made === "broken" || made === "busy") return NOT_STORED;
    if (made === "loop") return LOOP;
    if (made === "header-too-long") return HEADER_TOO_LONG;
    const { content, tlsOptional } = made;
    const message: AcceptedMessage = {
      id,
      acceptedAt: now,
      origin: { client: IPV4_LOOPBACK, helo: "", user: submission.by, protocol: "local" },
      // RFC 8689 §4.1.
      envelope: { ...submission.envelope, recipients, ...(tlsOptional ? { requireTls: false } : {}) },
      content,
    };
    const put = await spool.put(message);
    if (!put.ok) return put.error === "full" ? NO_ROOM : NOT_STORED;
    recorder.accepted({
      at: now,
      queueId: id,
      client: IPV4_LOOPBACK,
      user: submission.by,
      reversePath: reversePathOf(submission),
      recipients: recipients.map(({ forwardPath }) => formatMailbox(forwardPath)),
      sizeOctets: content.sizeOctets,
      tls: "",
    });
    queue.accept(message);
    return id;
  }

  /** The text with CRLF, our Received field and what it lacks in front; in a file of the spool where it is large. */
  async #contentOf(
    given: Submission,
    id: QueueId,
    recipients: readonly Recipient[],
    now: number,
  ): Promise<{ readonly content: Content; readonly tlsOptional: boolean } | SpoolFault | "loop" | "header-too-long"> {
    const { hostname, limits } = this.#options;
    const text = withCrlf(joined(given.content.chunks, given.content.sizeOctets));
    const scan = scanHeader([text.octets], hostname);
    if (scan.received > limits.hops || scan.ownReceived >= OWN_HOPS_MAX) return "loop";
    const queueId = formatQueueId(id);
    const single = recipients.length === 1 ? recipients[0] : undefined;
    const received = formatReceived({
      client: IPV4_LOOPBACK,
      helo: "",
      hostname,
      protocol: "local",
      queueId,
      tls: "",
      recipient: single ? formatMailbox(single.forwardPath) : null,
      date: formatMailDate(now),
    });
    const messageId = `<${queueId}@${hostname}>`;
    const { reversePath } = given.envelope;
    const mended = this.#mended(text.octets, { reversePath, date: formatMailDate(now), messageId });
    if (mended === "header-too-long") return mended;
    const body = text.octets.subarray(mended?.replaces ?? 0);
    const front = new TextEncoder().encode(received);
    const chunks = [front, mended?.octets ?? NOTHING, body].filter((chunk) => chunk.length > 0);
    const sizeOctets = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (sizeOctets <= limits.contentInMemoryOctets) {
      const content: Content = { kind: "memory", chunks, sizeOctets, dotLines: text.dotLines };
      return { content, tlsOptional: scan.tlsOptional };
    }
    const content = await this.#write(chunks, text.dotLines);
    return typeof content === "string" ? content : { content, tlsOptional: scan.tlsOptional };
  }

  /** What a mail program forgot; null where it forgot nothing. */
  #mended(octets: Uint8Array, mending: Mending): EditedHeader | "header-too-long" | null {
    const reader = new HeadReader(this.#options.limits.editedHeaderOctets);
    reader.push(octets);
    const head = reader.end();
    return head === null ? "header-too-long" : editHeader(head, { author: null, mending });
  }

  async #write(chunks: readonly Uint8Array[], dotLines: boolean): Promise<Content | SpoolFault> {
    const opened = await this.#options.spool.openContent();
    if (!opened.ok) return opened.error;
    const writer = opened.value;
    try {
      for (const chunk of chunks) await writer.write(chunk);
    } catch (error) {
      await writer.abort();
      throw error;
    }
    const file = await writer.finish(dotLines);
    return file.ok ? file.value : file.error;
  }
}

const NOTHING = new Uint8Array(0);

function isPassed(decision: Decision): boolean {
  return decision.verdict === "relay" || decision.verdict === "local";
}

function reversePathOf(submission: Submission): string {
  const reversePath = submission.envelope.reversePath;
  return reversePath === null ? "" : formatMailbox(reversePath);
}
