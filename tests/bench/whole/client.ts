/**
 * A load client of our own, for what Postfix's smtp-source cannot do: a source address, refusals, and the time from end of data
 * to 250. Run as a process: `node client.ts '{"port":2525,…}'`; prints one line of JSON.
 */
import net from "node:net";

export interface ClientTask {
  readonly port: number;
  readonly source: string;
  readonly sessions: number;
  readonly count: number;
  /** `refuse` expects a refusal at RCPT; `send` sends and times the answer to the end of data. */
  readonly mode: "refuse" | "send";
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

const mail = "MAIL FROM:<sender@client.test>\r\n";
const rcpt = "RCPT TO:<rcpt@dest.test>\r\n";

/** One session after another until all transactions are taken. */
async function work(run: Run): Promise<void> {
  while (run.started < run.task.count) {
    try {
      await session(run);
    } catch (fault) {
      run.faults++;
      run.firstFault ||= String(fault);
    }
  }
}

async function session(run: Run): Promise<void> {
  const { task } = run;
  const beginning = performance.now();
  const socket = net.connect({ port: task.port, host: "127.0.0.1", localAddress: task.source, noDelay: true });
  try {
    await converse(run, socket, beginning);
  } finally {
    socket.destroy();
  }
}

async function converse(run: Run, socket: net.Socket, beginning: number): Promise<void> {
  const { task } = run;
  const replies = new Replies(socket);
  await replies.expect(220);
  socket.write("EHLO client.test\r\n");
  await replies.expect(250);
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
  socket.write("QUIT\r\n");
  await replies.expect(221);
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
  await Promise.all(Array.from({ length: task.sessions }, async () => await work(run)));
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
