/**
 * A yardstick, not a relay: how fast one thread of Node can be that takes mail durably and hands it on. It has no policy, no
 * journal, no limits, no schedule; it forgives no mistake of a client and gives up at the first fault. Octets in, an append to one
 * log (a write and a sync shared by all that waits), 250, octets out. Run as a process: `node ceiling.ts PORT SINK_PORT FOLDER`.
 */
import { fdatasync, fsyncSync, mkdirSync, openSync, write, writev } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";

const [port = "", sinkPort = "", folder = ""] = process.argv.slice(2);
const FRIEND = "127.0.0.1";
const CONNECTIONS = 10;
const END = Buffer.from("\r\n.\r\n");

interface Message {
  readonly id: string;
  readonly envelope: string;
  /** With the dot that ends it. */
  readonly content: readonly Uint8Array[];
  readonly from: Socket;
}

/** Appends all that came in while the last append was under way with one write and one sync. */
class Log {
  readonly #file: number;
  readonly #gone: number;
  #waiting: Message[] = [];
  #done: string[] = [];
  #busy = false;

  constructor() {
    mkdirSync(folder, { recursive: true });
    this.#file = openSync(join(folder, "log"), "a");
    this.#gone = openSync(join(folder, "gone"), "a");
    fsyncSync(openSync(folder, "r"));
  }

  append(message: Message): void {
    this.#waiting.push(message);
    if (this.#busy) return;
    this.#busy = true;
    setImmediate(() => this.#flush());
  }

  /** Handed on: noted without a sync, since whoever sees it twice can bear it. */
  forget(id: string): void {
    if (this.#done.push(id) === 1)
      setTimeout(() => write(this.#gone, `${this.#done.splice(0).join("\n")}\n`, must), 20);
  }

  #flush(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    const octets = batch.flatMap(({ envelope, content }) => [Buffer.from(envelope, "latin1"), ...content]);
    // A vector has room for 1,024.
    writev(this.#file, octets.length < 1_024 ? octets : [Buffer.concat(octets)], (fault) => {
      must(fault);
      fdatasync(this.#file, (failed) => {
        must(failed);
        for (const message of batch) {
          message.from.write(`250 2.0.0 ${message.id}\r\n`);
          handOn(message);
        }
        if (this.#waiting.length > 0) this.#flush();
        else this.#busy = false;
      });
    });
  }
}

function must(fault: Error | null): void {
  if (fault) throw fault;
}

const log = new Log();

// --- to the next hop ----------------------------------------------------------------------------------------------------

const idle: NextHop[] = [];
const queue: Message[] = [];
let opened = 0;

function handOn(message: Message): void {
  const free = idle.pop();
  if (free) free.send(message);
  else {
    queue.push(message);
    if (opened < CONNECTIONS) new NextHop(++opened);
  }
}

/** A kept connection. Counts the replies: greeting, EHLO, then four for each message, MAIL, RCPT and DATA sent together. */
class NextHop {
  readonly #socket = connect({ port: Number(sinkPort), host: FRIEND, noDelay: true });
  #message: Message | null = null;
  #replies = -2;
  #line = "";

  constructor(number: number) {
    this.#socket.on("data", (octets) => this.#read(octets.toString("latin1")));
    this.#socket.on("end", () => must(new Error(`the next hop ended connection ${number}`)));
  }

  send(message: Message): void {
    this.#message = message;
    this.#replies = 0;
    this.#socket.write(`${message.envelope}DATA\r\n`);
  }

  #read(text: string): void {
    this.#line += text;
    for (let end = this.#line.indexOf("\n"); end >= 0; end = this.#line.indexOf("\n")) {
      const last = this.#line[3] !== "-";
      this.#line = this.#line.slice(end + 1);
      if (last) this.#reply();
    }
  }

  #reply(): void {
    this.#replies++;
    if (this.#replies === -1) this.#socket.write("EHLO relay.test\r\n");
    if (this.#replies === 3 && this.#message) {
      this.#socket.cork();
      for (const octets of this.#message.content) this.#socket.write(octets);
      this.#socket.uncork();
    }
    if (this.#replies !== 0 && this.#replies !== 4) return;
    if (this.#message) log.forget(this.#message.id);
    const next = queue.shift();
    if (next) this.send(next);
    else idle.push(this);
  }
}

// --- from the client ----------------------------------------------------------------------------------------------------

let sequence = 0;

class Session {
  readonly #socket: Socket;
  readonly #friendly: boolean;
  #line = "";
  #envelope = "";
  #content: Buffer[] | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#friendly = socket.remoteAddress === FRIEND;
    socket.on("error", () => undefined);
    socket.on("data", (octets) => this.#read(octets));
    socket.write("220 relay.test ESMTP\r\n");
  }

  #read(octets: Buffer): void {
    if (this.#content) {
      this.#take(this.#content, octets);
      return;
    }
    const lines = (this.#line + octets.toString("latin1")).split("\n");
    this.#line = lines.pop() ?? "";
    const replies = lines.map((line) => this.#answer(line)).join("");
    if (replies !== "") this.#socket.write(replies);
  }

  #answer(line: string): string {
    switch (line.slice(0, 4).toUpperCase()) {
      case "EHLO":
        return "250-relay.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
      case "MAIL":
        this.#envelope = `${line}\n`;
        return "250 2.1.0 OK\r\n";
      case "RCPT":
        if (!this.#friendly) return "550 5.7.1 Relaying denied\r\n";
        this.#envelope += `${line}\n`;
        return "250 2.1.5 OK\r\n";
      case "DATA":
        this.#content = [];
        return "354 Go ahead\r\n";
      case "QUIT":
        this.#socket.end("221 2.0.0 Bye\r\n");
        return "";
      default:
        return "250 2.0.0 OK\r\n";
    }
  }

  /** Clients of a measurement wait for the answer to the end of data before they go on. */
  #take(content: Buffer[], octets: Buffer): void {
    content.push(octets);
    const tail =
      octets.length < END.length ? Buffer.concat(content).subarray(-END.length) : octets.subarray(-END.length);
    if (!tail.equals(END)) return;
    const id = (sequence++).toString(36);
    const date = new Date().toUTCString();
    const received = `Received: from [${FRIEND}] by relay.test with ESMTP id ${id}; ${date}\r\n`;
    log.append({
      id,
      envelope: this.#envelope,
      content: [Buffer.from(received, "latin1"), ...content],
      from: this.#socket,
    });
    this.#content = null;
  }
}

createServer({ noDelay: true }, (socket) => new Session(socket)).listen({
  port: Number(port),
  host: FRIEND,
  backlog: 1_024,
});
