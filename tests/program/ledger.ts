/**
 * Clients that send without end, and the book of what they were promised: every 250 to end of data. Whatever happens to the
 * relay, each of these messages must come out at the sink, unchanged to the octet.
 */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { Dialogue } from "../peers/dialogue.ts";
import { assertUnchanged } from "../peers/message.ts";
import { eventually } from "../peers/programs.ts";
import type { RelayOptions } from "../peers/relay.ts";
import type { Sink } from "../peers/sink.ts";

/** Wait before the next try to connect while the relay is down, or refuses. */
const PAUSE_MS = 10;

/** A relay at this port of 127.0.0.1 that passes all that local clients send to the sink. */
export function relayTo(sink: Sink, port: number, directory: string, program?: string): RelayOptions {
  return {
    directory,
    listeners: [{ address: `127.0.0.1:${port}` }],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
    ...(program === undefined ? {} : { program }),
  };
}

export class Ledger {
  /** Recipients of messages that were answered with 250. Each message has one recipient, and its content follows from that. */
  readonly accepted = new Set<string>();
  /** Recipients of messages that were refused at end of data, with the answer. */
  readonly refused = new Map<string, string>();
  /** Every other answer to MAIL, RCPT, DATA and end of data, and how often it came. */
  readonly refusals = new Map<string, number>();
  /** Called when a client has written the dot that ends its data: its 250 cannot have been written yet, or only just. */
  onDot: () => void = () => undefined;
  readonly #port: number;
  #wake: () => void = () => undefined;
  #isDone = false;
  #clients: readonly Promise<void>[] = [];

  private constructor(port: number) {
    this.#port = port;
  }

  /** Clients that send to this port of 127.0.0.1, one message after the other, until `stop()`. */
  static start(port: number, clientCount = 8): Ledger {
    const ledger = new Ledger(port);
    ledger.#clients = Array.from({ length: clientCount }, async (_, client) => await ledger.#sendUntilDone(client));
    return ledger;
  }

  /** Resolves once so many messages more were accepted. */
  async accepts(count: number, withinMs = 60_000): Promise<void> {
    const wanted = this.accepted.size + count;
    await this.#until(() => this.accepted.size >= wanted, withinMs);
  }

  /** Resolves once this answer has come that often. */
  async hears(answer: RegExp, count = 1, withinMs = 60_000): Promise<void> {
    const heard = () => [...this.refusals].reduce((sum, [text, times]) => sum + (answer.test(text) ? times : 0), 0);
    await this.#until(() => heard() >= count, withinMs);
  }

  async stop(): Promise<void> {
    this.#isDone = true;
    await Promise.all(this.#clients);
  }

  /** Accepted messages that the sink does not have. */
  missingAt(sink: Sink): readonly string[] {
    const arrived = new Set(sink.messages.map(recipientOf));
    return [...this.accepted].filter((recipient) => !arrived.has(recipient));
  }

  /** Waits until the sink has every message that was accepted, and looks at each octet of what it has. */
  async assertKept(sink: Sink, withinMs = 120_000): Promise<void> {
    await eventually(() => {
      const lost = this.missingAt(sink);
      assert.deepEqual(lost, [], `${lost.length} of ${this.accepted.size} accepted messages did not arrive`);
    }, withinMs);
    for (const message of sink.messages) assertUnchanged(message.content, contentOf(recipientOf(message)));
  }

  async #until(isTrue: () => boolean, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!isTrue()) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`not within ${withinMs} ms; accepted ${this.accepted.size}, ${this.#told()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #told(): string {
    return `refused ${JSON.stringify([...this.refusals])}`;
  }

  /** One client: a new connection whenever the last one broke, a message with a name of its own each time. */
  async #sendUntilDone(client: number): Promise<void> {
    let sequence = 0;
    while (!this.#isDone) {
      try {
        using dialogue = await Dialogue.connect({ port: this.#port });
        if (!this.#note((await dialogue.answer()).text, "220")) continue;
        await dialogue.say(`EHLO client${client}.example`);
        while (!this.#isDone) await this.#send(dialogue, `c${client}-${sequence++}@far.example`);
      } catch {
        // The relay is down, or went away: the next round finds it again.
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  /** Throws where the session is over. */
  async #send(dialogue: Dialogue, recipient: string): Promise<void> {
    dialogue.write(`MAIL FROM:<sender@client.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
    const texts = [await dialogue.answer(), await dialogue.answer(), await dialogue.answer()].map(({ text }) => text);
    const allowed = texts.map((text, index) => this.#note(text, index === 2 ? "354" : "250"));
    if (allowed.includes(false)) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      if (allowed[2]) throw new Error("DATA after a refusal: begin anew");
      await dialogue.say("RSET");
      return;
    }
    dialogue.write(Buffer.concat([stuffed(contentOf(recipient)), Buffer.from(".\r\n")]));
    this.onDot();
    const { text } = await dialogue.answer();
    if (this.#note(text, "250")) this.accepted.add(recipient);
    else this.refused.set(recipient, text);
    this.#wake();
  }

  #note(text: string, wanted: string): boolean {
    if (text.startsWith(wanted)) return true;
    if (text === "") throw new Error("the relay closed");
    this.refusals.set(text, (this.refusals.get(text) ?? 0) + 1);
    this.#wake();
    return false;
  }
}

export function recipientOf(message: Sink["messages"][number]): string {
  return message.recipients[0]?.address ?? "";
}

/**
 * What is sent to a recipient: most messages small, some of the size that goes beside the database, some streamed to storage
 * because they are more than is kept in memory; with lines that begin with a dot.
 */
export function contentOf(recipient: string): Buffer {
  const chance = crc32(recipient);
  const lines = chance % 31 === 0 ? 9_000 : chance % 7 === 0 ? 2_000 : 10 + (chance % 90);
  const text = [`Subject: ${recipient}`, ""];
  for (let line = 0; line < lines; line++)
    text.push(`${line % 5 === 0 ? "." : ""}${recipient} ${line} ${".".repeat(20)}`);
  return Buffer.from(`${text.join("\r\n")}\r\n`, "latin1");
}

/** RFC 5321 §4.5.2. */
function stuffed(content: Buffer): Buffer {
  return Buffer.from(content.toString("latin1").replaceAll("\r\n.", "\r\n.."), "latin1");
}
