/** A Postfix of the test's own: configuration, queue and ports apart from the system's, which is never touched or needed. */
import { spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended, freePort, greets, programPath, run } from "./programs.ts";

export const postfixPrograms = ["master", "postconf", "smtpd"];

export interface PostfixOptions {
  /** Everything goes there: `[127.0.0.1]:2525`. */
  readonly relayhost: string;
  /** Further lines of main.cf. */
  readonly main?: Readonly<Record<string, string>>;
  /** Where it listens; a free port of 127.0.0.1 without it. */
  readonly listen?: readonly PostfixListener[];
}

export interface PostfixListener {
  /** `192.0.2.10:25`, `[2001:db8::10]:25`. */
  readonly address: string;
  /** As the log has it: `postfix/NAME/smtpd`. */
  readonly name: string;
  /** Parameters of main.cf that are others here. */
  readonly main?: Readonly<Record<string, string>>;
}

const services = [
  "cleanup unix n - n - 0 cleanup",
  "qmgr unix n - n 300 1 qmgr",
  "rewrite unix - - n - - trivial-rewrite",
  "bounce unix - - n - 0 bounce",
  "defer unix - - n - 0 bounce",
  "trace unix - - n - 0 bounce",
  "verify unix - - n - 1 verify",
  "flush unix n - n 1000? 0 flush",
  "proxymap unix - - n - - proxymap",
  "smtp unix - - n - - smtp",
  "relay unix - - n - - smtp",
  "error unix - - n - - error",
  "retry unix - - n - - error",
  "discard unix - - n - - discard",
  "anvil unix - - n - 1 anvil",
  "scache unix - - n - 1 scache",
  "tlsmgr unix - - n 1000? 1 tlsmgr",
  "postlog unix-dgram n - n - 1 postlogd",
];

async function idOf(kind: "passwd" | "group", name: string): Promise<number> {
  return Number((await run("getent", [kind, name])).stdout.split(":")[2]);
}

/** The folders of a queue, with the owners and modes that Postfix insists on. */
async function layOutQueue(queue: string): Promise<void> {
  const user = await idOf("passwd", "postfix");
  const group = await idOf("group", "postdrop");
  for (const name of ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"])
    await ownFolder(join(queue, name), user, 0, 0o700);
  for (const name of ["private", "saved", "trace"]) await ownFolder(join(queue, name), user, 0, 0o700);
  await ownFolder(join(queue, "pid"), 0, 0, 0o755);
  await ownFolder(join(queue, "maildrop"), user, group, 0o1730);
  await ownFolder(join(queue, "public"), user, group, 0o2710);
}

async function ownFolder(path: string, user: number, group: number, mode: number): Promise<void> {
  await mkdir(path, { recursive: true });
  await chown(path, user, group);
  await chmod(path, mode);
}

async function writeConfiguration(directory: string, port: number, options: PostfixOptions): Promise<void> {
  const main: Record<string, string> = {
    compatibility_level: "3.6",
    queue_directory: join(directory, "queue"),
    data_directory: join(directory, "data"),
    maillog_file: join(directory, "log/mail.log"),
    maillog_file_prefixes: directory,
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    myhostname: "postfix.test",
    mydestination: "",
    local_recipient_maps: "",
    alias_maps: "",
    alias_database: "",
    mynetworks: "127.0.0.0/8",
    smtpd_relay_restrictions: "permit_mynetworks, reject",
    relayhost: options.relayhost,
    disable_dns_lookups: "yes",
    smtp_host_lookup: "native",
    smtpd_peername_lookup: "no",
    smtp_tls_security_level: "none",
    smtpd_tls_security_level: "none",
    smtputf8_autodetect_classes: "sendmail, verify, bounce",
    ...options.main,
  };
  const lines = Object.entries(main).map(([name, value]) => `${name} = ${value}\n`);
  await writeFile(join(directory, "conf/main.cf"), lines.join(""));
  const listeners = options.listen?.map(listenerLines) ?? [`127.0.0.1:${port} inet n - n - - smtpd`];
  const master = [...listeners, ...services, ""];
  await writeFile(join(directory, "conf/master.cf"), master.join("\n"));
}

function listenerLines({ address, name, main }: PostfixListener): string {
  const parameters = Object.entries({ syslog_name: `postfix/${name}`, ...main }).map(
    ([key, value]) => `\n  -o ${key}=${value}`,
  );
  return `${address} inet n - n - - smtpd${parameters.join("")}`;
}

export interface PreparedPostfix {
  readonly directory: string;
  readonly port: number;
  /** Runs in the foreground until SIGTERM. */
  readonly command: readonly string[];
}

/** Lays out configuration and queue for a Postfix at a free port of 127.0.0.1. Needs root: its processes change their user. */
export async function preparePostfix(options: PostfixOptions): Promise<PreparedPostfix> {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-postfix-"));
  // Postfix's processes run as another user.
  await chmod(directory, 0o755);
  for (const name of ["conf", "queue", "data", "log"]) await mkdir(join(directory, name));
  await chown(join(directory, "data"), await idOf("passwd", "postfix"), 0);
  await layOutQueue(join(directory, "queue"));
  const port = await freePort();
  await writeConfiguration(directory, port, options);
  return { directory, port, command: [programPath("master"), "-c", join(directory, "conf"), "-d"] };
}

export interface Postfix extends AsyncDisposable {
  readonly port: number;
  readonly directory: string;
}

/** Starts Postfix and waits for its greeting. */
export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  const { directory, port, command } = await preparePostfix(options);
  const [program = "", ...args] = command;
  const master = spawn(program, args, { cwd: directory, stdio: "ignore" });
  const end = ended(master);
  const dispose = async () => {
    master.kill("SIGTERM");
    await end.catch(() => undefined);
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    await greets(port);
  } catch (fault) {
    await dispose();
    throw fault;
  }
  return { port, directory, [Symbol.asyncDispose]: dispose };
}
