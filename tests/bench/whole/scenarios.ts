/** One measurement: a peer, freshly started, warmed up, under one kind of load for about as long as was asked for. */
import { makeNetworks } from "./entries.ts";
import type { ClientTask } from "./client.ts";
import { CountingSink, generate, runClient, type Load } from "./load.ts";
import { machineBusySeconds } from "./party.ts";
import type { Peer, RunningPeer } from "./peers.ts";

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly kind: "relay" | "refuse" | "latency" | "idle";
  readonly sizeOctets: number;
  readonly keepSessions: boolean;
  /** Networks on the list beside 127.0.0.1. */
  readonly entries: number;
  /** What the peer must offer; with it our own client is the generator. */
  readonly needs: readonly ("tls" | "auth" | "dkim")[];
  /** Sessions that stay open in `idle`. */
  readonly idle?: number;
}

export interface Figures {
  /** Messages or refusals a second, from the first connection to the last message at the sink. */
  readonly rate: number;
  /** Messages a second until the last 250. */
  readonly acceptRate: number;
  readonly cpuPerThousand: number;
  readonly peakMegabytes: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Of the server's processes, for each message. */
  readonly systemCalls: number;
  /** What `idle` sessions take. */
  readonly idleMegabytes: number;
  readonly startSeconds: number;
  /** Processors busy with anything but the parties: above about 0.3 rates are not to be trusted. */
  readonly foreign: number;
  /** Every message at the sink once; every stranger refused and nothing at the sink. */
  readonly exact: boolean;
  readonly count: number;
}

export interface Setting {
  readonly sessions: number;
  readonly seconds: number;
  /** Before it, so that what is compiled while it runs is compiled. */
  readonly warmSeconds: number;
  /** Whether system calls are counted, in a further second of the same load. */
  readonly countsCalls: boolean;
  /** Processors that the server may use, as taskset writes them; null for all. */
  readonly cpus: string | null;
}

/** How many tell roughly how fast a relay is. */
const firstCount = 500;

const settleMs = 500;
const settle = async () => await new Promise((resolve) => setTimeout(resolve, settleMs));

export async function measure(peer: Peer, scenario: Scenario, setting: Setting): Promise<Figures> {
  const sink = await CountingSink.start();
  try {
    const networks = [...makeNetworks(scenario.entries), "127.0.0.1/32"];
    await using running = await peer.start({
      sinkPort: sink.port,
      networks,
      tls: scenario.needs.includes("tls"),
      dkim: scenario.needs.includes("dkim"),
      ...(setting.cpus === null ? {} : { cpus: setting.cpus }),
    });
    const stage = { running, sink, scenario, setting };
    const own = process.cpuUsage();
    const figures = await load(stage);
    const { user, system } = process.cpuUsage(own);
    const foreign = (figures.foreignSeconds - (user + system) / 1e6) / figures.seconds;
    return {
      ...figures,
      foreign,
      peakMegabytes: running.party.peakMemoryOctets() / 1_048_576,
      startSeconds: running.startSeconds,
    };
  } finally {
    await sink.stop();
  }
}

interface Stage {
  readonly running: RunningPeer;
  readonly sink: CountingSink;
  readonly scenario: Scenario;
  readonly setting: Setting;
}

type Measured = Omit<Figures, "foreign" | "peakMegabytes" | "startSeconds"> & {
  readonly foreignSeconds: number;
  readonly seconds: number;
};

async function load(stage: Stage): Promise<Measured> {
  const { kind, needs } = stage.scenario;
  if (kind === "idle") return await idleSessions(stage);
  return kind === "relay" && !needs.includes("tls") ? await relayLoad(stage) : await clientLoad(stage);
}

/** As many as a relay does in `wanted` seconds that did `done` in `seconds`. */
function countFor(wanted: number, done: number, seconds: number): number {
  return Math.max(firstCount, Math.round((done / seconds) * wanted));
}

async function relayLoad({ running, sink, scenario, setting }: Stage): Promise<Measured> {
  const { sizeOctets, keepSessions } = scenario;
  const load = (count: number): Load => ({
    port: running.port,
    sessions: setting.sessions,
    count,
    sizeOctets,
    keepSessions,
  });
  const warm = async (count: number): Promise<number> => {
    const sunk = sink.count();
    const beginning = performance.now();
    await generate(load(count));
    await sink.reaches(sunk + count);
    return (performance.now() - beginning) / 1000;
  };
  const firstSeconds = await warm(firstCount);
  const warmCount = countFor(setting.warmSeconds, firstCount, firstSeconds);
  const warmSeconds = await warm(warmCount);
  await settle();
  const count = countFor(setting.seconds, warmCount, warmSeconds);
  const before = { sunk: sink.count(), cpu: running.party.cpuSeconds(), sink: sink.party.cpuSeconds() };
  running.party.watchMemory();
  const busy = machineBusySeconds();
  const beginning = performance.now();
  const generated = await generate(load(count));
  const accepted = performance.now();
  const complete = await sink.reaches(before.sunk + count);
  const end = performance.now();
  const busySeconds = machineBusySeconds() - busy;
  const duringSeconds = running.party.cpuSeconds() - before.cpu + (sink.party.cpuSeconds() - before.sink);
  await settle();
  const seconds = (end - beginning) / 1000;
  const cpuSeconds = running.party.cpuSeconds() - before.cpu;
  const exact = generated.ok && sink.count() - before.sunk === count;
  const perSecond = Math.max(firstCount, Math.round(count / seconds));
  const calls = setting.countsCalls ? await running.party.systemCalls(async () => await warm(perSecond)) : NaN;
  return {
    ...NOT_MEASURED,
    systemCalls: calls / perSecond,
    rate: complete ? count / seconds : NaN,
    acceptRate: count / ((accepted - beginning) / 1000),
    cpuPerThousand: (cpuSeconds / count) * 1000,
    exact,
    count,
    seconds,
    foreignSeconds: busySeconds - duringSeconds - generated.cpuSeconds,
  };
}

const NOT_MEASURED = { p50: NaN, p99: NaN, p999: NaN, systemCalls: NaN, idleMegabytes: NaN } as const;

function taskOf({ running, scenario, setting }: Stage, mode: ClientTask["mode"], count: number): ClientTask {
  const { sizeOctets, keepSessions, needs } = scenario;
  return {
    port: running.port,
    sessions: setting.sessions,
    count,
    sizeOctets,
    keepSessions,
    mode,
    tls: needs.includes("tls"),
    auth: needs.includes("auth"),
    source: mode === "refuse" ? "127.0.0.2" : "127.0.0.1",
  };
}

/** What many sessions take that only stay. */
async function idleSessions(stage: Stage): Promise<Measured> {
  const { running, scenario } = stage;
  const sessions = scenario.idle ?? 0;
  // A few come and go first: what is loaded with the first of them is not theirs.
  await runClient(taskOf(stage, "idle", 10));
  const before = { memory: running.party.memoryOctets(), cpu: running.party.cpuSeconds() };
  running.party.watchMemory();
  const result = await runClient(taskOf(stage, "idle", sessions));
  const peakOctets = running.party.peakMemoryOctets();
  if (result.faults > 0) process.stderr.write(`  ${result.faults} faults, the first: ${result.firstFault}\n`);
  return {
    ...NOT_MEASURED,
    rate: NaN,
    acceptRate: NaN,
    cpuPerThousand: ((running.party.cpuSeconds() - before.cpu) / sessions) * 1000,
    idleMegabytes: (peakOctets - before.memory) / 1_048_576,
    exact: result.faults === 0 && result.done === sessions,
    count: sessions,
    seconds: result.seconds,
    foreignSeconds: NaN,
  };
}

async function clientLoad(stage: Stage): Promise<Measured> {
  const { running, sink, scenario, setting } = stage;
  const refusing = scenario.kind === "refuse";
  const task = (count: number): ClientTask => taskOf(stage, refusing ? "refuse" : "send", count);
  const first = await runClient(task(firstCount));
  const warm = await runClient(task(countFor(setting.warmSeconds, first.done, first.seconds)));
  if (!refusing) await sink.reaches(first.done + warm.done);
  await settle();
  const count = countFor(setting.seconds, warm.done, warm.seconds);
  const before = { sunk: sink.count(), cpu: running.party.cpuSeconds(), sink: sink.party.cpuSeconds() };
  running.party.watchMemory();
  const busy = machineBusySeconds();
  const result = await runClient(task(count));
  const busySeconds = machineBusySeconds() - busy;
  const duringSeconds = running.party.cpuSeconds() - before.cpu + (sink.party.cpuSeconds() - before.sink);
  if (!refusing) await sink.reaches(before.sunk + count);
  await settle();
  if (result.faults > 0) process.stderr.write(`  ${result.faults} faults, the first: ${result.firstFault}\n`);
  const cpuSeconds = running.party.cpuSeconds() - before.cpu;
  const sunk = sink.count() - before.sunk;
  const perSecond = Math.max(firstCount, Math.round(result.done / result.seconds));
  const calls = setting.countsCalls
    ? await running.party.systemCalls(async () => await runClient(task(perSecond)))
    : NaN;
  return {
    ...NOT_MEASURED,
    systemCalls: calls / perSecond,
    rate: result.done / result.seconds,
    acceptRate: result.done / result.seconds,
    cpuPerThousand: (cpuSeconds / count) * 1000,
    p50: result.p50,
    p99: result.p99,
    p999: result.p999,
    exact: result.faults === 0 && result.done === count && sunk === (refusing ? 0 : count),
    count,
    seconds: result.seconds,
    foreignSeconds: busySeconds - duringSeconds - result.cpuSeconds,
  };
}
