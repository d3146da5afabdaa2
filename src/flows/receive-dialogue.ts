import type { Instant } from "../core/base/time.ts";
import { formatReply, type Reply } from "../core/mail/reply.ts";
import { SHUTTING_DOWN, TIMEOUT } from "../core/smtp/replies.ts";
import type { Clock } from "./ports.ts";
import { Deadline } from "./receive-deadline.ts";
import { InputQueue, type InputReader } from "./receive-input.ts";
import type { Patience } from "./receive-patience.ts";
import type { Caller } from "./receive-transaction.ts";
import type { Reception, Wire } from "./reception.ts";

/** What the octets that come in now are; before the greeting they are those of a client that does not wait for it. */
export type Reading = "greeting" | "commands" | "authentication" | "data" | "chunk" | "handshake" | "closing";

/** Replies are sent once there are so many characters of them, though more of the block is still to be read. */
const REPLIES_MAX = 16_384;

/** Whose dialogue it is. */
export interface Party extends Pick<InputReader, "read"> {
  /** Nothing can come of a transaction any more. */
  abandon(): void;
}

/**
 * The turns of a session: what comes in is read in order, what is said goes out in one piece per turn, waiting ends at its deadline, and
 * while an answer is awaited from elsewhere nothing more is read.
 */
export class Dialogue implements InputReader {
  reading: Reading = "greeting";
  readonly deadline: Deadline;
  readonly #receiver: Reception;
  readonly #wire: Wire;
  readonly #caller: Caller;
  readonly #party: Party;
  readonly #patience: Patience;
  readonly #input: InputQueue;
  #out = "";
  /** The client does not read what was said last. */
  #choked = false;
  /** Answers from elsewhere that are still to come. */
  #awaited = 0;
  #inputEnded = false;

  constructor(receiver: Reception, wire: Wire, caller: Caller, party: Party, patience: Patience) {
    this.#receiver = receiver;
    this.#wire = wire;
    this.#caller = caller;
    this.#party = party;
    this.#patience = patience;
    this.#input = new InputQueue(this, wire);
    this.deadline = new Deadline(receiver.limits, caller.now);
  }

  isDeaf(): boolean {
    return this.reading === "closing" || this.reading === "handshake";
  }

  isFull(): boolean {
    if (this.#out.length >= REPLIES_MAX) this.flush();
    return this.#choked;
  }

  read(octets: Uint8Array, from: number): number {
    return this.#party.read(octets, from);
  }

  get isAwaiting(): boolean {
    return this.#awaited > 0;
  }

  // --- what comes in ----------------------------------------------------------------------------------------------------

  input(octets: Uint8Array): void {
    if (this.isDeaf()) return;
    this.tick();
    this.#input.push(octets);
    this.flush();
  }

  /** The client sends no more; what it is still owed is said, then the session ends. */
  inputEnded(): void {
    this.#inputEnded = true;
    if (this.#input.idle && this.reading !== "greeting") this.end(true);
  }

  /** The connection is gone. What is being stored is stored; all else is dropped. */
  released(): void {
    this.reading = "closing";
    this.#input.clear();
    if (!this.isAwaiting) this.#party.abandon();
  }

  /** The client has read what was said. */
  drained(): void {
    this.#choked = false;
    this.tick();
    this.#input.goOn();
    if (this.#inputEnded && this.#input.idle) this.end(true);
    this.flush();
  }

  sweep(now: Instant): void {
    if (!this.deadline.isOver(now) && (!this.#isReading() || !this.#patience.isOver(this.deadline, now))) return;
    if (this.isDeaf()) this.#wire.destroy();
    else if (!this.isAwaiting) this.close(TIMEOUT);
  }

  #isReading(): boolean {
    return this.reading !== "greeting" && !this.isDeaf();
  }

  /** The server is shutting down. */
  cut(): void {
    if (this.reading === "handshake") this.#wire.destroy();
    else this.close(SHUTTING_DOWN);
  }

  /**
   * Waits for an answer from elsewhere; `next` says what follows and may await again. Until then input waits, if need be (`pausing`)
   * where it comes from. `answer` never rejects but by a bug.
   */
  await<Answer>(answer: Promise<Answer>, next: (answer: Answer) => void, pausing = false): void {
    this.#awaited++;
    this.#input.hold(pausing);
    answer.then((value) => {
      this.tick();
      next(value);
      if (--this.#awaited === 0) this.#goOn();
      this.flush();
    }, this.#receiver.crash);
  }

  /** The same for what answers a command: behind it comes the next one, unless the session ended meanwhile. */
  awaitReply<Answer>(answer: Promise<Answer>, next: (answer: Answer) => void): void {
    this.await(answer, (value) => {
      if (this.reading === "closing") return;
      this.awaitCommands();
      next(value);
    });
  }

  #goOn(): void {
    if (this.reading === "closing") this.#party.abandon();
    this.#input.release();
    if (this.#inputEnded && this.#input.idle) this.end(true);
  }

  // --- what goes out ----------------------------------------------------------------------------------------------------

  tick(): void {
    this.#caller.now = this.#receiver.clock.now();
  }

  say(answer: Reply): void {
    this.#out += formatReply(answer);
  }

  /** Says it after a while, in which nothing more is read. */
  sayLater(delayMs: number, lines: string): void {
    this.awaitReply(waited(this.#receiver.clock, delayMs), () => this.sayLines(lines));
  }

  /** Says whole lines, with their CRLF. */
  sayLines(lines: string): void {
    this.#out += lines;
  }

  flush(): void {
    if (this.#out === "") return;
    const out = this.#out;
    this.#out = "";
    if (!this.#wire.send(out)) this.#choked = true;
  }

  /** Greets after the DNS lists were asked; the client may have gone meanwhile. */
  greet(greeting: string): void {
    this.sayLines(greeting);
    if (this.#inputEnded) this.end(true);
    else this.flush();
  }

  /** Ends the session with a last word; `atOnce` where the client has nothing more to say. */
  close(lastWord: Reply, atOnce = false): void {
    if (this.reading === "closing") return;
    this.say(lastWord);
    this.end(atOnce);
  }

  /** Says what is still to be said and closes. */
  end(atOnce = false): void {
    if (this.reading === "closing") return;
    this.reading = "closing";
    this.deadline.awaitClose(this.#receiver.clock.now());
    if (!this.isAwaiting) this.#party.abandon();
    const out = this.#out;
    this.#out = "";
    this.#wire.end(out, atOnce);
  }

  // --- what is waited for -----------------------------------------------------------------------------------------------

  awaitCommands(): void {
    this.reading = "commands";
    this.deadline.awaitCommand(this.#caller.now);
  }

  /** TLS begins: what is still to be said goes out in the clear, what is unread is dropped. */
  awaitHandshake(): void {
    this.reading = "handshake";
    this.deadline.awaitHandshake(this.#caller.now);
    this.flush();
    this.#wire.startTls();
  }

  awaitContent(reading: "data" | "chunk"): void {
    this.reading = reading;
    this.deadline.awaitContent(this.#caller.now);
  }
}

export function waited(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}
