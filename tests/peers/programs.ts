/** Debian's programs as peers: found, run to their end, or kept running; and a clear word where one is missing. */
import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants } from "node:fs";
import net from "node:net";
import { delimiter, join } from "node:path";

/** In CI a peer that is missing is a failure, not a skipped test. */
const peersRequired = process.env["RELAYKEEPER_REQUIRE_PEERS"] === "1";

/** Where `.ci/run` unpacks Exim: Debian lets only one mail server be installed at a time, and that is Postfix. */
export const eximRoot = process.env["RELAYKEEPER_EXIM_ROOT"] ?? "/var/cache/relaykeeper-peers/exim";

const folders = [
  ...(process.env["PATH"] ?? "").split(delimiter),
  "/usr/sbin",
  "/sbin",
  "/usr/lib/postfix/sbin",
  join(eximRoot, "usr/sbin"),
];

/** The full path of a program, or null where this machine has none. */
export function findProgram(name: string): string | null {
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next folder.
    }
  }
  return null;
}

/** The full path of a program that the test said it needs. */
export function programPath(name: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`${name} is not installed`);
  return path;
}

/**
 * For the `skip` of a test that needs these programs: false where all are there, otherwise the reason. Throws where peers are
 * required.
 */
export function missing(...names: string[]): string | false {
  const absent = names.filter((name) => findProgram(name) === null);
  if (absent.length === 0) return false;
  const reason = `needs ${absent.join(", ")} (.ci/packages has the list of Debian packages)`;
  if (peersRequired) throw new Error(reason);
  return reason;
}

/** For the `skip` of a test whose peers change their user. */
export function missingRoot(...names: string[]): string | false {
  const reason = missing(...names);
  if (reason !== false || process.getuid?.() === 0) return reason;
  if (peersRequired) throw new Error("needs root");
  return "needs root: the peer changes its user";
}

export interface RunResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams in the order of arrival. */
  readonly output: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The program is killed after it, and the run fails. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end. Fails only where it cannot be started or does not end in time: the exit status is the caller's. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const path = program.includes("/") ? program : programPath(program);
  const child = spawn(path, args, {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let output = "";
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding("latin1").on("data", (text: string) => {
    stderr += text;
    output += text;
  });
  // A program that ends without reading its input is no fault of the harness.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, options.timeoutMs ?? 120_000);
  const { code, signal } = await ended(child);
  clearTimeout(timer);
  const decode = (text: string) => Buffer.from(text, "latin1").toString("utf8");
  if (late) throw new Error(`${program} ${args.join(" ")} did not end in time:\n${decode(output)}`);
  return { code, signal, stdout: decode(stdout), stderr: decode(stderr), output: decode(output) };
}

/** Resolves when the program has ended and its streams are read to the end. */
export async function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve({ code, signal });
    });
  });
}

/** A port of 127.0.0.1 that is free at this moment, for peers that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Tries again until `attempt` succeeds; its last fault is the fault after `withinMs`. For peers that announce nothing. */
export async function eventually<T>(attempt: () => Promise<T> | T, withinMs = 60_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (fault) {
      if (performance.now() > deadline) throw fault;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** Resolves when an SMTP server greets at the port. */
export async function greets(port: number, host = "127.0.0.1"): Promise<void> {
  await eventually(async () => {
    const socket = net.connect({ port, host });
    try {
      const greeting = await new Promise<string>((resolve, reject) => {
        socket.setTimeout(5_000, () => reject(new Error(`no greeting from port ${port}`)));
        socket.once("error", reject);
        socket.once("close", () => reject(new Error(`port ${port} closes at once`)));
        socket.once("data", (octets) => resolve(octets.toString("latin1")));
      });
      if (!greeting.startsWith("220")) throw new Error(`port ${port} says ${greeting}`);
      socket.write("QUIT\r\n");
    } finally {
      socket.end();
      socket.once("error", () => undefined);
    }
  });
}
