import { connect, type Socket } from "node:net";
import type { Random } from "../../core/base/time.ts";
import type { NameServer } from "./name-servers.ts";
import { formatQuestion, readReply, type Question } from "./packet.ts";
import type { Asking, Manner, Said } from "./udp.ts";

interface Queued {
  readonly begin: () => void;
  readonly giveUp: () => void;
}

/** Questions over TCP, for answers that do not fit into a datagram (RFC 7766): a connection each, so many at once; the others wait. */
export class TcpQuestions {
  readonly #connectionsMax: number;
  readonly #random: Random;
  readonly #sockets = new Set<Socket>();
  readonly #queue = new Set<Queued>();

  constructor(connectionsMax: number, random: Random) {
    this.#connectionsMax = connectionsMax;
    this.#random = random;
  }

  /** `done` is called once, not before `ask` returned, and not after `cancel`. */
  ask(server: NameServer, question: Question, manner: Manner, done: (said: Said) => void): Asking {
    let socket: Socket | null = null;
    let isCancelled = false;
    const hear = (said: Said): void => {
      if (!isCancelled) done(said);
    };
    const queued: Queued = {
      begin: () => void (socket = this.#open(server, question, manner, hear)),
      giveUp: () => hear("given-up"),
    };
    if (this.#sockets.size < this.#connectionsMax) queued.begin();
    else this.#queue.add(queued);
    return {
      cancel: () => {
        isCancelled = true;
        this.#queue.delete(queued);
        socket?.destroy();
      },
    };
  }

  close(): void {
    const waiting = [...this.#queue];
    this.#queue.clear();
    for (const { giveUp } of waiting) giveUp();
    for (const socket of this.#sockets) socket.destroy();
  }

  #open({ host, port }: NameServer, question: Question, manner: Manner, done: (said: Said) => void): Socket {
    const id = this.#random.uint32() & 0xffff;
    const socket = connect({ host, port });
    const answer = new LengthAndOctets();
    let said: Said = "unreachable";
    this.#sockets.add(socket);
    socket.on("connect", () => {
      const asked = formatQuestion(question, id, manner);
      socket.write(Buffer.concat([Uint8Array.of(asked.length >> 8, asked.length & 0xff), asked]));
    });
    socket.on("data", (chunk) => {
      const octets = answer.push(chunk);
      if (octets === null) return;
      const reply = readReply(octets, id, question);
      // Nothing but the answer can come on a connection of its own.
      said = reply === "other" ? "malformed" : reply;
      socket.destroy();
    });
    // What happened is told by what came before the end.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      const [next] = this.#queue;
      if (next !== undefined) {
        this.#queue.delete(next);
        next.begin();
      }
      done(said);
    });
    return socket;
  }
}

/** Two octets of length, then so many octets (RFC 1035 §4.2.2): at most 64 KiB are held, however small the pieces are. */
class LengthAndOctets {
  #held = Buffer.alloc(2);
  #filled = 0;

  /** The octets, once all of them came; what comes after them is passed over. */
  push(chunk: Uint8Array): Uint8Array | null {
    const taken = this.#fill(chunk);
    if (this.#filled === 2) {
      this.#held = Buffer.concat([this.#held], 2 + this.#held.readUInt16BE());
      this.#fill(chunk.subarray(taken));
    }
    return this.#filled >= 2 && this.#filled === this.#held.length ? this.#held.subarray(2) : null;
  }

  #fill(chunk: Uint8Array): number {
    const taken = Math.min(chunk.length, this.#held.length - this.#filled);
    this.#held.set(chunk.subarray(0, taken), this.#filled);
    this.#filled += taken;
    return taken;
  }
}
