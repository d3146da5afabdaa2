/** The relays that are measured side by side, each with the same list of networks that may relay, the same next hop, the same disk. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { missingRoot, freePort, greets } from "../../peers/programs.ts";
import { postfixPrograms, preparePostfix } from "../../peers/postfix.ts";
import { makePolicy } from "./list.ts";
import { Party } from "./party.ts";

export interface Ground {
  readonly sinkPort: number;
  /** Networks that may relay, 127.0.0.1/32 among them. */
  readonly networks: readonly string[];
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
  readonly start: (ground: Ground) => Promise<RunningPeer>;
}

const repository = resolve(import.meta.dirname, "../../..");

interface Prepared {
  readonly directory: string;
  readonly port: number;
  readonly command: readonly string[];
}

async function run(name: string, prepared: Prepared): Promise<RunningPeer> {
  const party = new Party(name);
  const beginning = performance.now();
  const dispose = async () => {
    await party.stop();
    await rm(prepared.directory, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    const log = join(prepared.directory, "output");
    party.start(prepared.command, { cwd: prepared.directory, log });
    await greets(prepared.port);
  } catch (fault) {
    await dispose();
    throw fault;
  }
  const startSeconds = (performance.now() - beginning) / 1000;
  return { directory: prepared.directory, port: prepared.port, party, startSeconds, [Symbol.asyncDispose]: dispose };
}

/** As installed, but for the lists: SQLite at FULL, journal and counting of each entry's use on. */
async function prepareRelaykeeper({ sinkPort, networks }: Ground): Promise<Prepared> {
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
      `tls = "none"`,
      `auth = "off"`,
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
  return {
    directory,
    port,
    command: [process.execPath, join(repository, "bin/relaykeeper.mjs"), "serve", "--config", config],
  };
}

/** Tuned for this load: limits lifted, no DNS, no log of each message. */
async function prepareTunedPostfix({ sinkPort, networks }: Ground): Promise<Prepared> {
  const table = join(tmpdir(), `relaykeeper-bench-networks-${process.pid}`);
  await writeFile(table, networks.map((network) => `${network} OK\n`).join(""), { mode: 0o644 });
  return await preparePostfix({
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
    },
  });
}

async function prepareNaive({ sinkPort }: Ground): Promise<Prepared> {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-bench-"));
  await mkdir(join(directory, "spool"));
  const port = await freePort();
  const program = join(import.meta.dirname, "naive.ts");
  return {
    directory,
    port,
    command: [process.execPath, program, String(port), String(sinkPort), join(directory, "spool")],
  };
}

export const peers: readonly Peer[] = [
  {
    name: "relaykeeper",
    missing: () => false,
    start: async (ground) => await run("relaykeeper", await prepareRelaykeeper(ground)),
  },
  {
    name: "postfix",
    missing: () => missingRoot(...postfixPrograms),
    start: async (ground) => await run("postfix", await prepareTunedPostfix(ground)),
  },
  {
    name: "naive",
    missing: () => false,
    start: async (ground) => await run("naive", await prepareNaive(ground)),
  },
];
