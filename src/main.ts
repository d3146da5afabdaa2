/** argv, signals, exit status: the only file that touches the process. Each verb is loaded when it is called, so that it starts quickly. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readCommandLine, type Call } from "./adapters/terminal/arguments.ts";
import type { Caller, Runner } from "./adapters/terminal/caller.ts";
import type { VerbName } from "./adapters/terminal/verbs.ts";
import type { ConfigSources } from "./config/load.ts";
import { printableJson } from "./core/base/printable.ts";

type ClientVerb = Exclude<VerbName, "serve" | "check">;
type DkimVerbs = typeof import("./adapters/terminal/dkim-verbs.ts");
type OAuthVerbs = typeof import("./adapters/terminal/oauth-verbs.ts");
type SimpleVerbs = typeof import("./adapters/terminal/simple-verbs.ts");

function simple(pick: (verbs: SimpleVerbs) => Runner): () => Promise<Runner> {
  return async () => pick(await import("./adapters/terminal/simple-verbs.ts"));
}

function dkim(pick: (verbs: DkimVerbs) => Runner): () => Promise<Runner> {
  return async () => pick(await import("./adapters/terminal/dkim-verbs.ts"));
}

function oauth(pick: (verbs: OAuthVerbs) => Runner): () => Promise<Runner> {
  return async () => pick(await import("./adapters/terminal/oauth-verbs.ts"));
}

/** Verbs that talk to the running relay. */
const RUNNERS: Readonly<Record<ClientVerb, () => Promise<Runner>>> = {
  status: simple((verbs) => verbs.showStatus),
  cl: async () => (await import("./adapters/terminal/cl.ts")).cl,
  explain: simple((verbs) => verbs.explain),
  "policy export": simple((verbs) => verbs.exportPolicy),
  "policy apply": simple((verbs) => verbs.applyPolicy),
  "policy diff": simple((verbs) => verbs.diffPolicy),
  "policy check": simple((verbs) => verbs.checkPolicy),
  "policy undo": simple((verbs) => verbs.undoPolicy),
  "policy history": simple((verbs) => verbs.showHistory),
  "queue list": simple((verbs) => verbs.listQueue),
  "queue show": simple((verbs) => verbs.showMessage),
  "queue hops": simple((verbs) => verbs.showHops),
  "queue hold": simple((verbs) => verbs.holdMessages),
  "queue release": simple((verbs) => verbs.releaseMessages),
  "queue retry": simple((verbs) => verbs.retryMessages),
  "queue remove": simple((verbs) => verbs.removeMessages),
  "queue flush": simple((verbs) => verbs.flushQueue),
  send: async () => (await import("./adapters/terminal/send.ts")).send,
  sendmail: async () => (await import("./adapters/terminal/sendmail.ts")).sendmail,
  "user add": async () => (await import("./adapters/terminal/add-user.ts")).addUser,
  "user remove": simple((verbs) => verbs.removeUser),
  "user list": simple((verbs) => verbs.listUsers),
  "dkim create": dkim((verbs) => verbs.createKeys),
  "dkim list": dkim((verbs) => verbs.listKeys),
  "dkim show": dkim((verbs) => verbs.showKeys),
  "dkim check": dkim((verbs) => verbs.checkKeys),
  "dkim use": dkim((verbs) => verbs.useKey),
  "dkim remove": dkim((verbs) => verbs.removeKeys),
  "oauth add": oauth((verbs) => verbs.addAccount),
  "oauth list": oauth((verbs) => verbs.listAccounts),
  "oauth show": oauth((verbs) => verbs.showAccount),
  "oauth login": oauth((verbs) => verbs.logIn),
  "oauth check": oauth((verbs) => verbs.checkAccount),
  "route list": async () => (await import("./adapters/terminal/route-verbs.ts")).listRoutes,
  "route test": async () => (await import("./adapters/terminal/route-verbs.ts")).testRoute,
  "route check": async () => (await import("./adapters/terminal/route-verbs.ts")).checkRoute,
  "oauth secret": oauth((verbs) => verbs.renewSecret),
  "oauth remove": oauth((verbs) => verbs.removeAccount),
  "tls-report": simple((verbs) => verbs.showTlsFigures),
  "store check": simple((verbs) => verbs.checkStore),
  backup: simple((verbs) => verbs.backUp),
  wrksmtple: simple((verbs) => verbs.printScreen),
  wrkactjob: simple((verbs) => verbs.printScreen),
  wrksmtpq: simple((verbs) => verbs.printScreen),
  dspsmtpjrn: simple((verbs) => verbs.printScreen),
};

const USAGE = 64;

async function run(args: readonly string[]): Promise<number> {
  const line = readCommandLine(args);
  if (!line.ok) {
    process.stderr.write(`relaykeeper: ${line.error}\nrelaykeeper --help says more.\n`);
    return USAGE;
  }
  switch (line.value.kind) {
    case "version":
      process.stdout.write(`relaykeeper ${programVersion()}\n`);
      return 0;
    case "help": {
      const { helpText } = await import("./adapters/terminal/help.ts");
      process.stdout.write(helpText(line.value.topic));
      return 0;
    }
    case "call":
      return await callVerb(line.value.call);
  }
}

async function callVerb(call: Call): Promise<number> {
  const { name } = call.verb;
  if (name === "serve") return await runServe(call);
  if (name === "check") return await runCheck(call);
  const directory = await findDataDirectory(call);
  if (directory === null) return 1;
  const { systemUserName } = await import("./adapters/node/machine.ts");
  const user = systemUserName();
  const caller: Caller = {
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    environment: process.env,
    directory: process.cwd(),
    user,
  };
  const runner = await RUNNERS[name]();
  const { ControlClient } = await import("./adapters/control/client.ts");
  return await runner(call, caller, new ControlClient(join(directory, "control.sock"), user));
}

function sourcesOf({ options }: Call): ConfigSources {
  return {
    file: options.text("config") ?? process.env["RELAYKEEPER_CONFIG"] ?? null,
    environment: process.env,
    dataDirectory: options.text("data-dir") ?? null,
    directory: process.cwd(),
  };
}

/** Where the running relay is: what was said, else `./data` where that is there, else where packages put it. */
async function findDataDirectory(call: Call): Promise<string | null> {
  const { dataDirectory, file } = sourcesOf(call);
  const named =
    dataDirectory ?? (call.options.text("config") === undefined ? process.env["RELAYKEEPER_DATA_DIR"] : undefined);
  if (named !== undefined) return resolve(named);
  if (file !== null) {
    const { loadConfig } = await import("./config/load.ts");
    const loaded = loadConfig(sourcesOf(call));
    if (loaded.ok) return loaded.value.dataDirectory;
    process.stderr.write(`${loaded.error.join("\n")}\n`);
    return null;
  }
  return existsSync("data") ? resolve("data") : "/var/lib/relaykeeper";
}

async function runServe(call: Call): Promise<number> {
  process.umask(0o077);
  const { serve } = await import("./serve.ts");
  return await serve({
    sources: sourcesOf(call),
    errors: process.stderr,
    pid: process.pid,
    version: programVersion(),
    onSignal: (signal, act) => void process.on(signal, act),
    exit: (status) => process.exit(status),
  });
}

async function runCheck(call: Call): Promise<number> {
  const { check } = await import("./check.ts");
  const checked = await check(sourcesOf(call));
  if (!checked.ok) {
    process.stderr.write(`${checked.error.join("\n")}\n`);
    return 1;
  }
  const { text, value, warnings } = checked.value;
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  process.stdout.write(`${call.options.flag("json") ? printableJson(value) : text}\n`);
  return 0;
}

function programVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const known = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return known ? String(manifest.version) : "unknown";
}

/** What was written is out before the process ends. A reader that went away (`| head`) is no error. */
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
const status = await run(process.argv.slice(2));
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write("", () => resolve()));
}
process.exit(status);
