/** The relays that are measured side by side, each with the same list of networks that may relay, the same next hop, the same disk. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { makeCertificate } from "../../peers/certificate.ts";
import { missingRoot, freePort, greets, run as runToEnd } from "../../peers/programs.ts";
import { postfixPrograms, preparePostfix } from "../../peers/postfix.ts";
import { makePolicy } from "./list.ts";
import { LOGIN } from "./login.ts";
import { Party } from "./party.ts";

export interface Ground {
  readonly sinkPort: number;
  /** Networks that may relay, 127.0.0.1/32 among them. */
  readonly networks: readonly string[];
  /** STARTTLS is offered, and after it AUTH to the user `LOGIN`. */
  readonly tls?: boolean;
  /** Whether what goes out is signed. */
  readonly dkim?: boolean;
  /** Processors that its processes may use, as taskset writes them; all where none are named. */
  readonly cpus?: string;
}

export interface RunningPeer extends AsyncDisposable {
  /** Where its files are. */
  readonly directory: string;
  readonly port: number;
  readonly party: Party;
  /** From the start of its process to its greeting. */
  readonly startSeconds: number;
}

export interface Peer {
  readonly name: string;
  /** Why this machine cannot run it, or false. */
  readonly missing: () => string | false;
  readonly offers: readonly ("tls" | "auth" | "dkim")[];
  readonly start: (ground: Ground) => Promise<RunningPeer>;
}

const repository = resolve(import.meta.dirname, "../../..");

interface Prepared {
  readonly directory: string;
  readonly port: number;
  readonly command: readonly string[];
  /** What is to be done once it greets. */
  readonly started?: () => Promise<void>;
}

async function run(name: string, { cpus }: Ground, prepared: Prepared): Promise<RunningPeer> {
  const party = new Party(name);
  const beginning = performance.now();
  const dispose = async () => {
    await party.stop();
    await rm(prepared.directory, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    const log = join(prepared.directory, "output");
    const command = cpus === undefined ? prepared.command : ["taskset", "-c", cpus, ...prepared.command];
    party.start(command, { cwd: prepared.directory, log });
    await greets(prepared.port);
  } catch (fault) {
    await dispose();
    throw fault;
  }
  const startSeconds = (performance.now() - beginning) / 1000;
  await prepared.started?.();
  return { directory: prepared.directory, port: prepared.port, party, startSeconds, [Symbol.asyncDispose]: dispose };
}

/** As installed, but for the lists: SQLite at FULL, journal and counting of each entry's use on. */
async function prepareRelaykeeper({ sinkPort, networks, tls = false, dkim = false }: Ground): Promise<Prepared> {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-bench-"));
  const port = await freePort();
  await makePolicy(join(directory, "data"), networks);
  const config = join(directory, "relaykeeper.toml");
  await writeFile(
    config,
    [
      `hostname = "relay.test"`,
      `data_dir = "${directory}/data"`,
      "[[listener]]",
      `address = "127.0.0.1:${port}"`,
      `tls = "${tls ? "starttls" : "none"}"`,
      `auth = "${tls ? "tls" : "off"}"`,
      "[delivery]",
      `mode = "smarthost"`,
      `smarthost = "127.0.0.1:${sinkPort}"`,
      "[console]",
      `address = ""`,
      // Only the scenario of many refusals in a session comes near it.
      "[limits]",
      "errors_per_session = 1000000000",
      "",
    ].join("\n"),
  );
  const program = [process.execPath, join(repository, "bin/relaykeeper.mjs")];
  const say = async (verb: readonly string[], input = ""): Promise<void> => {
    const [node = "", ...args] = [...program, ...verb, "--data-dir", join(directory, "data")];
    const { code, output } = await runToEnd(node, args, { input });
    if (code !== 0) throw new Error(output);
  };
  const started = async (): Promise<void> => {
    if (tls) await say(["user", "add", LOGIN.user], `${LOGIN.password}\n`);
    // The authors of the load are of this domain.
    if (dkim) await say(["dkim", "create", "client.test", "--now"]);
  };
  return {
    directory,
    port,
    command: [...program, "serve", "--config", config],
    started,
  };
}

/** Tuned for this load: limits lifted, no DNS, no log of each message. */
async function prepareTunedPostfix({ sinkPort, networks, tls = false }: Ground): Promise<Prepared> {
  const table = join(tmpdir(), `relaykeeper-bench-networks-${process.pid}`);
  await writeFile(table, networks.map((network) => `${network} OK\n`).join(""), { mode: 0o644 });
  const certificate = {
    smtpd_tls_security_level: "may",
    smtpd_tls_cert_file: "$queue_directory/../certificate.pem",
    smtpd_tls_key_file: "$queue_directory/../key.pem",
  };
  const prepared = await preparePostfix({
    relayhost: `[127.0.0.1]:${sinkPort}`,
    main: {
      maillog_file: "",
      mynetworks: networks.length === 1 ? "127.0.0.1/32" : `cidr:${table}`,
      default_process_limit: "200",
      in_flow_delay: "0",
      smtpd_client_connection_count_limit: "0",
      smtpd_client_connection_rate_limit: "0",
      smtpd_client_event_limit_exceptions: "static:all",
      initial_destination_concurrency: "50",
      default_destination_concurrency_limit: "50",
      smtp_destination_concurrency_limit: "50",
      qmgr_message_active_limit: "50000",
      qmgr_message_recipient_limit: "50000",
      smtpd_soft_error_limit: "1000000000",
      smtpd_hard_error_limit: "1000000000",
      ...(tls ? certificate : {}),
    },
  });
  if (tls) await makeCertificate("DNS:postfix.test", prepared.directory);
  return prepared;
}

/** A program beside this file, given its port, the sink's and a folder. */
async function prepareProgram(file: string, { sinkPort, tls = false }: Ground): Promise<Prepared> {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-bench-"));
  const port = await freePort();
  const program = join(import.meta.dirname, file);
  const args = [String(port), String(sinkPort), join(directory, "spool"), ...(tls ? ["tls"] : [])];
  const command = [process.execPath, program, ...args];
  return { directory, port, command };
}

export const peers: readonly Peer[] = [
  {
    name: "relaykeeper",
    missing: () => false,
    offers: ["tls", "auth", "dkim"],
    start: async (ground) => await run("relaykeeper", ground, await prepareRelaykeeper(ground)),
  },
  {
    name: "postfix",
    missing: () => missingRoot(...postfixPrograms),
    offers: ["tls"],
    start: async (ground) => await run("postfix", ground, await prepareTunedPostfix(ground)),
  },
  {
    name: "naive",
    missing: () => false,
    offers: ["tls", "auth"],
    start: async (ground) => await run("naive", ground, await prepareProgram("naive.ts", ground)),
  },
  {
    name: "ceiling",
    missing: () => false,
    offers: [],
    start: async (ground) => await run("ceiling", ground, await prepareProgram("ceiling.ts", ground)),
  },
];
