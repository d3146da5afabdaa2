/** Sink and generators: Postfix's own tools, which are quick and nobody's friend, and our client for what they cannot do. */
import { closeSync, existsSync, fstatSync, openSync, readSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended, freePort, greets, programPath } from "../../peers/programs.ts";
import type { ClientResult, ClientTask } from "./client.ts";
import { Party } from "./party.ts";

/** In memory, so that counting does not touch the disk under test. */
const scratch = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export class CountingSink {
  readonly port: number;
  readonly party: Party;
  readonly #file: string;

  private constructor(port: number, party: Party, file: string) {
    this.port = port;
    this.party = party;
    this.#file = file;
  }

  static async start(): Promise<CountingSink> {
    const port = await freePort();
    const party = new Party("sink");
    const file = join(scratch, `relaykeeper-bench-sink-${process.pid}`);
    rmSync(file, { force: true });
    const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
    party.start([programPath("smtp-sink"), ...user, "-c", "-m", "2000", `127.0.0.1:${port}`, "1024"], { log: file });
    await greets(port);
    return new CountingSink(port, party, file);
  }

  /** Messages received so far: the last figure that smtp-sink wrote. */
  count(): number {
    const file = openSync(this.#file, "r");
    try {
      const tail = Buffer.alloc(200);
      const length = readSync(file, tail, 0, tail.length, Math.max(0, fstatSync(file).size - tail.length));
      const counts = [...tail.toString("latin1", 0, length).matchAll(/mesg=(\d+)(?=\s)/g)];
      return Number(counts.at(-1)?.[1] ?? 0);
    } finally {
      closeSync(file);
    }
  }

  /** Whether `count` messages came before nothing moved for half a minute. */
  async reaches(count: number): Promise<boolean> {
    let last = this.count();
    let moved = performance.now();
    while (last < count) {
      if (performance.now() - moved > 30_000) return false;
      await new Promise((resolve) => setTimeout(resolve, 5));
      const now = this.count();
      if (now !== last) moved = performance.now();
      last = now;
    }
    return true;
  }

  async stop(): Promise<void> {
    await this.party.stop();
    rmSync(this.#file, { force: true });
  }
}

export interface Load {
  readonly port: number;
  readonly sessions: number;
  readonly count: number;
  readonly sizeOctets: number;
  readonly keepSessions: boolean;
}

/** Sends by smtp-source. Resolves when all is acknowledged, with the CPU seconds it took itself. */
export async function generate(load: Load): Promise<{ readonly cpuSeconds: number; readonly ok: boolean }> {
  const party = new Party("generator");
  const log = join(scratch, `relaykeeper-bench-source-${process.pid}`);
  const child = party.start(
    [
      ...[programPath("smtp-source"), ...(load.keepSessions ? ["-d"] : []), "-s", String(load.sessions)],
      ...["-m", String(load.count), "-l", String(load.sizeOctets), "-M", "gen.test"],
      ...["-f", "sender@client.test", "-t", "rcpt@dest.test", `127.0.0.1:${load.port}`],
    ],
    { log },
  );
  const { code } = await ended(child);
  const cpuSeconds = party.cpuSeconds();
  await party.stop();
  if (code !== 0) process.stderr.write(`smtp-source: ${await readFile(log, "utf8")}`);
  rmSync(log, { force: true });
  return { cpuSeconds, ok: code === 0 };
}

export async function runClient(task: ClientTask): Promise<ClientResult & { readonly cpuSeconds: number }> {
  const party = new Party("client");
  const log = join(scratch, `relaykeeper-bench-client-${process.pid}`);
  rmSync(log, { force: true });
  const program = join(import.meta.dirname, "client.ts");
  await ended(party.start([process.execPath, program, JSON.stringify(task)], { log }));
  const cpuSeconds = party.cpuSeconds();
  await party.stop();
  const output = await readFile(log, "utf8");
  rmSync(log, { force: true });
  return { ...(JSON.parse(output.slice(output.lastIndexOf('{"done"'))) as ClientResult), cpuSeconds };
}
