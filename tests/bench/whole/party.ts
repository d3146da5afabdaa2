/**
 * One party of a measurement (server, sink, generator): its processes, the CPU they and all their children used, and their
 * memory. CPU is exact where a cgroup can be made, children that ended included; elsewhere it is summed over /proc.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { findProgram } from "../../peers/programs.ts";

interface Accounting {
  readonly folder: string;
  readonly cpuSeconds: (group: string) => number;
}

function findAccounting(): Accounting | null {
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
  for (const mount of mounts) {
    const [, folder = "", type, options = ""] = mount.split(" ");
    const old = type === "cgroup" && options.split(",").includes("cpuacct");
    if (!old && type !== "cgroup2") continue;
    const probe = join(folder, `relaykeeper-bench-${process.pid}`);
    try {
      mkdirSync(probe);
      rmdirSync(probe);
    } catch {
      continue;
    }
    const cpuSeconds = old
      ? (group: string) => Number(readFileSync(join(group, "cpuacct.usage"), "utf8")) / 1e9
      : (group: string) => Number(/usage_usec (\d+)/.exec(readFileSync(join(group, "cpu.stat"), "utf8"))?.[1]) / 1e6;
    return { folder, cpuSeconds };
  }
  return null;
}

const accounting = findAccounting();
export const cpuMethod = accounting === null ? "/proc" : "cgroup";

const ticksPerSecond = 100;
let parties = 0;

/** An interrupted measurement leaves nothing running. */
const living = new Set<Party>();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    void Promise.all([...living].map(async (party) => await party.stop())).then(() => process.exit(1));
  });

export class Party {
  readonly name: string;
  readonly #group: string | null;
  readonly #children: ChildProcess[] = [];
  #peakOctets = 0;
  #sampling: NodeJS.Timeout | null = null;

  constructor(name: string) {
    this.name = name;
    this.#group =
      accounting === null ? null : join(accounting.folder, `relaykeeper-bench-${process.pid}-${parties++}-${name}`);
    if (this.#group !== null) mkdirSync(this.#group);
    living.add(this);
  }

  /** Starts a program; what it prints goes to the file `log`. */
  start(
    command: readonly string[],
    options: { cwd?: string; env?: Record<string, string>; log: string },
  ): ChildProcess {
    const inGroup = ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', this.#group ?? "", ...command];
    const [program = "", ...args] = this.#group === null ? command : inGroup;
    const log = openSync(options.log, "a");
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#children.push(child);
    return child;
  }

  /** User and system time so far, in seconds. */
  cpuSeconds(): number {
    if (this.#group !== null && accounting !== null) return accounting.cpuSeconds(this.#group);
    let ticks = 0;
    for (const pid of this.#pids()) {
      const fields = readProcess(pid, "stat")?.split(") ")[1]?.split(" ");
      if (fields) for (const field of fields.slice(11, 15)) ticks += Number(field);
    }
    return ticks / ticksPerSecond;
  }

  /**
   * System calls of all its processes while `work` runs. Perf counts them in the kernel, which costs a little: not while CPU is
   * measured. NaN where there is no perf, or it may not.
   */
  async systemCalls(work: () => Promise<unknown>): Promise<number> {
    const perf = findProgram("perf");
    const event = "raw_syscalls:sys_enter";
    const args = ["stat", "-x", ",", "-e", event, "-D", "-1", "--control", "fd:3,4", "-p", this.#pids().join(",")];
    const child = perf === null ? null : spawn(perf, args, { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"] });
    if (child === null) {
      await work();
      return NaN;
    }
    let output = "";
    child.stderr?.on("data", (octets) => (output += String(octets)));
    const [, , , control, answers] = child.stdio;
    const closed = once(child, "close");
    (control as Writable).on("error", () => undefined).write("enable\n");
    // It answers once it counts, or ends because it cannot.
    await Promise.race([once(answers as Readable, "data"), closed]);
    await work();
    child.kill("SIGINT");
    await closed;
    return Number(/^(\d+),/m.exec(output)?.[1] ?? NaN);
  }

  /** Proportional set size of all processes together: what they share counts once. */
  memoryOctets(): number {
    let octets = 0;
    for (const pid of this.#pids())
      octets += Number(/^Pss:\s+(\d+)/m.exec(readProcess(pid, "smaps_rollup") ?? "")?.[1] ?? 0) * 1024;
    return octets;
  }

  watchMemory(): void {
    this.#peakOctets = this.memoryOctets();
    this.#sampling = setInterval(() => (this.#peakOctets = Math.max(this.#peakOctets, this.memoryOctets())), 1_000);
  }

  /** The peak since `watchMemory`. */
  peakMemoryOctets(): number {
    if (this.#sampling !== null) clearInterval(this.#sampling);
    this.#peakOctets = Math.max(this.#peakOctets, this.memoryOctets());
    return this.#peakOctets;
  }

  #pids(): number[] {
    if (this.#group !== null) {
      const text = readFileSync(join(this.#group, "cgroup.procs"), "utf8");
      return text.split("\n").filter(Boolean).map(Number);
    }
    return descendants(this.#children.flatMap(({ pid }) => pid ?? []));
  }

  async stop(): Promise<void> {
    if (this.#sampling !== null) clearInterval(this.#sampling);
    for (const child of this.#children) child.kill("SIGTERM");
    const deadline = performance.now() + 10_000;
    while (this.#pids().length > 0) {
      if (performance.now() > deadline) for (const pid of this.#pids()) killQuietly(pid);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (this.#group !== null && living.delete(this)) rmdirSync(this.#group);
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

function readProcess(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return null;
  }
}

function descendants(roots: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const parent = Number(readProcess(Number(name), "stat")?.split(") ")[1]?.split(" ")[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const all: number[] = [];
  const walk = (pid: number) => {
    if (readProcess(pid, "stat") === null) return;
    all.push(pid);
    for (const child of children.get(pid) ?? []) walk(child);
  };
  for (const root of roots) walk(root);
  return all;
}

/** Busy seconds of all processors since the machine started, without idle and waiting for disks. */
export function machineBusySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync("/proc/stat", "utf8")
    .slice(0, 200)
    .split("\n")[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}
