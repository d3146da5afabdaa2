import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

const PATIENCE_MS = 20_000;

/** The client's end of a dialogue: octets as they are, replies line by line. */
export class Client {
  #socket: Socket;
  #received = "";
  #closed = false;
  #wake: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  static async connect(port: number, localAddress = "127.0.0.1"): Promise<Client> {
    const host = localAddress.includes(":") ? "::1" : "127.0.0.1";
    const socket = connect({ port, host, localAddress, noDelay: true, allowHalfOpen: true });
    const client = new Client(socket);
    await once(socket, "connect");
    return client;
  }

  #listen(socket: Socket): void {
    const wake = (): void => this.#wake?.();
    socket.on("data", (octets: Buffer) => {
      this.#received += octets.toString("utf8");
      wake();
    });
    const closed = (): void => {
      if (socket !== this.#socket) return;
      this.#closed = true;
      wake();
    };
    socket.on("end", closed);
    socket.on("close", closed);
    socket.on("error", closed);
  }

  async say(octets: Uint8Array | string, octetByOctet = false): Promise<void> {
    const all = Buffer.from(octets as Uint8Array);
    if (!octetByOctet) {
      this.#socket.write(all);
      return;
    }
    for (const octet of all) {
      if (this.#closed || this.#socket.destroyed) return;
      await new Promise<void>((resolve) => this.#socket.write(Buffer.from([octet]), () => resolve()));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** The next line without its CRLF; null where the server closed before one was complete. */
  async line(): Promise<string | null> {
    await this.#until(() => this.#received.includes("\r\n") || this.#closed);
    const end = this.#received.indexOf("\r\n");
    if (end < 0) return null;
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 2);
    return line;
  }

  /** A whole reply, its lines joined by LF. */
  async reply(): Promise<string> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      if (line === null) return [...lines, "<closed>"].join("\n");
      lines.push(line);
      if (line[3] !== "-") return lines.join("\n");
    }
  }

  async ask(line: string): Promise<string> {
    await this.say(`${line}\r\n`);
    return this.reply();
  }

  /** What came before the server closed, or what came though nothing should. */
  async closed(): Promise<string> {
    await this.#until(() => this.#closed || this.#received !== "");
    return this.#received;
  }

  async startTls(): Promise<void> {
    const raw = this.#socket;
    raw.removeAllListeners("data");
    raw.removeAllListeners("end");
    const secure = connectTls({ socket: raw, rejectUnauthorized: false, servername: "relay.example" });
    this.#socket = secure;
    this.#listen(secure);
    await once(secure, "secureConnect");
  }

  get receivedSoFar(): string {
    return this.#received;
  }

  end(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  async #until(condition: () => boolean): Promise<void> {
    const timeout = setTimeout(() => {
      this.#socket.destroy(new Error("the server says nothing"));
    }, PATIENCE_MS);
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
    clearTimeout(timeout);
  }
}
