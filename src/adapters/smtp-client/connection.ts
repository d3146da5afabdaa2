import net from "node:net";
import tls from "node:tls";
import { describeReply, reply, type Reply } from "../../core/mail/reply.ts";
import { DotStuffing } from "../../core/mail/dot-stuffing.ts";
import type { FileContent } from "../../core/mail/content.ts";
import { formatIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import type { Limits } from "../../core/base/limits.ts";
import type { Offers } from "../../core/smtp/offers.ts";
import { ReplyReader } from "../../core/smtp/reply-reader.ts";
import { withoutSecrets } from "../../core/smtp/sasl-client.ts";
import type { OutgoingMessage } from "../../flows/ports.ts";
import type { Sweep, Swept } from "./sweep.ts";
import { Transaction, type Next, type TransactionResult } from "./transaction.ts";
import { blocksOf, chunksOf, endOf, sizeOf, stuffed } from "./wire-content.ts";

export interface Server {
  readonly host: string;
  readonly address: IpAddress;
  readonly port: number;
}

/** What every connection of the transport shares. */
export interface ConnectionContext {
  readonly hostname: string;
  readonly limits: Limits;
  readonly sweep: Sweep;
  readonly readFile: (content: FileContent) => AsyncIterable<Uint8Array>;
}

/** Trouble of a connection before a transaction: nobody's message is to blame. */
export class ConnectionTrouble extends Error {
  override readonly name = "ConnectionTrouble";
  readonly reply: Reply;

  constructor(enhanced: string, text: string) {
    super(text);
    this.reply = reply(451, enhanced, text);
  }
}

/** A message to be sent over a connection whose server it suits. */
export interface Order {
  readonly message: OutgoingMessage;
  readonly offers: Offers;
  readonly smtpUtf8: boolean;
  readonly finish: (result: TransactionResult) => void;
}

interface UnderWay {
  readonly transaction: Transaction;
  readonly finish: Order["finish"];
}

interface Waiter {
  resolve(answer: Reply): void;
  reject(trouble: ConnectionTrouble): void;
}

/** One connection to a server of a next hop: a dialogue to open it, then one transaction after the other. */
export class Connection implements Swept {
  readonly server: Server;
  /** `mx1.example.net [192.0.2.1]`. */
  readonly name: string;
  readonly #context: ConnectionContext;
  readonly #reader = new ReplyReader();
  #socket: net.Socket;
  #deadline = Infinity;
  #waiter: Waiter | null = null;
  #current: UnderWay | null = null;
  /** Its envelope went out behind the content of the current one. */
  #following: UnderWay | null = null;
  #drained: (() => void) | null = null;
  #needsReset = false;
  #streaming = false;
  #tlsFollows = false;
  /** What no reply may show. */
  #secrets: readonly string[] = [];
  #closed = false;
  #closedWhy = "";
  /** Called once, when the connection is gone. */
  onClose: () => void = () => {};
  /** Called when content goes out: the message to follow, if there is one. */
  onContentSent: () => Order | null = () => null;
  messages = 0;
  /** Protocol, cipher and what was verified, "" in clear. */
  tls = "";

  constructor(server: Server, socket: net.Socket, context: ConnectionContext) {
    this.server = server;
    this.name = `${server.host} [${formatIpAddress(server.address)}]`;
    this.#context = context;
    this.#socket = socket;
    this.#listen(socket);
    context.sweep.add(this);
  }

  get socket(): net.Socket {
    return this.#socket;
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  get idle(): boolean {
    return this.#current === null && this.#waiter === null;
  }

  // --- dialogue ---------------------------------------------------------------------------------------------------------

  /**
   * Writes a command (or nothing, for the greeting) and gives the next reply; throws `ConnectionTrouble`. Where TLS follows, what
   * the server sent behind its reply in the clear is dropped: it could be anybody's (RFC 3207 §4.2).
   */
  ask(command: string, timeoutMs: number, tlsFollows = false): Promise<Reply> {
    this.#tlsFollows = tlsFollows;
    this.#deadline = this.#context.sweep.deadline(timeoutMs);
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new ConnectionTrouble("4.4.2", this.#closedWhy));
        return;
      }
      if (command !== "") this.#socket.write(command, "latin1");
      this.#waiter = { resolve, reject };
    });
  }

  /** Puts TLS over the connection; nothing that came before it is kept. */
  async startTls(options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
    if (this.#closed) throw new ConnectionTrouble("4.4.2", this.#closedWhy);
    const plain = this.#socket;
    this.#ignore(plain);
    this.#reader.reset();
    this.#deadline = this.#context.sweep.deadline(this.#context.limits.handshakeMs);
    const secure = tls.connect({ ...options, socket: plain });
    this.#socket = secure;
    const handshake = new Promise<void>((resolve, reject) => {
      secure.once("secureConnect", resolve);
      this.#waiter = { resolve: () => {}, reject };
    });
    this.#listen(secure);
    await handshake;
    this.#waiter = null;
    this.#deadline = Infinity;
    return secure;
  }

  /** `assurance` says what was verified. */
  noteTls(secure: tls.TLSSocket, assurance: string): void {
    this.tls = `${secure.getProtocol() ?? "TLS"} ${secure.getCipher().standardName} ${assurance}`;
  }

  /** Takes these texts out of every reply from now on: replies stand in logs and reports. */
  hide(secrets: readonly string[]): void {
    this.#secrets = [...secrets, ...this.#secrets];
  }

  // --- transactions -----------------------------------------------------------------------------------------------------

  /** Begins a transaction on an idle connection; the order's `finish` is called once, when it ended or the connection did. */
  transact(order: Order): void {
    const { message, offers, smtpUtf8, finish } = order;
    const transaction = new Transaction(message, offers, smtpUtf8, this.#needsReset);
    if (this.#closed) {
      transaction.lose(reply(451, "4.4.2", `${this.name} closed the connection`));
      finish(transaction.result());
      return;
    }
    this.#current = { transaction, finish };
    this.messages++;
    this.#deadline = this.#context.sweep.deadline(this.#context.limits.replyTimeoutMs);
    this.#socket.write(transaction.opening, "utf8");
  }

  /** Waits for the next message; closes itself when none comes. */
  rest(): void {
    this.#deadline = this.#context.sweep.deadline(this.#context.limits.connectionIdleMs);
  }

  /** Says good-bye and closes. */
  quit(): void {
    if (this.#closed) return;
    const socket = this.#socket;
    socket.end("QUIT\r\n", "latin1");
    this.#gone("");
    // Its 221 ends the connection, and so does its silence.
    socket.setTimeout(QUIT_TIMEOUT_MS, () => socket.destroy());
  }

  /** Cuts the connection; whatever waits for it hears why. */
  destroy(why: string): void {
    this.#gone(why);
    this.#socket.destroy();
  }

  tick(): void {
    if (!this.#context.sweep.isPast(this.#deadline)) return;
    if (this.idle) this.quit();
    else this.destroy(`no answer from ${this.name} in time`);
  }

  // --- what comes in ----------------------------------------------------------------------------------------------------

  #listen(socket: net.Socket): void {
    socket.on("data", this.#onData);
    socket.on("drain", this.#onDrain);
    socket.on("error", this.#onError);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onEnd);
  }

  #ignore(socket: net.Socket): void {
    socket.off("data", this.#onData);
    socket.off("drain", this.#onDrain);
    socket.off("error", this.#onError);
    socket.off("end", this.#onEnd);
    socket.off("close", this.#onEnd);
    // What goes wrong with it shows at the TLS socket above it.
    socket.on("error", () => {});
  }

  readonly #onDrain = (): void => this.#drained?.();
  readonly #onEnd = (): void => this.destroy(`${this.name} closed the connection`);
  readonly #onError = (error: Error): void => this.destroy(`${this.name}: ${error.message}`);

  readonly #onData = (chunk: Buffer): void => {
    const reader = this.#reader;
    reader.push(chunk.toString("latin1"));
    for (let answer = reader.next(); answer !== null; answer = reader.next()) {
      this.#take(this.#secrets.length === 0 ? answer : this.#withoutSecrets(answer));
      if (this.#closed) return;
    }
    if (reader.fault !== null) this.destroy(`${this.name} sent no SMTP reply (${reader.fault})`);
  };

  #withoutSecrets(answer: Reply): Reply {
    return { ...answer, text: answer.text.map((line) => withoutSecrets(line, this.#secrets)) };
  }

  #take(answer: Reply): void {
    const transaction = this.#current?.transaction;
    if (transaction) this.#proceed(transaction, transaction.take(answer));
    else if (this.#waiter) {
      const waiter = this.#waiter;
      this.#waiter = null;
      if (this.#tlsFollows) this.#reader.reset();
      waiter.resolve(answer);
    }
    // Nobody asked: the server takes its leave (421), or is not to be trusted with the next message.
    else this.destroy(`${this.name} said unasked: ${describeReply(answer)}`);
  }

  #proceed(transaction: Transaction, next: Next): void {
    if (next === "wait") {
      this.#deadline = this.#context.sweep.deadline(this.#context.limits.replyTimeoutMs);
    } else if (next === "done") {
      this.#end();
    } else if (next === "content") {
      this.#send(transaction);
    } else {
      const timeoutMs = next.write === "DATA\r\n" ? "dataInitiationTimeoutMs" : "replyTimeoutMs";
      this.#deadline = this.#context.sweep.deadline(this.#context.limits[timeoutMs]);
      this.#socket.write(next.write, "utf8");
    }
  }

  /** The current transaction is over; the one that follows, if any, has its turn. */
  #end(): void {
    const ended = this.#current;
    if (ended === null) return;
    const next = this.#following;
    this.#current = next;
    this.#following = null;
    this.#needsReset = ended.transaction.needsReset;
    this.#deadline = next === null ? Infinity : this.#context.sweep.deadline(this.#context.limits.replyTimeoutMs);
    // An answer while content is still on its way: the server may take the rest of it for commands.
    if (this.#streaming || this.#socket.writableLength > (next?.transaction.opening.length ?? 0))
      this.destroy(`${this.name} answered before the end of data`);
    ended.finish(ended.transaction.result());
  }

  #gone(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closedWhy = why;
    this.#context.sweep.delete(this);
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.reject(new ConnectionTrouble("4.4.2", why));
    this.#drained?.();
    while (this.#current !== null) {
      const { transaction } = this.#current;
      transaction.lose(reply(451, "4.4.2", transaction.inContent ? `${why} after the content was sent` : why));
      this.#end();
    }
    this.onClose();
  }

  // --- content ----------------------------------------------------------------------------------------------------------

  #send(transaction: Transaction): void {
    const { message, chunking } = transaction;
    const { content } = message;
    if (content.kind === "file") {
      void this.#stream(content, transaction);
      return;
    }
    this.#deadline = this.#context.sweep.deadline(this.#context.limits.dataTerminationTimeoutMs);
    const socket = this.#socket;
    // Corked, all chunks go out by one writev.
    socket.cork();
    const chunks = chunksOf(message);
    if (chunking) socket.write(`BDAT ${sizeOf(message)} LAST\r\n`, "latin1");
    for (const chunk of stuffed(chunks, content.dotLines && !chunking)) socket.write(chunk);
    if (!chunking) socket.write(endOf(chunks) + this.#openFollowing(), "utf8");
    socket.uncork();
  }

  /** What begins the transaction behind this one, where there is one: it goes out in the same write. */
  #openFollowing(): string {
    const order = this.onContentSent();
    if (order === null) return "";
    const transaction = new Transaction(order.message, order.offers, order.smtpUtf8, false);
    this.#following = { transaction, finish: order.finish };
    this.messages++;
    return transaction.opening;
  }

  /** Content from a file, no faster than the server takes it. A fault of the file ends the connection: the message is deferred. */
  async #stream(content: FileContent, transaction: Transaction): Promise<void> {
    this.#streaming = true;
    try {
      const { message, chunking } = transaction;
      if (chunking) this.#socket.write(`BDAT ${sizeOf(message)} LAST\r\n`, "latin1");
      const stuffing = content.dotLines && !chunking ? new DotStuffing() : null;
      let tail: readonly Uint8Array[] = [];
      for await (const chunk of blocksOf(message, this.#context.readFile(content))) {
        const out: Uint8Array[] = [];
        if (stuffing) stuffing.push(chunk, out);
        else out.push(chunk);
        for (const part of out) await this.#writeBlock(part);
        if (this.#current?.transaction !== transaction) return;
        tail = chunk.length > 1 ? [chunk] : [...tail, chunk].slice(-2);
      }
      if (!chunking) this.#socket.write(endOf(tail), "latin1");
      this.#streaming = false;
      this.#deadline = this.#context.sweep.deadline(this.#context.limits.dataTerminationTimeoutMs);
    } catch (error) {
      this.destroy(`the content could not be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #writeBlock(block: Uint8Array): Promise<void> {
    if (this.#closed) return;
    this.#deadline = this.#context.sweep.deadline(this.#context.limits.dataBlockTimeoutMs);
    if (this.#socket.write(block)) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.#drained = null;
  }
}

const QUIT_TIMEOUT_MS = 5_000;
