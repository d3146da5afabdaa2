/**
 * A load client of our own, for what Postfix's smtp-source cannot do: a source address, refusals, the time from end of data to 250,
 * TLS whose sessions are resumed, AUTH, and sessions that only stay. Run as a process: `node client.ts '{"port":2525,…}'`; prints one line of JSON.
 */
import net from "node:net";
import tls from "node:tls";
import { LOGIN } from "./login.ts";

export interface ClientTask {
  readonly port: number;
  readonly source: string;
  readonly sessions: number;
  readonly count: number;
  /**
   * `refuse` expects a refusal at RCPT; `send` sends and times the answer to the end of data; `idle` opens `count` sessions and leaves
   * them open for a while.
   */
  readonly mode: "refuse" | "send" | "idle";
  /** STARTTLS first; every session but the first of each worker resumes the one before it. */
  readonly tls?: boolean;
  /** AUTH PLAIN. */
  readonly auth?: boolean;
  /** Otherwise one transaction a connection. */
  readonly keepSessions: boolean;
  readonly sizeOctets: number;
}

export interface ClientResult {
  readonly done: number;
  /** Answers that were not the expected ones, and broken connections. */
  readonly faults: number;
  readonly firstFault: string;
  readonly seconds: number;
  /** Milliseconds: of a whole refused visit, or from end of data to 250. Sorted. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

interface Run {
  readonly task: ClientTask;
  readonly body: Buffer;
  readonly times: number[];
  started: number;
  faults: number;
  firstFault: string;
}

/** How long sessions of `idle` stay open once all are. */
const idleMs = 4_000;

const mail = "MAIL FROM:<sender@client.test>\r\n";
const rcpt = "RCPT TO:<rcpt@dest.test>\r\n";

/** What a worker keeps from one session to the next. */
interface Worker {
  ticket: Buffer | undefined;
}

/** One session after another until all transactions are taken. */
async function work(run: Run): Promise<void> {
  const worker: Worker = { ticket: undefined };
  while (run.started < run.task.count) {
    try {
      await session(run, worker);
    } catch (fault) {
      run.faults++;
      run.firstFault ||= String(fault);
    }
  }
}

async function session(run: Run, worker: Worker): Promise<void> {
  const beginning = performance.now();
  const line = await open(run.task, run.task.source, worker);
  try {
    await converse(run, line, beginning);
    line.socket.write("QUIT\r\n");
    await line.replies.expect(221);
  } finally {
    line.socket.destroy();
  }
}

interface Line {
  readonly socket: net.Socket;
  readonly replies: Replies;
}

/** A session behind EHLO, and STARTTLS and AUTH where they are wanted. */
async function open(task: ClientTask, source: string, worker: Worker): Promise<Line> {
  const socket = net.connect({ port: task.port, host: "127.0.0.1", localAddress: source, noDelay: true });
  try {
    let line = { socket, replies: new Replies(socket) };
    await line.replies.expect(220);
    await greet(line);
    if (task.tls === true) {
      line = await secure(line, worker);
      await greet(line);
    }
    if (task.auth === true) {
      const response = Buffer.from(`\0${LOGIN.user}\0${LOGIN.password}`).toString("base64");
      line.socket.write(`AUTH PLAIN ${response}\r\n`);
      await line.replies.expect(235);
    }
    return line;
  } catch (fault) {
    socket.destroy();
    throw fault;
  }
}

async function greet({ socket, replies }: Line): Promise<void> {
  socket.write("EHLO client.test\r\n");
  await replies.expect(250);
}

async function secure({ socket, replies }: Line, worker: Worker): Promise<Line> {
  socket.write("STARTTLS\r\n");
  await replies.expect(220);
  socket.removeAllListeners("data");
  const session = worker.ticket === undefined ? {} : { session: worker.ticket };
  const secured = tls.connect({ socket, rejectUnauthorized: false, ...session });
  secured.on("session", (ticket: Buffer) => (worker.ticket = ticket));
  return { socket: secured, replies: new Replies(secured) };
}

async function converse(run: Run, { socket, replies }: Line, beginning: number): Promise<void> {
  const { task } = run;
  for (let first = true; run.started < task.count && (first || task.keepSessions); first = false) {
    run.started++;
    const from = first ? beginning : performance.now();
    socket.write(mail);
    await replies.expect(250);
    socket.write(rcpt);
    if (task.mode === "refuse") {
      // 550 or 554: Postfix's word for it is the latter.
      await replies.expect(550, 554);
      run.times.push(performance.now() - from);
      if (task.keepSessions) {
        socket.write("RSET\r\n");
        await replies.expect(250);
      }
      continue;
    }
    await replies.expect(250);
    socket.write("DATA\r\n");
    await replies.expect(354);
    socket.write(run.body);
    const dot = performance.now();
    await replies.expect(250);
    run.times.push(performance.now() - dot);
  }
}

/** `count` sessions behind EHLO that stay; from several addresses, since no client may open so many. */
async function idle(run: Run): Promise<void> {
  const { count } = run.task;
  const lines: Line[] = [];
  const worker: Worker = { ticket: undefined };
  for (let i = 0; i < count; i++) {
    try {
      const line = await open(run.task, `127.0.1.${1 + (i % 200)}`, worker);
      lines.push(line);
      run.times.push(0);
    } catch (fault) {
      run.faults++;
      run.firstFault ||= String(fault);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  for (const { socket } of lines) socket.destroy();
}

/** Reads replies one by one; only their codes matter. */
class Replies {
  #buffer = "";
  #fault: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(socket: net.Socket) {
    const end = (fault: Error) => {
      this.#fault ??= fault;
      this.#wake?.();
    };
    socket.on("data", (octets: Buffer) => {
      this.#buffer += octets.toString("latin1");
      this.#wake?.();
    });
    socket.on("error", end);
    socket.on("close", () => end(new Error("connection closed")));
  }

  async expect(...codes: number[]): Promise<void> {
    for (;;) {
      const end = this.#buffer.indexOf("\r\n");
      if (end >= 0) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 2);
        if (line[3] === "-") continue;
        if (!codes.includes(Number(line.slice(0, 3)))) throw new Error(`expected ${codes.join()}, heard ${line}`);
        return;
      }
      if (this.#fault) throw this.#fault;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
  }
}

async function main(task: ClientTask): Promise<ClientResult> {
  const line = `${"load ".repeat(15)}x\r\n`;
  const header = "From: <sender@client.test>\r\nTo: <rcpt@dest.test>\r\nSubject: load\r\n\r\n";
  const body = Buffer.from(`${header}${line.repeat(Math.ceil(task.sizeOctets / line.length))}.\r\n`, "latin1");
  const run: Run = { task, body, times: [], started: 0, faults: 0, firstFault: "" };
  const beginning = performance.now();
  if (task.mode === "idle") await idle(run);
  else await Promise.all(Array.from({ length: task.sessions }, async () => await work(run)));
  const seconds = (performance.now() - beginning) / 1000;
  const times = run.times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN;
  return {
    done: times.length,
    faults: run.faults,
    firstFault: run.firstFault,
    seconds,
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
  };
}

process.stdout.write(`${JSON.stringify(await main(JSON.parse(process.argv[2] ?? "") as ClientTask))}\n`);
