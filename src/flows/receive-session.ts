// HOT PATH: 25 µs of our own code a session with one message, sockets, policy and journal apart.
import type { Instant } from "../core/base/time.ts";
import { formatIpAddress, type IpAddress } from "../core/mail/ip.ts";
import { formatReply, reply, replyClass, type Reply } from "../core/mail/reply.ts";
import { parseCommand, type Command } from "../core/smtp/command.ts";
import { LineFraming, type LineFault } from "../core/smtp/framing.ts";
import * as words from "../core/smtp/replies.ts";
import {
  mustBeLast,
  NEW_SESSION,
  recipientTaken,
  secured,
  senderTaken,
  step,
  transactionEnded,
  type Action,
} from "../core/smtp/session.ts";
import type { SessionState } from "./listener-state.ts";
import { Authentication } from "./receive-authentication.ts";
import { IncomingContent } from "./receive-content.ts";
import { Dialogue, waited } from "./receive-dialogue.ts";
import { Patience } from "./receive-patience.ts";
import { judgeConnection, judgeSender, Transaction, type Caller } from "./receive-transaction.ts";
import type { Offering, OpenSession, Reception, SessionFacts, Wire } from "./reception.ts";

type Of<Verb extends Command["verb"]> = Extract<Command, { verb: Verb }>;

/** Lines that are none (bare CR or LF, NUL, too long), until 421. */
const LINE_FAULTS_MAX = 3;

/** One client from greeting to quit. Its owner feeds it octets and passes on what it says; it has no socket and no timer. */
export class ReceivingSession implements OpenSession {
  readonly id: number;
  readonly client: IpAddress;
  readonly #since: Instant;
  readonly #receiver: Reception;
  readonly #caller: Caller;
  readonly #dialogue: Dialogue;
  readonly #patience: Patience;
  readonly #lines = new LineFraming();
  #content: IncomingContent | null = null;
  #transaction: Transaction | null = null;
  #authentication: Authentication | null = null;
  #draining = false;
  #lineFaults = 0;
  #messages = 0;
  #judgedVersion = -1;

  constructor(receiver: Reception, wire: Wire, facts: SessionFacts, id: number) {
    const now = receiver.clock.now();
    this.id = id;
    this.client = facts.client;
    this.#since = now;
    this.#receiver = receiver;
    this.#caller = { ...facts, session: NEW_SESSION, tls: "", listedBy: null, now };
    this.#patience = new Patience(receiver, this.#caller);
    this.#dialogue = new Dialogue(receiver, wire, this.#caller, this, this.#patience);
  }

  // --- what the owner of the wire tells ---------------------------------------------------------------------------------

  /** Judges the connection and greets, or refuses. `overload` is why there is no room for it, or null. */
  open(overload: Reply | null): void {
    const refusal = this.#refusesConnection() ?? overload;
    if (refusal !== null) this.#dialogue.close(refusal, true);
    else if (this.#caller.listener.tls === "implicit") this.#dialogue.awaitHandshake();
    else this.#greet();
    this.#dialogue.flush();
  }

  /** TLS is up; `description` is protocol and cipher. All that was said before is forgotten (RFC 3207 §4.2). */
  secured(description: string): void {
    const dialogue = this.#dialogue;
    if (dialogue.reading !== "handshake") return;
    dialogue.tick();
    this.#caller.tls = description;
    this.#caller.session = secured();
    dialogue.awaitCommands();
    if (this.#caller.listener.tls === "implicit") this.#greet();
    dialogue.flush();
  }

  /** Octets of the client, in a buffer that is the session's from now on. */
  input(octets: Uint8Array): void {
    this.#dialogue.input(octets);
  }

  /** The client has read what was too much to send at once. */
  drained(): void {
    this.#dialogue.drained();
  }

  /** The client sends no more. */
  inputEnded(): void {
    this.#dialogue.inputEnded();
  }

  /** The connection is gone. */
  released(): void {
    this.#dialogue.released();
    this.#receiver.forget(this);
  }

  /** Called every second or so: ends the session where it waited too long or is too old. */
  sweep(now: Instant): void {
    if (this.#draining) this.drain();
    this.#dialogue.sweep(now);
    if (this.#receiver.budget.isTight) this.#relieve();
  }

  /** The server stops: 421 now, or once the transaction under way is over. */
  drain(): void {
    this.#draining = true;
    if (this.#transaction === null && !this.#dialogue.isAwaiting) this.cut();
  }

  /** 421, whatever is under way; what is being stored is stored. */
  cut(): void {
    this.#dialogue.cut();
  }

  state(): SessionState {
    const { listener, session, tls } = this.#caller;
    const { reading, isAwaiting } = this.#dialogue;
    const inTransaction = this.#transaction !== null && reading === "commands";
    return {
      id: this.id,
      client: formatIpAddress(this.client),
      listener: listener.name,
      since: this.#since,
      helo: session.helo,
      user: session.user,
      tls,
      state: isAwaiting ? "waiting" : inTransaction ? "mail" : reading,
      messages: this.#messages,
    };
  }

  // --- what the dialogue asks -------------------------------------------------------------------------------------------

  /** Reads a line or a block of content; the index behind it, or -1. */
  read(octets: Uint8Array, from: number): number {
    switch (this.#dialogue.reading) {
      case "commands":
      case "authentication":
        return this.#readLine(octets, from);
      case "data":
        return this.#readData(octets, from);
      case "chunk":
        return this.#readChunk(octets, from);
      case "greeting":
        this.#dialogue.close(words.WAIT_FOR_GREETING);
        return -1;
      case "handshake":
      case "closing":
        return -1;
    }
  }

  /** The transaction is over, whatever became of it. */
  abandon(): void {
    if (this.#transaction === null) return;
    this.#transaction.end();
    this.#transaction = null;
    this.#caller.session = transactionEnded(this.#caller.session);
    this.#content?.end();
  }

  // --- the connection ---------------------------------------------------------------------------------------------------

  #refusesConnection(): Reply | null {
    const policy = this.#receiver.policy();
    this.#judgedVersion = policy?.version ?? -1;
    return judgeConnection(this.#receiver, policy, this.#caller);
  }

  /** Greets; where RBLSVR names lists or strangers must wait, later: who speaks meanwhile has not waited for the greeting. */
  #greet(): void {
    const dialogue = this.#dialogue;
    const lists = this.#receiver.policy()?.attributes.RBLSVR ?? [];
    const waitMs = this.#patience.greetingWaitMs();
    if (lists.length === 0 && waitMs === 0) {
      dialogue.awaitCommands();
      dialogue.sayLines(this.#receiver.greeting);
      return;
    }
    dialogue.reading = "greeting";
    const listed = lists.length === 0 ? null : this.#receiver.listedBy(this.client, lists);
    Promise.all([listed, waitMs === 0 ? null : waited(this.#receiver.clock, waitMs)]).then(([list]) => {
      if (dialogue.reading !== "greeting") return;
      dialogue.tick();
      this.#caller.listedBy = list;
      const refusal = list === null ? null : this.#refusesConnection();
      dialogue.awaitCommands();
      if (refusal !== null) dialogue.close(refusal);
      else dialogue.greet(this.#receiver.greeting);
    }, this.#receiver.crash);
  }

  // --- commands ---------------------------------------------------------------------------------------------------------

  #readLine(octets: Uint8Array, from: number): number {
    const { limits } = this.#receiver;
    const inExchange = this.#dialogue.reading === "authentication";
    const lineMax = inExchange ? limits.authLineOctets : limits.commandLineOctets;
    const next = this.#lines.read(octets, from, lineMax, this.#acceptsBareLf());
    if (next < 0) return -1;
    this.#dialogue.awaitCommands();
    if (this.#lines.fault !== null) this.#onLineFault(this.#lines.fault, inExchange);
    else if (inExchange) this.#authentication?.respond(this.#lines.line);
    else this.#onCommand(this.#lines.line, next < octets.length);
    return next;
  }

  #acceptsBareLf(): boolean {
    return this.#caller.listener.bareLf || this.#receiver.policy()?.attributes.ALWBARELF === "*YES";
  }

  #onLineFault(fault: LineFault, inExchange: boolean): void {
    this.#authentication?.drop();
    const isAuthLine = inExchange && fault === "too-long";
    const answer = isAuthLine ? words.AUTH_LINE_TOO_LONG : reply(500, "5.5.2", words.LINE_FAULTS[fault]);
    if (++this.#lineFaults < LINE_FAULTS_MAX && fault !== "endless") return this.#refuse(answer);
    this.#dialogue.say(answer);
    if (this.#lineFaults >= LINE_FAULTS_MAX) this.#dialogue.close(words.TOO_MANY_ERRORS);
    else this.#dialogue.end();
  }

  #onCommand(line: string, more: boolean): void {
    const command = parseCommand(line, this.#receiver.postmasterDomain);
    if (more && this.#caller.listener.mustWait && mustBeLast(command.verb)) {
      this.#dialogue.close(reply(554, "5.5.0", `Wait for the answer to ${command.verb}`));
      return;
    }
    const next = step(this.#caller.session, command, this.#offering().offers);
    this.#caller.session = next.session;
    this.#perform(next.action);
    if (this.#draining) this.drain();
  }

  #perform(action: Action): void {
    const dialogue = this.#dialogue;
    switch (action.do) {
      case "reply":
        return this.#sayFruitless(formatReply(action.reply));
      case "refuse":
        return this.#refuse(action.reply);
      case "close":
        return dialogue.close(action.reply, action.reply.code === 221);
      case "greet":
        this.abandon();
        if (action.extended) return this.#sayFruitless(this.#offering().ehlo);
        return this.#sayFruitless(formatReply(reply(250, "", this.#receiver.hostname)));
      case "mail":
        return this.#onMail(action.mail);
      case "rcpt":
        return this.#onRcpt(action.rcpt);
      case "data":
        this.#beginContent("data");
        return dialogue.say(words.START_DATA);
      case "chunk":
        return this.#beginChunk(action.octets, action.last, action.refusal);
      case "reset":
        this.abandon();
        return this.#sayFruitless(formatReply(words.OK));
      case "start-tls":
        this.abandon();
        this.#lines.clear();
        dialogue.say(words.START_TLS);
        return dialogue.awaitHandshake();
      case "start-queue":
        return this.#sayFruitless(formatReply(this.#receiver.etrn.start(this.#receiver, this.#caller, action)));
      case "authenticate":
        return this.#authenticate(action);
    }
  }

  /** A mistake is answered and counted; after too many the session ends. */
  #refuse(answer: Reply): void {
    this.#sayError(formatReply(answer));
  }

  #sayError(lines: string): void {
    const when = this.#patience.error();
    if (when === "later") return this.#dialogue.sayLater(this.#receiver.limits.errorDelayMs, lines);
    this.#dialogue.sayLines(lines);
    if (when === "last") this.#dialogue.close(words.TOO_MANY_ERRORS);
  }

  /** Answers what brings no mail on: a stranger's is an error after so many. */
  #sayFruitless(lines: string): void {
    if (this.#patience.isFruitlessTooOften()) this.#sayError(lines);
    else this.#dialogue.sayLines(lines);
  }

  #authenticate(action: Extract<Action, { do: "authenticate" }>): void {
    const refuse = (answer: Reply): void => this.#refuse(answer);
    this.#authentication ??= new Authentication(this.#receiver, this.#caller, this.#dialogue, refuse);
    this.#authentication.begin(action);
  }

  #offering(): Offering {
    return this.#receiver.offering(this.#caller.listener, this.#caller.session.tls);
  }

  #onMail(mail: Of<"MAIL">): void {
    const policy = this.#receiver.policy();
    // A client that was put on *REJECT in mid-session hears it here.
    if ((policy?.version ?? -1) !== this.#judgedVersion) {
      const refusal = this.#refusesConnection();
      if (refusal !== null) return this.#dialogue.close(refusal);
    }
    if (!this.#receiver.hasRoom()) return this.#dialogue.say(words.NO_ROOM);
    const refused = judgeSender(this.#receiver, policy, this.#caller, mail.path);
    if (refused !== null) return this.#refuse(refused.reply);
    this.#caller.session = senderTaken(this.#caller.session, mail);
    this.#transaction = new Transaction(this.#receiver, this.#caller, policy, mail);
    this.#dialogue.say(words.SENDER_OK);
  }

  #onRcpt(rcpt: Of<"RCPT">): void {
    const answer = this.#transaction?.rcpt(rcpt, this.#lines.line.length) ?? words.NO_TRANSACTION;
    if (answer instanceof Promise) this.#dialogue.awaitReply(answer, (later) => this.#answerRcpt(later));
    else this.#answerRcpt(answer);
  }

  #answerRcpt(answer: Reply): void {
    if (answer === words.RECIPIENT_OK) {
      this.#caller.session = recipientTaken(this.#caller.session);
      this.#dialogue.say(answer);
    } else if (answer === words.RECIPIENT_AGAIN || answer === words.TOO_MANY_RECIPIENTS)
      this.#sayFruitless(formatReply(answer));
    else if (replyClass(answer) === 4) this.#dialogue.say(answer);
    else this.#refuse(answer);
  }

  // --- content ----------------------------------------------------------------------------------------------------------

  #beginContent(reading: "data" | "chunk"): IncomingContent {
    const receiver = this.#receiver;
    this.#content ??= new IncomingContent(receiver.limits, receiver.budget, receiver.spool);
    const binary = this.#caller.session.binary;
    this.#content.begin(this.#offering().offers.sizeMaxOctets, this.#acceptsBareLf(), binary);
    this.#dialogue.awaitContent(reading);
    return this.#content;
  }

  #readData(octets: Uint8Array, from: number): number {
    const content = this.#content;
    if (content === null) return -1;
    const next = content.readData(octets, from);
    this.#dialogue.deadline.contentCame((next < 0 ? octets.length : next) - from, this.#caller.now);
    if (content.mustSpill(next >= 0)) this.#spill(content, next >= 0 ? () => this.#endOfData(content) : NOTHING_MORE);
    else if (next >= 0) this.#endOfData(content);
    return next;
  }

  #beginChunk(octets: number, last: boolean, refusal: Reply | null): void {
    const transaction = this.#transaction;
    const isFirst = refusal === null && transaction?.chunksBegun === false;
    const content = isFirst || this.#content === null ? this.#beginContent("chunk") : this.#content;
    if (isFirst) transaction.chunksBegun = true;
    content.beginChunk(octets, last, refusal);
    this.#dialogue.awaitContent("chunk");
    if (octets === 0) this.#endOfChunk(content);
  }

  #readChunk(octets: Uint8Array, from: number): number {
    const content = this.#content;
    if (content === null) return -1;
    const next = content.readChunk(octets, from);
    this.#dialogue.deadline.contentCame(next - from, this.#caller.now);
    const complete = content.chunkIsComplete;
    if (content.mustSpill(complete && content.chunkIsLast))
      this.#spill(content, complete ? () => this.#endOfChunk(content) : NOTHING_MORE);
    else if (complete) this.#endOfChunk(content);
    return next;
  }

  #endOfChunk(content: IncomingContent): void {
    this.#dialogue.awaitCommands();
    if (content.chunkRefusal !== null) this.#refuse(content.chunkRefusal);
    else if (content.chunkIsLast) {
      content.endChunks();
      this.#endOfData(content);
    } else if (content.failed) {
      const refusal = content.refusal(this.#receiver.hostname) ?? words.NO_TRANSACTION;
      this.abandon();
      this.#refuse(refusal);
    } else {
      const lines = formatReply(reply(250, "2.0.0", `${content.chunkOctets} octets received`));
      if (content.chunkOctets === 0) this.#sayFruitless(lines);
      else this.#dialogue.sayLines(lines);
    }
  }

  /** Memory is scarce: what a client that sends nothing more for now has sent need not stay in it. */
  #relieve(): void {
    const content = this.#content;
    if (content === null || this.#dialogue.isAwaiting || this.#dialogue.isDeaf()) return;
    if (content.mustSpill(false)) this.#spill(content, NOTHING_MORE);
  }

  /** Moves what is held to a file before more is read, and waits its turn to read more while memory is scarce: back-pressure. */
  #spill(content: IncomingContent, next: () => void): void {
    const transaction = this.#transaction;
    if (transaction === null) return;
    const spilled = content
      .spill(() => transaction.received(), this.#receiver.hostname)
      .catch((fault: unknown) => {
        this.#receiver.report(fault);
        content.fail(words.NOT_STORED);
      });
    const isLast = next !== NOTHING_MORE;
    const then = (): void => (isLast || !this.#receiver.budget.isTight ? next() : this.#awaitRoom());
    this.#dialogue.await(spilled, () => this.#dialogue.reading !== "closing" && then(), true);
  }

  #awaitRoom(): void {
    const since = this.#caller.now;
    const then = (): void => this.#dialogue.deadline.extend(this.#caller.now - since);
    this.#dialogue.await(this.#receiver.budget.room(), then, true);
  }

  #endOfData(content: IncomingContent): void {
    this.#dialogue.awaitCommands();
    const refusal = content.refusal(this.#receiver.hostname);
    const transaction = this.#transaction;
    if (refusal !== null || transaction === null) {
      this.abandon();
      this.#refuse(refusal ?? words.NO_TRANSACTION);
      return;
    }
    this.#dialogue.awaitReply(transaction.store(content), (answer) => {
      this.abandon();
      if (replyClass(answer) === 2) this.#onTaken();
      this.#dialogue.say(answer);
      if (this.#draining) this.cut();
    });
  }

  #onTaken(): void {
    this.#messages++;
    this.#patience.messageTaken();
    this.#dialogue.deadline.fruitCame(this.#caller.now);
  }
}

const NOTHING_MORE = (): void => undefined;
