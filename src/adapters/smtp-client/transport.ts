// HOT PATH: a message over a kept connection costs one promise and one look into a map besides the connection's own work.
import type { Limits } from "../../core/base/limits.ts";
import type { FileContent } from "../../core/mail/content.ts";
import type { Domain } from "../../core/mail/domain.ts";
import type { Mailbox } from "../../core/mail/mailbox.ts";
import { formatMailboxHost } from "../../core/mail/mailbox.ts";
import { reply, type Reply } from "../../core/mail/reply.ts";
import type { Offers } from "../../core/smtp/offers.ts";
import type { Clock, NextHop, OutgoingMessage, Transport, TransportResult } from "../../flows/ports.ts";
import { ConnectionTrouble } from "./connection.ts";
import { openConnection, TlsSessions, type OpenConnection, type OpenOptions } from "./open.ts";
import { Sweep } from "./sweep.ts";
import type { TransactionResult } from "./transaction.ts";

export interface TransportOptions {
  /** Said in EHLO. */
  readonly hostname: Domain;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Content too large for memory: `Spool.readFile`. */
  readonly readFile: (content: FileContent) => AsyncIterable<Uint8Array>;
  /** Certificates that are trusted besides those of the system, PEM; only `require` and `implicit` ask for trust. */
  readonly ca?: string | readonly string[];
}

/** The SMTP client: connections to next hops, kept for the next message, the newest used first. */
export class SmtpTransport implements Transport {
  readonly #options: OpenOptions;
  readonly #clock: Clock;
  readonly #idle = new Map<string, OpenConnection[]>();
  readonly #open = new Set<OpenConnection>();
  #sending = 0;
  #closing = false;
  #cut = false;
  #allSent: (() => void) | null = null;

  constructor(options: TransportOptions) {
    this.#clock = options.clock;
    this.#options = { ...options, sweep: new Sweep(options.clock), sessions: new TlsSessions() };
  }

  connections(): number {
    return this.#open.size;
  }

  async send(hop: NextHop, message: OutgoingMessage): Promise<TransportResult> {
    this.#sending++;
    try {
      for (let kept = this.#takeIdle(hop.key); kept !== null; kept = this.#takeIdle(hop.key)) {
        const sent = await this.#transact(hop, kept, message);
        // Dead since its last message, which a kept connection may be at any time: nothing was lost, the next one is tried.
        if (!sent.dead) return sent.result;
      }
      return await this.#sendFresh(hop, message);
    } finally {
      this.#sending--;
      if (this.#sending === 0) this.#allSent?.();
    }
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    for (const list of this.#idle.values()) for (const { connection } of [...list]) connection.quit();
    if (this.#sending > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.after(deadlineMs, resolve);
        this.#allSent = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#cut = true;
    for (const { connection } of [...this.#open]) connection.destroy(SHUTTING_DOWN);
  }

  async #sendFresh(hop: NextHop, message: OutgoingMessage): Promise<TransportResult> {
    const troubles: ConnectionTrouble[] = [];
    for (const server of hop.servers) {
      if (this.#closing) break;
      try {
        const open = await openConnection(hop, server, this.#options);
        if (this.#cut) open.connection.destroy(SHUTTING_DOWN);
        this.#open.add(open);
        open.connection.onClose = () => this.#forget(hop.key, open);
        const sent = await this.#transact(hop, open, message);
        if (!sent.dead) return sent.result;
        troubles.push(new ConnectionTrouble("4.4.2", sent.result.replies[0]?.text.join(" ") ?? ""));
      } catch (error) {
        if (!(error instanceof ConnectionTrouble)) throw error;
        troubles.push(error);
      }
    }
    return routeTrouble(message, troubles);
  }

  /** `dead`: the connection was of no use, through no fault of the message, and another one may be tried. */
  async #transact(
    hop: NextHop,
    open: OpenConnection,
    message: OutgoingMessage,
  ): Promise<{ readonly result: TransportResult; readonly dead: boolean }> {
    const { connection, offers } = open;
    const smtpUtf8 = needsSmtpUtf8(message);
    const refusal = refusalOf(message, offers, smtpUtf8, connection.name);
    let ended: TransactionResult;
    if (refusal === null) ended = await connection.transact(message, offers, smtpUtf8);
    else ended = { replies: message.recipients.map(() => refusal), serverTrouble: false, unanswered: false };
    if (connection.isOpen) this.#keep(hop.key, open);
    const result = {
      server: connection.name,
      tls: connection.tls,
      replies: ended.replies,
      routeTrouble: ended.serverTrouble,
      dsnPassedOn: offers.dsn,
    };
    // A server that takes its leave as the first thing it says had done so before it saw the message.
    return { result, dead: ended.serverTrouble && (ended.unanswered || connection.messages > 1) };
  }

  // --- kept connections -------------------------------------------------------------------------------------------------

  #takeIdle(key: string): OpenConnection | null {
    return this.#idle.get(key)?.pop() ?? null;
  }

  #keep(key: string, open: OpenConnection): void {
    if (this.#closing || open.connection.messages >= this.#options.limits.messagesPerConnection) {
      open.connection.quit();
      return;
    }
    open.connection.rest();
    const list = this.#idle.get(key);
    if (list) list.push(open);
    else this.#idle.set(key, [open]);
  }

  #forget(key: string, open: OpenConnection): void {
    this.#open.delete(open);
    const list = this.#idle.get(key);
    if (!list) return;
    const at = list.indexOf(open);
    if (at >= 0) list.splice(at, 1);
    if (list.length === 0) this.#idle.delete(key);
  }
}

/** No server of the next hop could be used: what each one said, in one reply of our own for every recipient. */
function routeTrouble(message: OutgoingMessage, troubles: readonly ConnectionTrouble[]): TransportResult {
  const first = troubles[0]?.reply ?? reply(421, "4.3.2", "The relay is shutting down");
  const text = troubles.slice(0, TROUBLES_MAX).map((trouble) => trouble.message);
  const why = text.length > 0 ? reply(first.code, first.enhanced, ...text) : first;
  return { server: "", tls: "", replies: message.recipients.map(() => why), routeTrouble: true, dsnPassedOn: false };
}

const SHUTTING_DOWN = "the relay is shutting down";

/** Servers named in a reply of our own. */
const TROUBLES_MAX = 5;

/** What the next hop cannot take, known without asking: for good, since it says what it can. */
function refusalOf(message: OutgoingMessage, offers: Offers, smtpUtf8: boolean, name: string): Reply | null {
  const sizeOctets = message.content.sizeOctets;
  if (offers.sizeOctetsMax > 0 && sizeOctets > offers.sizeOctetsMax) {
    return reply(
      552,
      "5.3.4",
      `${name} takes messages up to ${offers.sizeOctetsMax} octets; this one has ${sizeOctets}`,
    );
  }
  if (smtpUtf8 && !offers.smtpUtf8)
    return reply(553, "5.6.7", `${name} does not offer SMTPUTF8, and the message needs it`);
  if (message.envelope.body === "BINARYMIME" && !(offers.chunking && offers.binaryMime)) {
    return reply(554, "5.6.3", `${name} does not offer BINARYMIME, and the message is sent by it`);
  }
  return null;
}

/**
 * Whether the message cannot go without SMTPUTF8 (RFC 6531 §3.6): the client asked for it, and an address or the header has more
 * than ASCII. Clients ask for it to be safe; most of their messages need it not.
 */
function needsSmtpUtf8(message: OutgoingMessage): boolean {
  const { envelope, recipients, content } = message;
  if (!envelope.smtpUtf8) return false;
  if (envelope.reversePath && !isAscii(envelope.reversePath)) return true;
  if (recipients.some((recipient) => !isAscii(recipient.forwardPath))) return true;
  return content.kind === "file" || headerHasEightBits(content.chunks);
}

function isAscii(mailbox: Mailbox): boolean {
  return /^[\x00-\x7f]*$/.test(mailbox.localPart + formatMailboxHost(mailbox.host));
}

function headerHasEightBits(chunks: readonly Uint8Array[]): boolean {
  let lineOctets = 0;
  for (const chunk of chunks) {
    for (const octet of chunk) {
      if (octet > 0x7f) return true;
      if (octet === 0x0a) {
        if (lineOctets === 0) return false;
        lineOctets = 0;
      } else if (octet !== 0x0d) lineOctets++;
    }
  }
  return false;
}
