/** A client that says exactly what it is told, for what no proper program would say. */
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";

export interface DialogueOptions {
  readonly port: number;
  readonly host?: string;
  /** Our own address: one of 127.0.0.0/8. */
  readonly localAddress?: string;
  /** Octets before anything else: a PROXY header. */
  readonly header?: string | Uint8Array;
}

export interface Answer {
  readonly code: number;
  /** Every line, codes and separators included, joined by LF. */
  readonly text: string;
}

export class Dialogue {
  #socket: net.Socket;
  #buffer = "";
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen();
  }

  /** Connects; the greeting is the first `answer()`. */
  static async connect(options: DialogueOptions): Promise<Dialogue> {
    const socket = net.connect({
      port: options.port,
      host: options.host ?? "127.0.0.1",
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    });
    await once(socket, "connect");
    const dialogue = new Dialogue(socket);
    if (options.header !== undefined) socket.write(options.header);
    return dialogue;
  }

  #listen(): void {
    this.#socket.on("data", (octets: Buffer) => {
      this.#buffer += octets.toString("latin1");
      this.#wake();
    });
    const close = () => {
      this.#closed = true;
      this.#wake();
    };
    this.#socket.on("error", close);
    this.#socket.on("close", close);
    this.#socket.on("end", close);
  }

  /** The next reply, all its lines. Code 0 where the server closed instead. */
  async answer(withinMs = 60_000): Promise<Answer> {
    const lines: string[] = [];
    for (;;) {
      const end = this.#buffer.indexOf("\r\n");
      if (end >= 0) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 2);
        lines.push(line);
        if (line[3] !== "-") return { code: Number(line.slice(0, 3)), text: lines.join("\n") };
        continue;
      }
      if (this.#closed) return { code: 0, text: lines.join("\n") };
      await this.#more(withinMs);
    }
  }

  async #more(withinMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer within ${withinMs} ms`)), withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One command, one reply. */
  async say(line: string): Promise<Answer> {
    this.#socket.write(`${line}\r\n`, "latin1");
    return await this.answer();
  }

  write(octets: string | Uint8Array): void {
    this.#socket.write(typeof octets === "string" ? Buffer.from(octets, "latin1") : octets);
  }

  /** Resolves when more may be written, or the server has closed. */
  async writeAll(octets: Uint8Array): Promise<void> {
    if (this.#closed || this.#socket.write(octets)) return;
    const done = new AbortController();
    const { signal } = done;
    await Promise.race(["drain", "close"].map((event) => once(this.#socket, event, { signal }))).catch(() => undefined);
    done.abort();
  }

  /** After 220 to STARTTLS: the rest is under TLS. */
  async startTls(options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
    this.#socket.removeAllListeners("data");
    this.#socket.removeAllListeners("close");
    this.#socket.removeAllListeners("end");
    const secured = tls.connect({ socket: this.#socket, rejectUnauthorized: false, ...options });
    await once(secured, "secureConnect");
    this.#socket = secured;
    this.#listen();
    return secured;
  }

  /** Waits until the server has closed. */
  async closed(withinMs = 60_000): Promise<void> {
    while (!this.#closed) await this.#more(withinMs);
  }

  /** Ends without a word. */
  cut(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.cut();
  }
}

/** What a client at `localAddress` hears at RCPT: EHLO, MAIL, RCPT, QUIT. A refusal at connect is the answer too. */
export async function tryToRelay(
  options: DialogueOptions & { readonly recipient?: string; readonly sender?: string },
): Promise<Answer> {
  using dialogue = await Dialogue.connect(options);
  const greeting = await dialogue.answer();
  if (greeting.code !== 220) return greeting;
  await dialogue.say("EHLO client.example");
  const mail = await dialogue.say(`MAIL FROM:<${options.sender ?? "sender@client.example"}>`);
  if (mail.code !== 250) return mail;
  const answer = await dialogue.say(`RCPT TO:<${options.recipient ?? "rcpt@far.example"}>`);
  await dialogue.say("QUIT");
  return answer;
}
