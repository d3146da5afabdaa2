import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { decode, encode, type Answer } from "dns-packet";

const RCODES = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };
const RECURSION_AVAILABLE = 0x80;

/** What the server says to one question: records, none, a failure, or nothing at all. */
export type Said = readonly Omit<Answer, "name">[] | keyof typeof RCODES | "silence";

/** A name server on a loopback port. Names that it was not told about do not exist. */
export class FakeNameServer {
  /** By type and name: `MX example.net`. */
  readonly zone = new Map<string, Said>();
  /** What was asked, in order. */
  readonly asked: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (octets, client) => {
      const { id = 0, questions = [] } = decode(octets);
      const [question] = questions;
      if (question === undefined) return;
      const name = question.name.toLowerCase();
      this.asked.push(`${question.type} ${name}`);
      const said = this.#answer(question.type, name);
      if (said === "silence") return;
      const isRefusal = typeof said === "string";
      const flags = RECURSION_AVAILABLE | (isRefusal ? RCODES[said] : 0);
      const answers = isRefusal ? [] : said.map((record) => ({ name: question.name, ...record }));
      socket.send(encode({ type: "response", id, flags, questions, answers }), client.port, client.address);
    });
  }

  static async start(): Promise<FakeNameServer> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new FakeNameServer(socket);
  }

  /** As `createResolver` takes it. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async stop(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }

  /** A name with records of another type exists: no data is not the same as no name. */
  #answer(type: string, name: string): Said {
    const said = this.zone.get(`${type} ${name}`);
    if (said !== undefined) return said;
    for (const key of this.zone.keys()) if (key.endsWith(` ${name}`)) return [];
    return "NXDOMAIN";
  }
}
