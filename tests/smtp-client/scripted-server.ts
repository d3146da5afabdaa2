import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";

/** The server's end of one connection, driven by a script: it says what it likes, when it likes. */
export class Client {
  #socket: net.Socket;
  #input = "";
  #ended = false;
  #waiting: (() => void)[] = [];
  /** Every line read so far. */
  readonly lines: string[] = [];

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  get encrypted(): boolean {
    return this.#socket instanceof tls.TLSSocket;
  }

  get isSessionReused(): boolean {
    return this.#socket instanceof tls.TLSSocket && this.#socket.isSessionReused();
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** The next line without CRLF; "" at the end of the connection. */
  async line(): Promise<string> {
    await this.#until(() => this.#input.includes("\r\n"));
    const end = this.#input.indexOf("\r\n");
    if (end < 0) return "";
    const line = this.#input.slice(0, end);
    this.#input = this.#input.slice(end + 2);
    this.lines.push(line);
    return line;
  }

  /** Reads a line that must begin so, and answers. */
  async expect(start: string, answer: string): Promise<string> {
    const line = await this.line();
    assert.ok(line.startsWith(start), `expected ${start}, read ${JSON.stringify(line)}`);
    if (answer !== "") this.send(answer);
    return line;
  }

  /** Content up to the dot line, as it came, the end included. */
  async data(): Promise<string> {
    const isEnd = (): boolean => this.#input.startsWith(".\r\n") || this.#input.includes("\r\n.\r\n");
    await this.#until(isEnd);
    assert.ok(isEnd(), "the content has no end");
    const end = this.#input.startsWith(".\r\n") ? 3 : this.#input.indexOf("\r\n.\r\n") + 5;
    return this.#cut(end);
  }

  async octets(count: number): Promise<string> {
    await this.#until(() => this.#input.length >= count);
    return this.#cut(count);
  }

  /** Octets that came and were not read. */
  get unread(): string {
    return this.#input;
  }

  async startTls(options: tls.TLSSocketOptions): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners("data");
    const secure = new tls.TLSSocket(plain, { ...options, isServer: true });
    this.#socket = secure;
    this.#listen(secure);
    await Promise.race([once(secure, "secure"), once(secure, "close"), once(plain, "close")]);
  }

  /** FIN. */
  end(): void {
    this.#socket.end();
  }

  /** RST where there is anything unread. */
  cut(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  async closed(): Promise<void> {
    await this.#until(() => this.#ended);
  }

  #cut(count: number): string {
    const text = this.#input.slice(0, count);
    this.#input = this.#input.slice(count);
    return text;
  }

  #listen(socket: net.Socket): void {
    socket.on("data", (chunk: Buffer) => {
      this.#input += chunk.toString("latin1");
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on("error", end);
    socket.on("end", end);
    socket.on("close", end);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #until(done: () => boolean): Promise<void> {
    while (!done() && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}

export type Script = (client: Client, connection: number) => Promise<void>;

/** A server on loopback whose connections follow a script. What a script throws is thrown by `close`. */
export class ScriptedServer {
  readonly clients: Client[] = [];
  readonly #server: net.Server;
  readonly #scripts: Promise<void>[] = [];

  private constructor(server: net.Server) {
    this.#server = server;
  }

  static async start(script: Script): Promise<ScriptedServer> {
    const server = net.createServer({ allowHalfOpen: true });
    const scripted = new ScriptedServer(server);
    server.on("connection", (socket) => {
      const client = new Client(socket);
      scripted.clients.push(client);
      const run = script(client, scripted.clients.length);
      run.catch(() => socket.destroy());
      scripted.#scripts.push(run);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return scripted;
  }

  get port(): number {
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === "object");
    return address.port;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const client of this.clients) client.cut();
    await Promise.all(this.#scripts);
  }
}
