/** The unit file of systemd: it says what the page promises, and the program works under what it says. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { chownSync, copyFileSync, cpSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { ended, eventually, missing, missingRoot, run } from "../peers/programs.ts";
import { relaykeeper, repository } from "../peers/relay.ts";

const unitFile = join(repository, "packaging/relaykeeper.service");

/** Key and values; a key may stand there more than once. */
function readUnit(text: string): ReadonlyMap<string, readonly string[]> {
  const keys = new Map<string, string[]>();
  for (const line of text.replaceAll(/\\\n\s*/g, "").split("\n")) {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) keys.set(key, [...(keys.get(key) ?? []), value]);
  }
  return keys;
}

const unit = readUnit(readFileSync(unitFile, "utf8"));
const NOBODY = 65_534;

/** A machine as the unit expects it, in a folder: the program without what only builds and tests need, and its places. */
class Machine {
  readonly root = mkdtempSync(join(tmpdir(), "relaykeeper-unit-"));
  /** A loopback address of its own, so that port 25 is free. */
  readonly address = `127.${1 + (process.pid % 200)}.${1 + (Date.now() % 200)}.25`;

  constructor() {
    const { packages } = JSON.parse(readFileSync(join(repository, "package-lock.json"), "utf8")) as {
      packages: Record<string, { dev?: boolean; optional?: boolean }>;
    };
    const runtime = Object.entries(packages).filter(([path, { dev, optional }]) => path !== "" && !dev && !optional);
    const names = ["package.json", "src", ...runtime.map(([path]) => path)];
    for (const name of names) {
      mkdirSync(dirname(join(this.program, name)), { recursive: true });
      cpSync(join(repository, name), join(this.program, name), { recursive: true });
    }
    for (const folder of ["etc", "data"]) mkdirSync(join(this.root, folder), { mode: 0o755 });
    try {
      linkSync(process.execPath, this.node);
    } catch {
      copyFileSync(process.execPath, this.node);
    }
    chownSync(this.data, NOBODY, NOBODY);
    const config = [
      `hostname = "relay.test"`,
      `data_dir = "${this.data}"`,
      `local_domains = ["inside.example"]`,
      "[[listener]]",
      `address = "${this.address}:25"`,
      "[console]",
      `address = ""`,
    ];
    writeFileSync(join(this.root, "etc/relaykeeper.toml"), `${config.join("\n")}\n`);
    run("chmod", ["0755", this.root]).catch(() => undefined);
  }

  get node(): string {
    return join(this.root, "node");
  }

  get program(): string {
    return join(this.root, "program");
  }

  get data(): string {
    return join(this.root, "data");
  }

  /** The unit's text with this machine's places. */
  place(text: string): string {
    return text
      .replaceAll("/usr/bin/node", this.node)
      .replaceAll("/usr/lib/relaykeeper", this.program)
      .replaceAll("/etc/relaykeeper", join(this.root, "etc"))
      .replaceAll("/var/lib/relaykeeper", this.data);
  }

  /** ExecStart up to the program: Node and its flags. */
  get flags(): readonly string[] {
    const words = this.place(unit.get("ExecStart")?.[0] ?? "").split(/\s+/);
    return words.slice(
      1,
      words.findIndex((word) => word.endsWith("main.ts")),
    );
  }

  /** As systemd would start it: that user, that capability, no new privileges. `under` stands in front of Node. */
  start(...under: readonly string[]): ChildProcess {
    assert.deepEqual(unit.get("AmbientCapabilities"), ["CAP_NET_BIND_SERVICE"]);
    const drop = [
      ...["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups", "--no-new-privs"],
      ...["--bounding-set", "-all,+net_bind_service", "--inh-caps", "-all,+net_bind_service"],
      ...["--ambient-caps", "-all,+net_bind_service", "--"],
    ];
    const command = this.place(unit.get("ExecStart")?.[0] ?? "").split(/\s+/);
    return spawn("setpriv", [...drop, ...under, ...command], {
      cwd: this.data,
      env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8" },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

interface Running {
  readonly machine: Machine;
  readonly child: ChildProcess;
  readonly log: () => string;
  /** SIGTERM to the relay itself; the exit status of what was started. */
  readonly stop: () => Promise<number | null>;
}

async function start(t: TestContext, ...under: readonly string[]): Promise<Running> {
  const machine = new Machine();
  const child = machine.start(...under);
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (log += text));
  const end = ended(child);
  let pid = 0;
  t.after(async () => {
    if (pid > 0 && child.exitCode === null) process.kill(pid, "SIGKILL");
    child.kill("SIGKILL");
    await end;
    machine.remove();
  });
  await eventually(async () => {
    const status = await relaykeeper(machine.root, ["status", "--json"]);
    assert.equal(status.code, 0, log);
    const value = JSON.parse(status.stdout) as { pid: number; active: boolean };
    assert.ok(value.active);
    pid = value.pid;
  });
  const stop = async (): Promise<number | null> => {
    process.kill(pid, "SIGTERM");
    return (await end).code;
  };
  return { machine, child, log: () => log, stop };
}

async function sendOne(address: string): Promise<void> {
  using dialogue = await Dialogue.connect({ port: 25, host: address });
  assert.equal((await dialogue.answer()).code, 220);
  for (const [line, code] of [
    ["EHLO client.example", 250],
    ["MAIL FROM:<a@client.example>", 250],
    ["RCPT TO:<u@inside.example>", 250],
    ["DATA", 354],
    ["Subject: x\r\n\r\nx\r\n.", 250],
    ["QUIT", 221],
  ] as const)
    assert.equal((await dialogue.say(line)).code, code, line);
}

const EXPECTED: Readonly<Record<string, string>> = {
  User: "relaykeeper",
  CapabilityBoundingSet: "CAP_NET_BIND_SERVICE",
  NoNewPrivileges: "yes",
  ProtectSystem: "strict",
  ProtectHome: "yes",
  ReadWritePaths: "/var/lib/relaykeeper",
  StateDirectoryMode: "0700",
  UMask: "0077",
  LimitCORE: "0",
  PrivateTmp: "yes",
  RestrictNamespaces: "yes",
};

test("the unit says what docs/security.md promises", () => {
  for (const [key, value] of Object.entries(EXPECTED)) assert.deepEqual(unit.get(key), [value], key);
  for (const key of ["MemoryMax", "LimitNOFILE", "TasksMax"]) assert.match(unit.get(key)?.[0] ?? "", /^\d/, key);
  assert.match(unit.get("ExecStart")?.[0] ?? "", / --permission /);
  assert.doesNotMatch(unit.get("ExecStart")?.[0] ?? "", /--allow-(?:child-process|addons|wasi|inspector)|=\*|=\/ /);
});

test("the unit lets the program read what it reads of the system", () => {
  const text = ["relaykeeper.ts", "outbound.ts"]
    .map((name) => readFileSync(join(repository, "src", name), "utf8"))
    .join("\n");
  const files = [...text.matchAll(/"(\/etc\/[^"]+)"/g)].map(([, file]) => file);
  assert.ok(files.includes("/etc/hosts"), "they stand in the composition root");
  for (const file of files) assert.match(unit.get("ExecStart")?.[0] ?? "", new RegExp(` --allow-fs-read=${file} `));
});

test("as the unit starts it: binds port 25 as nobody, takes mail, reloads, reads no other file", async (t) => {
  const reason = missingRoot("setpriv");
  if (reason !== false) return t.skip(reason);
  const { machine, child, log, stop } = await start(t);
  await sendOne(machine.address);
  const queue = await relaykeeper(machine.root, ["queue", "list", "--json"]);
  assert.equal((JSON.parse(queue.stdout) as unknown[]).length, 1, queue.output);
  assert.match(readFileSync(`/proc/${child.pid}/status`, "latin1"), /^Uid:\t65534\t65534[^]*^CapEff:\t0{13}400$/m);

  const outside = join(machine.root, "outside.txt");
  const inside = join(machine.root, "etc/inside.txt");
  for (const file of [outside, inside]) writeFileSync(file, "content\n", { mode: 0o644 });
  const attach = async (file: string) =>
    await relaykeeper(machine.root, [
      "cl",
      `SNDSMTPEMM RCP(('u@inside.example')) SUBJECT('x') NOTE('x') ATTACH(('${file}'))`,
    ]);
  const read = await attach(inside);
  assert.equal(read.code, 0, `a file that it may read is read: ${read.output}`);
  const refused = await attach(outside);
  assert.equal(refused.code, 1, `a file that everybody on the machine may read is not: ${refused.output}`);

  child.kill("SIGHUP");
  await eventually(async () => assert.match(log(), /read again|reload|certificate/i));
  for (const name of readdirSync(machine.data, { recursive: true, encoding: "utf8" })) {
    const stat = lstatSync(join(machine.data, name));
    assert.equal(stat.mode & 0o777, stat.isDirectory() ? 0o700 : 0o600, name);
    assert.equal(stat.uid, NOBODY, name);
  }
  assert.equal(await stop(), 0, log());
});

test("nothing in the program asks for what Node's permission model forbids whatever its flags", () => {
  const forbidden = /\bf(?:data)?sync(?:Sync)?\(|\bfch(?:mod|own)(?:Sync)?\(|\bsymlink(?:Sync)?\(|\bflush: true/;
  assert.match("fsyncSync(fd)", forbidden);
  const asking = readdirSync(join(repository, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .filter((name) => forbidden.test(readFileSync(join(repository, "src", name), "utf8")));
  assert.deepEqual(asking, []);
});

test("the flags hold in threads as well: no other file, no other program", async (t) => {
  const machine = new Machine();
  t.after(() => machine.remove());
  const probe = join(machine.program, "probe.mjs");
  const tries = [
    'import { isMainThread, Worker } from "node:worker_threads";',
    'import { readFileSync, writeFileSync } from "node:fs";',
    'import { execFileSync } from "node:child_process";',
    'const attempt = (name, f) => { try { f(); console.log(isMainThread, name, "done"); } catch (e) { console.log(isMainThread, name, e.code); } };',
    'attempt("read", () => readFileSync("/etc/passwd"));',
    `attempt("write", () => writeFileSync("${machine.program}/x", ""));`,
    `attempt("own", () => writeFileSync("${machine.data}/x", ""));`,
    'attempt("run", () => execFileSync("/bin/true"));',
    "if (isMainThread) new Worker(new URL(import.meta.url));",
  ];
  writeFileSync(probe, tries.join("\n"));
  const { stdout } = await run(process.execPath, [...machine.flags, probe]);
  const expected = [true, false].flatMap((main) =>
    [
      ["read", "ERR_ACCESS_DENIED"],
      ["write", "ERR_ACCESS_DENIED"],
      ["own", "done"],
      ["run", "ERR_ACCESS_DENIED"],
    ].map(([name, result]) => `${main} ${name} ${result}`),
  );
  assert.deepEqual(stdout.trim().split("\n"), expected);
});

test("the program needs no system call that the unit forbids", async (t) => {
  const reason = missingRoot("setpriv", "strace") || missing("systemd-analyze");
  if (reason !== false) return t.skip(reason);
  const filters = unit.get("SystemCallFilter") ?? [];
  assert.deepEqual(filters, ["@system-service", "~@privileged @resources"]);
  const allowed = await callsOf("@system-service");
  for (const set of ["@privileged", "@resources"]) for (const call of await callsOf(set)) allowed.delete(call);
  assert.ok(allowed.size > 100 && !allowed.has("mount") && allowed.has("openat"));
  const { machine, log, stop } = await start(t, "strace", "-f", "-qq", "-c");
  await sendOne(machine.address);
  assert.equal(await stop(), 0, log());
  const used = [...log().matchAll(/^ *\d+\.\d+ .* ([a-z_0-9]+)$/gm)].map(([, call = ""]) => call);
  assert.ok(used.length > 30 && used.includes("fsync") && used.includes("accept4"), log());
  // Raising a limit that the unit has raised already: Node goes on without. The others are strace's summary and the start itself.
  const harmless = new Set(["prlimit64", "setrlimit", "total", "execve"]);
  assert.deepEqual(
    used.filter((call) => !allowed.has(call) && !harmless.has(call)),
    [],
  );
});

/** The system calls of a set of systemd, those of the sets within it included. */
async function callsOf(set: string): Promise<Set<string>> {
  const { stdout } = await run("systemd-analyze", ["syscall-filter", set]);
  const calls = new Set<string>();
  for (const line of stdout.split("\n")) {
    const name = line.trim();
    if (name === set || name === "" || name.startsWith("#")) continue;
    if (name.startsWith("@")) for (const call of await callsOf(name)) calls.add(call);
    else calls.add(name);
  }
  return calls;
}

test("systemd finds nothing wrong in the unit, and calls its exposure less than 2", async (t) => {
  const reason = missing("systemd-analyze");
  if (reason !== false) return t.skip(reason);
  const machine = new Machine();
  t.after(() => machine.remove());
  const placed = join(machine.root, "relaykeeper.service");
  writeFileSync(placed, machine.place(readFileSync(unitFile, "utf8")));
  const verified = await run("systemd-analyze", ["verify", placed]);
  assert.equal(verified.output.replaceAll(/^(?!.*relaykeeper\.service).*\n?/gm, ""), "");
  const judged = await run("systemd-analyze", ["security", "--offline=true", "--threshold=20", placed]);
  assert.equal(judged.code, 0, judged.output.split("\n").at(-2));
  // Without its lines it is worse than that.
  writeFileSync(placed, readFileSync(placed, "utf8").replaceAll(/^(?:Protect|Private|Restrict|SystemCall).*\n/gm, ""));
  assert.notEqual((await run("systemd-analyze", ["security", "--offline=true", "--threshold=20", placed])).code, 0);
});
