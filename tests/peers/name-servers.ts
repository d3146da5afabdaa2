/** NSD with zones of a test, signed and not, and Unbound that resolves and validates them: both on loopback, in a folder of their own. */
import { spawn, type ChildProcess } from "node:child_process";
import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended, eventually, freePort, programPath, run } from "./programs.ts";

export const nameServerPrograms = ["nsd", "unbound", "ldns-keygen", "ldns-signzone"];

export interface Zone {
  /** `signed.test`. */
  readonly name: string;
  /** Lines of the zone file below the SOA. */
  readonly records: readonly string[];
  readonly isSigned: boolean;
  /** Changes the zone file after it was signed, as an attacker on the way would. */
  readonly tamper?: (signed: string) => string;
  /** When its signatures ended, as `20260101000000`. */
  readonly signedUntil?: string;
}

/** Where the two run, when it is not on free ports of loopback. */
export interface NameServersAt {
  /** Addresses with port 53. */
  readonly nsd: string;
  readonly unbound: string;
  /** What goes before the command of each. */
  readonly underNsd: readonly string[];
  readonly underUnbound: readonly string[];
}

export interface NameServers {
  /** Authoritative, for these zones alone. */
  readonly nsdPort: number;
  /** Resolves these zones alone, and validates. */
  readonly unboundPort: number;
  stop(): Promise<void>;
}

export async function startNameServers(zones: readonly Zone[], at?: NameServersAt): Promise<NameServers> {
  const folder = await mkdtemp(join(tmpdir(), "relaykeeper-dns-"));
  const anchors: string[] = [];
  for (const zone of zones) anchors.push(...(await writeZone(folder, zone)));
  const [nsdPort, unboundPort] = at ? [53, 53] : [await freePort(), await freePort()];
  const nsdAt = `${at?.nsd ?? "127.0.0.1"}@${nsdPort}`;
  const unboundAt = `${at?.unbound ?? "127.0.0.1"}@${unboundPort}`;
  await writeFile(join(folder, "nsd.conf"), nsdConfiguration(folder, nsdAt, zones));
  await writeFile(join(folder, "unbound.conf"), unboundConfiguration(folder, unboundAt, nsdAt, zones, anchors));
  const nsd = start([...(at?.underNsd ?? []), programPath("nsd"), "-d", "-c", join(folder, "nsd.conf")]);
  const unbound = start([
    ...(at?.underUnbound ?? []),
    programPath("unbound"),
    "-d",
    "-c",
    join(folder, "unbound.conf"),
  ]);
  const stop = async (): Promise<void> => {
    await Promise.all([nsd.stop(), unbound.stop()]);
    await rm(folder, { recursive: true });
  };
  try {
    await Promise.all([nsd.says(/nsd started/), unbound.says(/start of service/)]);
  } catch (fault) {
    await stop();
    throw fault;
  }
  return { nsdPort, unboundPort, stop };
}

/** Writes the zone, signed where it shall be, and gives its keys as trust anchors. */
async function writeZone(folder: string, { name, records, isSigned, tamper, signedUntil }: Zone): Promise<string[]> {
  const file = join(folder, `${name}.zone`);
  const head = [
    `$ORIGIN ${name}.`,
    "$TTL 300",
    `@ IN SOA ns.${name}. hostmaster.${name}. 1 3600 600 86400 60`,
    `@ IN NS ns.${name}.`,
    "ns IN A 127.0.0.1",
  ];
  await writeFile(file, `${[...head, ...records].join("\n")}\n`);
  if (!isSigned) return [];
  const made = await run("ldns-keygen", ["-a", "ECDSAP256SHA256", "-k", name], { cwd: folder });
  const key = made.stdout.trim();
  const period = signedUntil === undefined ? [] : ["-i", "20200101000000", "-e", signedUntil];
  const signed = await run("ldns-signzone", [...period, "-f", `${file}.signed`, file, key], { cwd: folder });
  if (key === "" || signed.code !== 0) throw new Error(made.output + signed.output);
  const text = await readFile(`${file}.signed`, "utf8");
  await writeFile(file, tamper?.(text) ?? text);
  return [join(folder, `${key}.key`)];
}

function nsdConfiguration(folder: string, at: string, zones: readonly Zone[]): string {
  return `
server:
  ip-address: ${at}
  server-count: 1
  username: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  xfrdir: "${folder}"
  database: ""
remote-control:
  control-enable: no
${zones.map(({ name }) => `zone:\n  name: ${name}\n  zonefile: ${name}.zone\n`).join("")}`;
}

function unboundConfiguration(
  folder: string,
  at: string,
  nsdAt: string,
  zones: readonly Zone[],
  anchors: readonly string[],
): string {
  const insecure = zones.filter(({ isSigned }) => !isSigned).map(({ name }) => `  domain-insecure: "${name}"\n`);
  return `
server:
  interface: ${at}
  directory: "${folder}"
  chroot: ""
  username: ""
  pidfile: "${folder}/unbound.pid"
  use-syslog: no
  logfile: ""
  verbosity: 1
  num-threads: 1
  rrset-roundrobin: no
  do-ip6: no
  do-daemonize: no
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  module-config: "validator iterator"
  local-zone: "test." nodefault
${anchors.map((file) => `  trust-anchor-file: "${file}"\n`).join("")}${insecure.join("")}remote-control:
  control-enable: no
${zones.map(({ name }) => `stub-zone:\n  name: ${name}\n  stub-addr: ${nsdAt}\n`).join("")}`;
}

interface Daemon {
  says(what: RegExp): Promise<void>;
  stop(): Promise<void>;
}

function start([program = "", ...args]: readonly string[]): Daemon {
  const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const hear = (octets: Buffer): void => void (output += octets.toString("latin1"));
  child.stdout?.on("data", hear);
  child.stderr?.on("data", hear);
  const end = ended(child);
  return {
    says: (what) =>
      eventually(() => {
        if (!what.test(output)) throw new Error(`${program}: ${output}`);
      }, 20_000),
    async stop() {
      child.kill("SIGTERM");
      await end;
    },
  };
}
