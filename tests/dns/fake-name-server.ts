import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket as Connection } from "node:net";
import { decode, encode, type Answer, type Packet } from "dns-packet";
import { IPV4_LOOPBACK, type IpAddress } from "../../src/core/mail/ip.ts";

const RCODES = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };
const RECURSION_AVAILABLE = 0x80;
const AUTHENTIC_DATA = 0x20;
const TRUNCATED = 0x200;

/** A question as it came. */
export interface Asked {
  readonly id: number;
  readonly over: "udp" | "tcp";
  /** The client's. */
  readonly port: number;
  readonly question: { readonly type: string; readonly name: string };
  /** OPT, where there is one. */
  readonly edns: { readonly dnssecOk: boolean; readonly udpPayloadOctets: number } | null;
  readonly flags: number;
}

/** Octets, as they are to go out, one after the other. */
export type Raw = (asked: Asked) => readonly Uint8Array[];

/** What the server says to one question: records, none, a failure, nothing at all, or whatever a test makes up. */
export type Said =
  readonly (Omit<Answer, "name"> & { readonly name?: string })[] | keyof typeof RCODES | "silence" | Raw;

/** A name server on a loopback port, UDP and TCP. Names that it was not told about do not exist. */
export class FakeNameServer {
  /** By type and name: `MX example.net`. */
  readonly zone = new Map<string, Said>();
  /** What was asked, in order: `MX example.net`. */
  readonly asked: string[] = [];
  /** The same with all there is to know of it. */
  readonly questions: Asked[] = [];
  /** Of the authority section, where something is not there. */
  soa: { readonly ttl: number; readonly minimum: number } | null = null;
  /** Says that it validated what it says. */
  isAuthentic = false;
  /** Over UDP it says no more than that the answer does not fit. */
  truncates = false;
  /** Does not know EDNS. */
  isOld = false;
  /** TCP connections that were open at once. */
  connectionsMost = 0;
  #isStopped = false;
  readonly #socket: Socket;
  readonly #listener: Server;
  readonly #connections = new Set<Connection>();

  private constructor(socket: Socket, listener: Server) {
    this.#socket = socket;
    this.#listener = listener;
    socket.on("message", (octets, client) => {
      for (const reply of this.#repliesTo(octets, "udp", client.port)) socket.send(reply, client.port, client.address);
    });
    listener.on("connection", (connection) => {
      this.#connections.add(connection);
      this.connectionsMost = Math.max(this.connectionsMost, this.#connections.size);
      connection.on("error", () => undefined).on("close", () => this.#connections.delete(connection));
      // Questions are shorter than a segment.
      connection.on("data", (octets) => {
        for (const reply of this.#repliesTo(octets.subarray(2), "tcp", connection.remotePort ?? 0))
          connection.write(Buffer.concat([Uint8Array.of(reply.length >> 8, reply.length & 0xff), reply]));
      });
    });
  }

  /** Another address of the loopback network, and port 53 there, are for programs that know no other port. */
  static async start(host = "127.0.0.1", port = 0): Promise<FakeNameServer> {
    for (;;) {
      const socket = createSocket("udp4");
      socket.bind(port, host);
      await once(socket, "listening");
      const listener = createServer();
      listener.listen(socket.address().port, host);
      try {
        await once(listener, "listening");
        return new FakeNameServer(socket, listener);
      } catch (fault) {
        // The port is somebody else's for TCP.
        socket.close();
        if (port !== 0) throw fault;
      }
    }
  }

  /** As `createResolver` takes it. */
  get address(): { readonly address: IpAddress; readonly port: number } {
    return { address: IPV4_LOOPBACK, port: this.port };
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Sends a datagram, by the way. */
  send(octets: Uint8Array, port: number): void {
    this.#socket.send(octets, port, "127.0.0.1");
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const connection of this.#connections) connection.destroy();
    this.#socket.close();
    this.#listener.close();
    await Promise.all([once(this.#socket, "close"), once(this.#listener, "close")]);
  }

  /** A well-formed reply. */
  reply(
    asked: Asked,
    records: readonly (Omit<Answer, "name"> & { readonly name?: string })[],
    packet: Packet = {},
  ): Uint8Array {
    const answers = records.map((record) => ({ name: asked.question.name, ...record }));
    const flags = RECURSION_AVAILABLE | (this.isAuthentic ? AUTHENTIC_DATA : 0);
    return encode({ type: "response", id: asked.id, flags, questions: [asked.question], answers, ...packet });
  }

  #repliesTo(octets: Buffer, over: "udp" | "tcp", port: number): readonly Uint8Array[] {
    const { id = 0, flags = 0, questions = [], additionals = [] } = decode(octets);
    const [question] = questions;
    if (question === undefined) return [];
    const opt = additionals.find(({ type }) => type === "OPT");
    const edns = opt && { dnssecOk: opt.flag_do === true, udpPayloadOctets: opt.udpPayloadSize ?? 0 };
    const asked: Asked = { id, over, port, question, edns: edns ?? null, flags };
    this.asked.push(`${question.type} ${question.name.toLowerCase()}`);
    this.questions.push(asked);
    if (this.isOld && edns !== undefined)
      return [encode({ type: "response", id, flags: RCODES.FORMERR, questions: [] })];
    if (this.truncates && over === "udp") return [this.reply(asked, [], { flags: RECURSION_AVAILABLE | TRUNCATED })];
    const said = this.#answer(question.type, question.name.toLowerCase());
    if (said === "silence") return [];
    if (typeof said === "function") return said(asked);
    const flagsOut = RECURSION_AVAILABLE | (this.isAuthentic ? AUTHENTIC_DATA : 0);
    const authorities = said.length === 0 || said === "NXDOMAIN" ? this.#authorities() : [];
    if (typeof said !== "string") return [this.reply(asked, said, { authorities })];
    return [this.reply(asked, [], { flags: flagsOut | RCODES[said], authorities })];
  }

  #authorities(): readonly Answer[] {
    if (this.soa === null) return [];
    const data = { mname: "ns.example", rname: "hostmaster.example", minimum: this.soa.minimum };
    return [{ type: "SOA", name: "example", ttl: this.soa.ttl, data }];
  }

  /** A name with records of another type exists: no data is not the same as no name. */
  #answer(type: string, name: string): Said {
    const said = this.zone.get(`${type} ${name}`);
    if (said !== undefined) return said;
    for (const key of this.zone.keys()) if (key.endsWith(` ${name}`)) return [];
    return "NXDOMAIN";
  }
}
