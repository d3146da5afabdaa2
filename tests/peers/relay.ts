/**
 * The real program as a child process, as an operator would run it: a configuration file, a data directory of its own, free
 * ports, and the commands of the contract. Nothing here looks into the house.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ended, eventually, run, type RunResult } from "./programs.ts";

export const repository = resolve(import.meta.dirname, "../..");
const program = join(repository, "src/main.ts");

/** The program is started hundreds of times: what Node compiled once it need not compile again. */
const compileCache = { NODE_COMPILE_CACHE: join(tmpdir(), "relaykeeper-compile-cache") };

export interface ListenerOptions {
  /** Port 0 is a free one. */
  readonly address?: string;
  readonly tls?: "none" | "starttls" | "implicit";
  readonly auth?: "off" | "tls" | "always";
  readonly proxyProtocolFrom?: readonly string[];
}

export interface RelayOptions {
  readonly listeners?: readonly ListenerOptions[];
  readonly localDomains?: readonly string[];
  readonly delivery?: {
    readonly mode: "mx" | "smarthost" | "capture";
    readonly smarthost?: string;
    readonly local?: string;
    readonly verifyRecipients?: boolean;
  };
  /** CL commands of a policy that the new data directory starts with. */
  readonly policy?: readonly string[];
  /** More of the configuration file, as it stands; before the tables of the harness. */
  readonly moreConfig?: string;
  /** More tables of it. */
  readonly moreTables?: string;
  /** More keys of each listener, as they stand. */
  readonly moreListener?: string;
  /** Users and their passwords. */
  readonly users?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that makes itself the program that follows it, with other limits: `prlimit --nofile=64`. */
  readonly under?: readonly string[];
  /** Kept when the relay stops, for a second start. */
  readonly directory?: string;
  /** Address of the console: none without it. */
  readonly console?: string;
  /** `main.ts` of another copy of the program. */
  readonly program?: string;
}

export interface Status {
  readonly pid: number;
  readonly active: boolean;
  readonly listeners: readonly { readonly configured: string; readonly bound: string }[];
}

function toml(options: RelayOptions, dataDirectory: string, policyFile: string): string {
  const text = (value: string) => JSON.stringify(value);
  const lines = [
    `hostname = "relay.test"`,
    `data_dir = ${text(dataDirectory)}`,
    `local_domains = [${(options.localDomains ?? []).map(text).join(", ")}]`,
    options.moreConfig ?? "",
  ];
  for (const listener of options.listeners ?? [{}]) {
    lines.push("[[listener]]", `address = ${text(listener.address ?? "127.0.0.1:0")}`);
    lines.push(`tls = ${text(listener.tls ?? "none")}`, `auth = ${text(listener.auth ?? "off")}`);
    if (listener.proxyProtocolFrom)
      lines.push(`proxy_protocol_from = [${listener.proxyProtocolFrom.map(text).join(", ")}]`);
    lines.push(options.moreListener ?? "");
  }
  if (options.policy) lines.push("[policy]", `initial = ${text(policyFile)}`);
  const delivery = options.delivery ?? { mode: "capture" };
  lines.push("[delivery]", `mode = ${text(delivery.mode)}`);
  if (delivery.smarthost !== undefined) lines.push(`smarthost = ${text(delivery.smarthost)}`);
  if (delivery.local !== undefined) lines.push(`local = ${text(delivery.local)}`);
  if (delivery.verifyRecipients !== undefined) lines.push(`verify_recipients = ${delivery.verifyRecipients}`);
  lines.push(options.moreTables ?? "");
  lines.push("[console]", `address = ${text(options.console ?? "")}`, "");
  return lines.join("\n");
}

/** A folder for one relay: configuration file, initial policy, data directory. */
export async function makeRelayDirectory(options: RelayOptions): Promise<string> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "relaykeeper-peers-")));
  const policyFile = join(directory, "policy.cl");
  if (options.policy) await writeFile(policyFile, `${options.policy.join("\n")}\n`);
  await writeFile(join(directory, "relaykeeper.toml"), toml(options, join(directory, "data"), policyFile));
  return directory;
}

/** Runs the program with one of its commands against the data directory in `directory`. */
export async function relaykeeper(directory: string, args: readonly string[], input = ""): Promise<RunResult> {
  return await run(process.execPath, [program, ...args, "--data-dir", join(directory, "data")], {
    input,
    cwd: directory,
    env: compileCache,
  });
}

export class Relay {
  readonly directory: string;
  readonly child: ChildProcess;
  readonly #keep: boolean;
  #log = "";
  #ports: readonly number[] = [];
  readonly #ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(directory: string, options: RelayOptions) {
    this.directory = directory;
    this.#keep = options.directory !== undefined;
    const serve = [
      process.execPath,
      options.program ?? program,
      "serve",
      "--config",
      join(directory, "relaykeeper.toml"),
    ];
    const [command = "", ...args] = [...(options.under ?? []), ...serve];
    this.child = spawn(command, args, {
      cwd: directory,
      env: { ...process.env, ...compileCache, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#ended = ended(this.child);
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#log += text));
  }

  /** Starts the program and waits until its control socket answers and its listeners are open. */
  static async start(options: RelayOptions = {}): Promise<Relay> {
    const directory = await makeRelayDirectory(options);
    const relay = new Relay(directory, options);
    try {
      await relay.#ready();
      for (const [name, password] of Object.entries(options.users ?? {})) await relay.addUser(name, password);
      return relay;
    } catch (fault) {
      await relay.kill();
      throw new Error(`the relay did not start:\n${relay.#log}`, { cause: fault });
    }
  }

  async #ready(): Promise<void> {
    let gone = false;
    const end = this.#ended.then(({ code, signal }) => {
      gone = true;
      throw new Error(`the program ended with ${code ?? signal}`);
    });
    end.catch(() => undefined);
    const open = eventually(async () => {
      if (!gone) await connects(this.controlSocket);
    });
    await Promise.race([open, end]);
    await Promise.race([this.readPorts(), end]);
  }

  /** Learns the ports that the listeners have now: free ones change when the doors close and open. */
  async readPorts(): Promise<void> {
    // One that is gone is not asked again and again.
    const status = await eventually(async () => (this.#isGone ? null : await this.#activeStatus()));
    if (status === null) return;
    this.#ports = status.listeners.map(({ bound }) => Number(bound.slice(bound.lastIndexOf(":") + 1)));
  }

  get #isGone(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async #activeStatus(): Promise<Status> {
    const status = await this.status();
    if (status.pid !== this.pid) throw new Error(`the data directory belongs to process ${status.pid}`);
    if (!status.active || status.listeners.some(({ bound }) => bound === "")) throw new Error("not active yet");
    return status;
  }

  get dataDirectory(): string {
    return join(this.directory, "data");
  }

  get controlSocket(): string {
    return join(this.dataDirectory, "control.sock");
  }

  /** Port of the first listener. */
  get port(): number {
    return this.portOf(0);
  }

  portOf(listener: number): number {
    const port = this.#ports[listener];
    assert.ok(port !== undefined, `listener ${listener} is there`);
    return port;
  }

  /** What it wrote to its streams so far. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Runs `relaykeeper ARGS` for this relay. */
  async command(args: readonly string[], input = ""): Promise<RunResult> {
    return await relaykeeper(this.directory, args, input);
  }

  /** Runs one CL command, whatever comes of it. */
  async cl(text: string): Promise<RunResult> {
    return await this.command(["cl", text]);
  }

  /** Runs CL commands that must succeed, as one script. */
  async clDone(...commands: string[]): Promise<string> {
    const result = commands.length === 1 ? await this.cl(commands[0] ?? "") : await this.script(commands);
    assert.equal(result.code, 0, `${commands.join("\n")}\n${result.output}`);
    return result.output;
  }

  async script(commands: readonly string[]): Promise<RunResult> {
    return await this.command(["cl", "-"], `${commands.join("\n")}\n`);
  }

  async explain(question: { client: string; from?: string; to?: string; user?: string; tls?: boolean }): Promise<{
    verdict: string;
    rule: string;
    reply: string;
    entry: { value: string } | null;
    policyVersion: number;
  }> {
    const args = ["explain", "--client", question.client, "--json"];
    if (question.from !== undefined) args.push("--from", question.from);
    if (question.to !== undefined) args.push("--to", question.to);
    if (question.user !== undefined) args.push("--user", question.user);
    if (question.tls === true) args.push("--tls");
    return await this.#json(args);
  }

  async status(): Promise<Status> {
    return await this.#json(["status", "--json"]);
  }

  async queue(): Promise<unknown[]> {
    return await this.#json(["queue", "list", "--json"]);
  }

  /** Adds a user; the password goes by standard input, where no list of processes shows it. */
  async addUser(name: string, password: string): Promise<void> {
    const result = await this.command(["user", "add", name], `${password}\n`);
    assert.equal(result.code, 0, result.output);
  }

  async #json<T>(args: readonly string[]): Promise<T> {
    const result = await this.command(args);
    assert.equal(result.code, 0, `relaykeeper ${args.join(" ")}\n${result.output}`);
    return JSON.parse(result.stdout) as T;
  }

  /** SIGTERM, and the end. Resolves with the exit status. */
  async terminate(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.child.kill(signal);
    return (await this.#ended).code;
  }

  /** SIGKILL, and the end. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.#ended.catch(() => undefined);
  }

  /** Stops the program, which must end cleanly, and removes its folder. */
  async stop(): Promise<void> {
    try {
      if (this.child.exitCode === null && this.child.signalCode === null) {
        const code = await this.terminate();
        assert.equal(code, 0, `the relay did not end cleanly:\n${this.#log}`);
      }
    } finally {
      await this.kill();
      if (!this.#keep) await rm(this.directory, { recursive: true, force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

async function connects(path: string): Promise<void> {
  const socket = net.connect({ path });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.destroy();
}
