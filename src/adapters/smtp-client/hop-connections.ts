// Hot with transport.ts, whose benchmark measures both: a message over a kept connection costs two closures here.
import { reply } from "../../core/mail/reply.ts";
import type { Clock, NextHop, OutgoingMessage, Timer, TransportResult } from "../../flows/ports.ts";
import { ConnectionTrouble, type Order } from "./connection.ts";
import { openConnection, type OpenConnection, type OpenOptions } from "./open.ts";
import { needsSmtpUtf8, refusalOf } from "./refusal.ts";
import type { TransactionResult } from "./transaction.ts";

/** A message on its way to a next hop, until somebody answered for it. */
export interface Sending {
  readonly hop: NextHop;
  readonly message: OutgoingMessage;
  readonly resolve: (result: TransportResult) => void;
  readonly reject: (fault: Error) => void;
  /** Index of the next server to be tried, and why those before it could not be used. */
  serverAt: number;
  troubles: ConnectionTrouble[];
}

/**
 * So many connections are opened as soon as there is something for them. With further messages behind those under way they are
 * enough for a next hop that answers quickly, and an envelope goes out with the content before it (RFC 2920 §3.1).
 */
const FEW = 4;
/** Where a message waits longer than this, the next hop is slow, or far: one more connection. */
const SLOW_MS = 20;
/** A next hop that took no more connections is asked for more after this time. */
const CROWDED_MS = 60_000;
/** Servers named in a reply of our own. */
const TROUBLES_MAX = 5;
const SHUTTING_DOWN = "the relay is shutting down";

/** Connections of all next hops that rest, the longest first. Above a limit the longest is closed: a thousand next hops need not be held open. */
export class RestingConnections {
  readonly #max: number;
  readonly #resting = new Map<OpenConnection, HopConnections>();

  constructor(max: number) {
    this.#max = max;
  }

  add(open: OpenConnection, of: HopConnections): void {
    this.#resting.set(open, of);
    if (this.#resting.size <= this.#max) return;
    for (const [longest, connections] of this.#resting) {
      this.#resting.delete(longest);
      connections.dismiss(longest);
      return;
    }
  }

  delete(open: OpenConnection): void {
    this.#resting.delete(open);
  }
}

/** The connections to one next hop, and the messages that wait for one of them: the newest used first, so that what is too many rests. */
export class HopConnections {
  readonly #options: OpenOptions;
  readonly #clock: Clock;
  readonly #onEmpty: () => void;
  readonly #resting: RestingConnections;
  readonly #open = new Set<OpenConnection>();
  readonly #idle: OpenConnection[] = [];
  readonly #waiting: Sending[] = [];
  #opening = 0;
  /** How many at once the next hop stands, as far as we know. */
  #most: number;
  #crowdedUntil = 0;
  #pace: NextHop["pace"] | null = null;
  /** Who waited first when it was last looked at. */
  #seenWaiting: Sending | null = null;
  #timer: Timer | null = null;
  #closing = false;
  #cut = false;

  /** `onEmpty` is called when no connection is left and nobody waits. */
  constructor(options: OpenOptions, clock: Clock, resting: RestingConnections, onEmpty: () => void) {
    this.#resting = resting;
    this.#options = options;
    this.#clock = clock;
    this.#onEmpty = onEmpty;
    this.#most = options.limits.connectionsPerNextHop;
  }

  /** Connections at once, and messages over each, as the route says or else the limits do. */
  get #connectionsMax(): number {
    return this.#pace?.connections ?? this.#options.limits.connectionsPerNextHop;
  }

  get #messagesMax(): number {
    return this.#pace?.messagesPerConnection ?? this.#options.limits.messagesPerConnection;
  }

  /** The route says another pace; what is open stays. */
  #goBy(pace: NextHop["pace"]): void {
    this.#pace = pace;
    this.#most = this.#connectionsMax;
  }

  /** Connections open now. */
  get open(): number {
    return this.#open.size;
  }

  send(sending: Sending): void {
    if (sending.hop.pace !== this.#pace) this.#goBy(sending.hop.pace);
    const kept = this.#idle.pop();
    if (kept !== undefined) {
      this.#resting.delete(kept);
      this.#start(kept, sending);
    } else if (this.#open.size + this.#opening < Math.min(FEW, this.#most)) void this.#connect(sending);
    else {
      this.#waiting.push(sending);
      this.#watch();
    }
  }

  /** No new connection from now on; messages under way may end, and those that wait are sent over what is open. */
  close(): void {
    this.#closing = true;
    for (const open of this.#idle.splice(0)) {
      this.#resting.delete(open);
      open.connection.quit();
    }
  }

  /** Closes a connection that rests. */
  dismiss(open: OpenConnection): void {
    const at = this.#idle.indexOf(open);
    if (at >= 0) this.#idle.splice(at, 1);
    open.connection.quit();
  }

  /** Ends everything at once. */
  cut(): void {
    this.#closing = true;
    this.#cut = true;
    this.#timer?.cancel();
    for (const { connection } of [...this.#open]) connection.destroy(SHUTTING_DOWN);
    for (const sending of this.#waiting.splice(0)) this.#fail(sending, sending.troubles);
  }

  // --- connections ------------------------------------------------------------------------------------------------------

  /** Opens a connection for the message, to the first server that can be used. */
  async #connect(sending: Sending): Promise<void> {
    this.#opening++;
    let open: OpenConnection | null = null;
    try {
      while (open === null && !this.#closing && sending.serverAt < sending.hop.servers.length) {
        open = await this.#openNext(sending);
      }
    } catch (fault) {
      this.#opening--;
      sending.reject(fault instanceof Error ? fault : new Error(String(fault)));
      this.#goOn();
      return;
    }
    this.#opening--;
    if (open === null) this.#withoutConnection(sending);
    else {
      this.#adopt(open);
      this.#start(open, sending, true);
    }
  }

  async #openNext(sending: Sending): Promise<OpenConnection | null> {
    const server = sending.hop.servers[sending.serverAt++];
    if (server === undefined) return null;
    try {
      const open = await openConnection(sending.hop, server, this.#options);
      if (this.#cut) open.connection.destroy(SHUTTING_DOWN);
      if (!mustOffer(sending.message) || open.offers.requireTls) return open;
      open.connection.quit();
      sending.troubles.push(new ConnectionTrouble("4.7.30", `${open.connection.name} does not offer REQUIRETLS`));
      return null;
    } catch (error) {
      if (!(error instanceof ConnectionTrouble)) throw error;
      sending.troubles.push(error);
      return null;
    }
  }

  #adopt(open: OpenConnection): void {
    const { connection } = open;
    this.#open.add(open);
    connection.onClose = () => this.#forget(open);
    connection.onContentSent = () => this.#follow(open);
  }

  #forget(open: OpenConnection): void {
    this.#open.delete(open);
    this.#resting.delete(open);
    const at = this.#idle.indexOf(open);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#goOn();
  }

  /** Nobody waits for connections that are all gone. */
  #goOn(): void {
    if (this.#open.size + this.#opening > 0) return;
    const sending = this.#waiting.shift();
    if (sending !== undefined) void this.#connect(sending);
    else this.#onEmpty();
  }

  /** No server took one more connection. While others are open this one's message waits for them; else nobody's can be sent. */
  #withoutConnection(sending: Sending): void {
    if (!this.#closing && this.#open.size + this.#opening > 0) {
      this.#most = Math.max(1, this.#open.size);
      this.#crowdedUntil = this.#options.sweep.deadline(CROWDED_MS);
      this.#waiting.unshift({ ...sending, serverAt: 0, troubles: [] });
      this.#watch();
      return;
    }
    this.#fail(sending, sending.troubles);
    if (this.#open.size + this.#opening > 0) return;
    for (const waiting of this.#waiting.splice(0)) this.#fail(waiting, sending.troubles);
    this.#onEmpty();
  }

  /** While somebody waits: who waits since the last look gets a connection of its own. */
  #watch(): void {
    if (this.#timer !== null || this.#closing) return;
    this.#timer = this.#clock.after(SLOW_MS, () => {
      this.#timer = null;
      const [first] = this.#waiting;
      if (first === undefined || this.#closing) return;
      if (this.#options.sweep.isPast(this.#crowdedUntil)) this.#most = this.#connectionsMax;
      if (first === this.#seenWaiting && this.#open.size + this.#opening < this.#most) {
        this.#waiting.shift();
        void this.#connect(first);
      }
      this.#seenWaiting = this.#waiting[0] ?? null;
      if (this.#seenWaiting !== null) this.#watch();
    });
  }

  // --- messages ---------------------------------------------------------------------------------------------------------

  /** `isFirst`: the connection was opened for this message. */
  #start(open: OpenConnection, sending: Sending, isFirst = false): void {
    const { connection, offers } = open;
    const { message } = sending;
    const smtpUtf8 = needsSmtpUtf8(message);
    const refusal = refusalOf(message, offers, smtpUtf8, connection.name);
    if (refusal === null) connection.transact(this.#orderOf(open, sending, smtpUtf8, isFirst));
    else {
      const replies = message.recipients.map(() => refusal);
      this.#end(open, sending, { replies, serverTrouble: false, unanswered: false }, isFirst);
    }
  }

  /** The message whose envelope goes along with the content of the one before it, or null. */
  #follow(open: OpenConnection): Order | null {
    const [sending] = this.#waiting;
    const { connection, offers } = open;
    if (sending === undefined || !offers.pipelining) return null;
    if (connection.messages >= this.#messagesMax) return null;
    const smtpUtf8 = needsSmtpUtf8(sending.message);
    if (refusalOf(sending.message, offers, smtpUtf8, connection.name) !== null) return null;
    this.#waiting.shift();
    return this.#orderOf(open, sending, smtpUtf8, false);
  }

  #orderOf(open: OpenConnection, sending: Sending, smtpUtf8: boolean, isFirst: boolean): Order {
    const finish = (ended: TransactionResult): void => this.#end(open, sending, ended, isFirst);
    return { message: sending.message, offers: open.offers, smtpUtf8, finish };
  }

  #end(open: OpenConnection, sending: Sending, ended: TransactionResult, isFirst: boolean): void {
    const { connection, offers } = open;
    const { replies, serverTrouble, unanswered } = ended;
    if (serverTrouble) {
      // It takes its leave, or is gone: no message waits for it.
      this.#open.delete(open);
      connection.quit();
    } else if (connection.idle) this.#next(open);
    // A server that takes its leave as the first thing it says had done so before it saw the message: another one may be tried.
    if (!serverTrouble || (!unanswered && isFirst)) {
      const { name: server, tls } = connection;
      sending.resolve({ server, tls, replies, routeTrouble: serverTrouble, dsnPassedOn: offers.dsn });
    } else if (isFirst) {
      sending.troubles.push(new ConnectionTrouble("4.4.2", replies[0]?.text.join(" ") ?? ""));
      void this.#connect(sending);
    } else this.send(sending);
  }

  /** The connection has nothing to do. */
  #next(open: OpenConnection): void {
    const { connection } = open;
    if (!connection.isOpen) return;
    const isWorn = connection.messages >= this.#messagesMax;
    const sending = isWorn ? undefined : this.#waiting.shift();
    if (sending !== undefined) this.#start(open, sending);
    else if (isWorn || this.#closing) connection.quit();
    else {
      connection.rest();
      this.#idle.push(open);
      this.#resting.add(open, this);
    }
  }

  /** No server of the next hop could be used: what each one said, in one reply of our own for every recipient. */
  #fail({ message, resolve }: Sending, troubles: readonly ConnectionTrouble[]): void {
    const first = troubles[0]?.reply ?? reply(421, "4.3.2", "The relay is shutting down");
    const text = troubles.slice(0, TROUBLES_MAX).map((trouble) => trouble.message);
    const why = text.length > 0 ? reply(first.code, first.enhanced, ...text) : first;
    const replies = message.recipients.map(() => why);
    resolve({ server: "", tls: "", replies, routeTrouble: true, dsnPassedOn: false });
  }
}

/** Whether a server must offer REQUIRETLS to get the message. All that share its connections say the same; a report goes without. */
function mustOffer({ envelope }: OutgoingMessage): boolean {
  return envelope.requireTls === true && envelope.reversePath !== null;
}
