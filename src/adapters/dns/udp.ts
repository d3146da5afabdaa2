import { createSocket, type Socket } from "node:dgram";
import type { Random } from "../../core/base/time.ts";
import type { NameServer } from "./name-servers.ts";
import { formatQuestion, idOf, readReply, type Question, type Reply } from "./packet.ts";

/** How a question is put: EDNS or without, and whether the server is asked what it validated. */
export interface Manner {
  readonly edns: boolean;
  readonly validated: boolean;
}

/** What came of asking one server once. */
export type Said = Reply | "malformed" | "unreachable" | "given-up";

/** A question under way; `cancel` ends it without an answer. */
export interface Asking {
  cancel(): void;
}

/** A question on a socket. */
interface Waiting {
  readonly question: Question;
  readonly manner: Manner;
  readonly done: (said: Said) => void;
}

/**
 * Questions over UDP. A question has a socket of its own, with a port that the system draws and a number that we draw (RFC 5452
 * §9.2), while there are not too many; the others share them. Sockets are connected: the system drops what comes from elsewhere.
 */
export class UdpQuestions {
  readonly #socketsMax: number;
  readonly #random: Random;
  readonly #sockets = new Map<string, Set<QuestionSocket>>();

  /** `socketsMax` are open at once towards one server. */
  constructor(socketsMax: number, random: Random) {
    this.#socketsMax = socketsMax;
    this.#random = random;
  }

  /** `done` is called once, not before `ask` returned, and not after `cancel`. */
  ask(server: NameServer, question: Question, manner: Manner, done: (said: Said) => void): Asking {
    return this.#socketTo(server).ask({ question, manner, done });
  }

  close(): void {
    for (const sockets of this.#sockets.values()) for (const socket of sockets) socket.end("given-up");
  }

  #socketTo(server: NameServer): QuestionSocket {
    const key = `${server.host} ${server.port}`;
    const sockets = this.#sockets.get(key) ?? new Set();
    this.#sockets.set(key, sockets);
    if (sockets.size >= this.#socketsMax) {
      const shared = [...sockets][this.#random.uint32() % sockets.size];
      if (shared !== undefined && !shared.isFull) return shared;
    }
    const socket = new QuestionSocket(server, this.#random, () => {
      sockets.delete(socket);
      if (sockets.size === 0 && this.#sockets.get(key) === sockets) this.#sockets.delete(key);
    });
    sockets.add(socket);
    return socket;
  }
}

/** Half of the numbers in use would make a free one long to find. */
const QUESTIONS_PER_SOCKET = 16_384;

/** One connected socket; it closes when its last question ends. */
class QuestionSocket {
  readonly #socket: Socket;
  readonly #random: Random;
  readonly #whenClosed: () => void;
  readonly #waiting = new Map<number, Waiting>();
  #isOpen = false;
  #isEnded = false;

  constructor({ host, port }: NameServer, random: Random, whenClosed: () => void) {
    this.#random = random;
    this.#whenClosed = whenClosed;
    this.#socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    this.#socket.on("error", () => this.end("unreachable"));
    this.#socket.on("message", (octets) => this.#read(octets));
    this.#socket.on("connect", () => {
      this.#isOpen = true;
      for (const [id, waiting] of this.#waiting) this.#send(id, waiting);
    });
    this.#socket.connect(port, host);
  }

  get isFull(): boolean {
    return this.#waiting.size >= QUESTIONS_PER_SOCKET;
  }

  ask(waiting: Waiting): Asking {
    let id: number;
    do id = this.#random.uint32() & 0xffff;
    while (this.#waiting.has(id));
    this.#waiting.set(id, waiting);
    if (this.#isOpen) this.#send(id, waiting);
    return { cancel: () => void this.#take(id, waiting) };
  }

  /** Closes the socket; what still waits hears why. */
  end(said: Said): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#socket.close();
    this.#whenClosed();
    for (const { done } of waiting) done(said);
  }

  #send(id: number, waiting: Waiting): void {
    const octets = formatQuestion(waiting.question, id, waiting.manner);
    this.#socket.send(octets, (fault) => {
      if (fault !== null && this.#take(id, waiting)) waiting.done("unreachable");
    });
  }

  #read(octets: Uint8Array): void {
    const id = idOf(octets);
    const waiting = id === null ? undefined : this.#waiting.get(id);
    if (id === null || waiting === undefined) return;
    const reply = readReply(octets, id, waiting.question);
    if (reply !== "other" && this.#take(id, waiting)) waiting.done(reply);
  }

  /** Whether the question still waited; it does no longer. */
  #take(id: number, waiting: Waiting): boolean {
    if (this.#waiting.get(id) !== waiting) return false;
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.end("given-up");
    return true;
  }
}
