/** `relaykeeper serve`: from the configuration to a relay that runs until a signal ends it. */
import type { Writable } from "node:stream";
import { jsonLog, plainLog, type LineLog } from "./adapters/log/log.ts";
import { systemClock } from "./adapters/node/clock.ts";
import type { Config } from "./config.ts";
import { loadConfig, type ConfigSources } from "./config/load.ts";
import { formatSocketAddress } from "./config/schema.ts";
import { describeRelay } from "./flows/commands/attributes.ts";
import { assemble, type Relaykeeper } from "./relaykeeper.ts";

export type EndSignal = "SIGTERM" | "SIGINT";

/** The process, as far as serve has to do with it. */
export interface ServeHost {
  readonly sources: ConfigSources;
  readonly errors: Writable & { readonly isTTY?: boolean };
  readonly pid: number;
  readonly version: string;
  onSignal(signal: EndSignal | "SIGHUP", act: () => void): void;
  /** Ends the process at once: an error of our own, or an operator who cannot wait. */
  exit(status: number): never;
}

/** What the whole stop may take; its parts have shorter deadlines of their own. */
const STOP_MS = 60_000;
/** EX_SOFTWARE of sysexits.h. */
const CRASHED = 70;

/** Runs the relay; resolves with the exit status when it has ended. */
export async function serve(host: ServeHost): Promise<number> {
  const loaded = loadConfig(host.sources);
  if (!loaded.ok) {
    for (const fault of loaded.error) host.errors.write(`${fault}\n`);
    return 1;
  }
  const config = loaded.value;
  const log = createLog(config, host);
  const crash = (fault: unknown): never => {
    log.error(
      `an error of the program itself: ${fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)}`,
    );
    return host.exit(CRASHED);
  };
  const stopping = waitForEnd(host, log);
  const built = await assemble(config, { log, pid: host.pid, version: host.version, crash });
  if (!built.ok) {
    log.error(built.error);
    return 1;
  }
  const relay = built.value;
  const started = await relay.start();
  if (!started.ok) {
    log.error(started.error);
    await relay.stop();
    return 1;
  }
  await greet(relay, config, host, log);
  host.onSignal("SIGHUP", () => void reload(relay, config, host, log).catch(crash));
  log.info(`${await stopping}: stopping`);
  const deadline = systemClock.after(STOP_MS, () => {
    log.error("stopping took too long; what was not finished is found again at the next start");
    host.exit(1);
  });
  await relay.stop();
  deadline.cancel();
  log.info("stopped");
  return 0;
}

function createLog(config: Config, host: ServeHost): LineLog {
  const { level } = config.log;
  return host.errors.isTTY === true
    ? plainLog(level, host.errors, () => systemClock.now())
    : jsonLog(level, host.errors);
}

/** The first signal ends the relay cleanly, the second one at once. */
async function waitForEnd(host: ServeHost, log: LineLog): Promise<EndSignal> {
  return await new Promise((resolve) => {
    let asked = false;
    const end = (signal: EndSignal): void => {
      if (asked) {
        log.warn(`${signal} again: ending at once`);
        host.exit(1);
      }
      asked = true;
      resolve(signal);
    };
    host.onSignal("SIGTERM", () => end("SIGTERM"));
    host.onSignal("SIGINT", () => end("SIGINT"));
  });
}

/** Where it listens, who may relay, and what to try next: lines for a terminal, else one line for the log. */
async function greet(relay: Relaykeeper, config: Config, host: ServeHost, log: LineLog): Promise<void> {
  const status = relay.status();
  const { policy } = relay.operations;
  const allow = policy.attributes().ALWRLY;
  const addresses = status.listeners.map(({ bound, configured }) => (bound === "" ? `${configured} (closed)` : bound));
  for (const warning of status.warnings) log.warn(warning);
  log.info(
    `relaykeeper ${host.version} listens on ${addresses.join(", ")}; ALWRLY(${allow}), policy version ${policy.version()}`,
  );
  if (host.errors.isTTY !== true) return;
  const { console: http, delivery } = config;
  const lines = [
    "",
    `  SMTP      ${addresses.join(", ")}`,
    ...(http.address ? [`  Health    http://${formatSocketAddress(http.address)}/health/ready`] : []),
    `  Data      ${status.dataDirectory}`,
    `  Delivery  ${DELIVERY[delivery.mode]}`,
    `  Relay     ALWRLY(${allow}): ${await describeRelay(policy)}`,
    "",
    ...(allow === "*NONE" ? NEXT : [`  npx relaykeeper status   says how it is.`]),
    "",
  ];
  host.errors.write(`${lines.join("\n")}\n`);
}

const DELIVERY = {
  capture: "capture: accepted mail ends in the capture box and never leaves this machine",
  smarthost: "through the smart host",
  mx: "by MX",
} as const;

const NEXT = [
  "  Let this machine relay, in another terminal:",
  "",
  "    npx relaykeeper cl \"ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')\"",
  '    npx relaykeeper cl "CHGSMTPA ALWRLY(*LIST)"',
];

/** SIGHUP: certificates are read again, and the file; what of it needs a restart is named. */
async function reload(relay: Relaykeeper, config: Config, host: ServeHost, log: LineLog): Promise<void> {
  const loaded = loadConfig(host.sources);
  if (!loaded.ok) {
    for (const fault of loaded.error) log.error(fault);
    log.error("the configuration file is wrong; everything stays as it was");
    return;
  }
  log.setLevel(loaded.value.log.level);
  const reloaded = await relay.reload();
  if (reloaded.ok) log.info("certificates and configuration file were read again");
  else log.error(`${reloaded.error}; the certificates of before stay in use`);
  const changed = needRestart(config, loaded.value);
  if (changed.length > 0) log.warn(`changed in the file and in use after a restart: ${changed.join(", ")}`);
}

/** Keys that differ and are read at start only. */
function needRestart(before: Config, after: Config): string[] {
  const keys = [
    "hostname",
    "dataDirectory",
    "localDomains",
    "listeners",
    "tls",
    "delivery",
    "console",
    "limits",
  ] as const;
  return keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}
