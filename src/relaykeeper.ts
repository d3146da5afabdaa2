/** The composition root: a configuration becomes a relay that can be started and stopped. Plain construction, from the disk upwards. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { Backups } from "./backup.ts";
import type { Config } from "./config.ts";
import { isBug } from "./core/base/assert.ts";
import type { Limits } from "./core/base/limits.ts";
import { err, ok, type Result } from "./core/base/result.ts";
import type { Domain } from "./core/mail/domain.ts";
import { createQueueIds } from "./core/queue/queue-ids.ts";
import { openConsole, type Console } from "./adapters/console/console.ts";
import { ControlServer } from "./adapters/control/server.ts";
import { openJournal, type ClosableJournal } from "./adapters/journal-sqlite/journal.ts";
import { MimeComposer } from "./adapters/mime/composer.ts";
import { readAttachment } from "./adapters/node/attachment.ts";
import { pause, systemClock } from "./adapters/node/clock.ts";
import { createCryptography } from "./adapters/node/cryptography.ts";
import { memoryOctets, processorMeter } from "./adapters/node/machine.ts";
import { Descriptors } from "./adapters/node/descriptors.ts";
import { createOwnHost } from "./adapters/node/own-host.ts";
import { systemRandom } from "./adapters/node/random.ts";
import { openSealingKey } from "./adapters/node/sealing-key.ts";
import { createListeners, type ListenersOptions, type SmtpListeners } from "./adapters/smtp-server/listeners.ts";
import { describeOpenFault, openStore, type Store } from "./adapters/store-sqlite/store.ts";
import { Certificates } from "./adapters/tls/certificates.ts";
import { CertificateWatch } from "./adapters/tls/watch.ts";
import { PolicyKeeper } from "./flows/administer.ts";
import { Credentials } from "./flows/credentials.ts";
import { RouteChecker } from "./flows/check-route.ts";
import { Deliverer } from "./flows/deliver.ts";
import { Explainer } from "./flows/explain.ts";
import type { StsKeeper } from "./flows/keep-sts-policies.ts";
import { measure } from "./flows/measure.ts";
import type { Operations, ServerStatus } from "./flows/operations.ts";
import { applyPolicy } from "./flows/policy-file.ts";
import { Receiver } from "./flows/receive.ts";
import { Recorder } from "./flows/record.ts";
import { TlsReporter, type TlsReporterOptions } from "./flows/report-tls.ts";
import { SnapshotSaver } from "./flows/save-snapshots.ts";
import { Server } from "./flows/serve.ts";
import { Submitter } from "./flows/submit.ts";
import { UseAccount } from "./flows/use-account.ts";
import { RecipientVerifier, type RecipientVerifierOptions } from "./flows/verify-recipients.ts";
import { openOutbound, type Outbound } from "./outbound.ts";

/** Lines for developers and operators; one sentence each, never content of mail, never a secret. */
export interface Log {
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
}

export interface Surroundings {
  readonly log: Log;
  readonly pid: number;
  /** Of the program, as in package.json. */
  readonly version: string;
  /** A promise of our own code is broken: the process must end. The queue is recovered at the next start. */
  readonly crash: (fault: unknown) => void;
}

export interface Relaykeeper {
  /** Opens everything, the listeners last. The fault is a sentence for the operator; `stop` then lets go of what was opened. */
  start(): Promise<Result<void, string>>;
  /** Listeners, transactions (with a deadline), queue, journal, store, in that order. */
  stop(): Promise<void>;
  /** Re-reads certificates. */
  reload(): Promise<Result<void, string>>;
  status(): ServerStatus;
  readonly operations: Operations;
  readonly controlSocket: string;
}

const OPERATOR = "*SYSTEM";
/** What sessions and deliveries under way are given at the end, each. */
const STOP_DEADLINE_MS = 5_000;

/** Builds the house from the disk upwards. Holds the data directory from here until `stop`. */
export async function assemble(config: Config, around: Surroundings): Promise<Result<Relaykeeper, string>> {
  const { log } = around;
  const clock = systemClock;
  const { dataDirectory, limits } = config;
  const opened = await openStore({ dataDirectory, limits, clock, report: (text) => log.error(text) });
  if (!opened.ok) return err(describeOpenFault(opened.error, dataDirectory));
  const store = opened.value;
  const letGo = async (fault: string): Promise<Result<never, string>> => {
    await store.close();
    return err(fault);
  };
  const key = await openSealingKey(dataDirectory);
  if (!key.ok) return await letGo(key.error);
  const hostname: string = config.hostname;
  const certificates = await Certificates.open({ files: config.tls, dataDirectory, hostname }, clock);
  if (!certificates.ok) return await letGo(certificates.error);
  try {
    const journal = await openJournal({
      file: join(dataDirectory, "journal.db"),
      limits,
      clock,
      onFault: (text) => log.error(text),
    });
    const parts = { store, sealingKey: key.value, certificates: certificates.value, journal };
    return ok(await furnish({ config, around, ...parts, backups: new Backups({ dataDirectory, store, journal }) }));
  } catch (fault) {
    return await letGo(fault instanceof Error ? fault.message : String(fault));
  }
}

interface Furniture {
  readonly config: Config;
  readonly around: Surroundings;
  readonly store: Store;
  readonly sealingKey: Uint8Array;
  readonly certificates: Certificates;
  readonly journal: ClosableJournal;
  readonly backups: Backups;
}

/** What is opened is put together; nothing runs yet. */
async function furnish(parts: Furniture): Promise<Relaykeeper> {
  const { config, around, store, certificates, journal, backups } = parts;
  const { delivery, hostname } = config;
  const limits = withinMemory(config.limits, memoryOctets());
  const clock = systemClock;
  const random = systemRandom();
  const cryptography = createCryptography(parts.sealingKey);
  const nextQueueId = createQueueIds(clock, store.highestQueueId);
  const recorder = new Recorder({
    journal,
    clock,
    limits,
    keepsPasses: () => keeper.attributes().JOURNAL === "*YES",
  });
  const use = await UseAccount.open({
    store: store.uses,
    clock,
    entriesMax: limits.policyEntries,
    exists: (id) => keeper.entry(id) !== null,
    onFault: (fault) => around.log.error(`use of entries cannot be saved: ${describe(fault)}`),
  });
  const keeper = await PolicyKeeper.open({
    log: store.policyLog,
    snapshots: store.policySnapshots,
    clock,
    pause,
    limits,
    localDomains: config.localDomains,
    use: (id) => use.use(id),
    record: (event) => recorder.policy(event),
  });
  const descriptors = new Descriptors();
  const warn = (text: string): void => around.log.warn(text);
  const sealingDomain = (): Domain | null => keeper.attributes().ARCDMN;
  const towardsNextHops = {
    ...{ config, limits, clock, random, cryptography },
    ...{ recorder, store, descriptors, sealingDomain, warn },
    version: around.version,
  };
  const outbound = await openOutbound(towardsNextHops);
  const { resolver, web, dkim, oauth, stsPolicies, tls, transport, prober, recipientProber, signer } = outbound;
  const composer = new MimeComposer();
  const deliverer = new Deliverer({
    hostname,
    delivery,
    ...tls,
    limits,
    clock,
    random,
    spool: store.spool,
    transport,
    signer,
    ...{ resolver, cryptography, recorder, use, composer },
    accounts: oauth,
    own: createOwnHost({ hostname, clock, bound: () => listeners.state().map(({ bound }) => bound) }),
    policy: keeper,
    nextQueueId,
  });
  const inbound = {
    hostname,
    policy: keeper,
    recorder,
    use,
    spool: store.spool,
    queue: deliverer,
    queuedMessages: () => deliverer.queued,
    nextQueueId,
    clock,
    limits,
  };
  const verifier = verifierOf(config, { ways: deliverer.ways, prober: recipientProber, clock, limits });
  const tlsReporter = reporterOf(config, outbound.tlsReports, { ...inbound, resolver, random, packer: composer });
  const receiver = new Receiver({
    ...inbound,
    postmasterDomain: config.localDomains[0] ?? hostname,
    credentials: new Credentials(store.users, cryptography, clock, limits),
    resolver,
    verifier,
    report: (fault) => around.log.error(describe(fault)),
    crash: around.crash,
  });
  const listeners = createListeners({
    receiver,
    listeners: listenersOf(config, certificates),
    clock,
    bindAddresses: () =>
      keeper.entries("*SVRBIND").flatMap(({ value }) => (value.kind === "address" ? [value.address] : [])),
    reloadTls: () => certificates.reload(),
    leavesDescriptors: (socket) => descriptors.leaves(limits.spareDescriptors, socket),
    report: (text) => around.log.warn(text),
  });
  const server = new Server({
    facts: {
      pid: around.pid,
      version: around.version,
      hostname,
      deliveryMode: delivery.mode,
      dataDirectory: config.dataDirectory,
      localDomains: config.localDomains,
    },
    clock,
    listeners,
    meter: processorMeter,
    connectionsOut: () => transport.connections(),
    certificate: certificates,
    warnings: () => [...warningsOf(config, store, certificates), ...outbound.warnings(keeper)],
    recordOperation: (by, text) => recorder.operation({ at: clock.now(), by, text }),
  });
  const operations: Operations = {
    policy: keeper,
    explain: new Explainer({ policy: keeper, clock, verifier }),
    queue: deliverer,
    submit: new Submitter(inbound),
    journal,
    users: store.users,
    ...{ dkim, oauth, tlsReports: tlsReporter },
    routes: new RouteChecker({ hostname, clock, ways: deliverer.ways, prober }),
    cryptography,
    server,
    composer,
    readAttachment,
    now: () => clock.now(),
    pause,
  };
  const control = new ControlServer({
    operations,
    checkStore: () => store.spool.check(),
    backup: (directory, withKey) => backups.make(directory, withKey),
    serveSession: (stream: Duplex) => listeners.serveStream(stream),
    onFault: (fault, request) => {
      around.log.error(`${request}: ${describe(fault)}`);
      if (isBug(fault)) around.crash(fault);
    },
    memory: receiver.budget,
  });
  return new House({
    config,
    around,
    store,
    journal,
    recorder,
    use,
    snapshots: saverOf(keeper, store, around.log),
    deliverer,
    resolver,
    recipientProber,
    web,
    stsPolicies,
    tlsReporter,
    server,
    listeners,
    control,
    backups,
    certificateWatch: watchOf(certificates, around.log),
    operations,
  });
}

function reporterOf(
  { hostname, tlsReports: party }: Config,
  made: Outbound["tlsReports"],
  parts: Omit<TlsReporterOptions, "counter" | "poster" | "party">,
): TlsReporter | null {
  return party === null || made === null ? null : new TlsReporter({ ...parts, ...made, party: { hostname, ...party } });
}

function listenersOf({ listeners }: Config, certificates: Certificates): ListenersOptions["listeners"] {
  return listeners.map(({ configured, allowBareLf, proxyProtocolFrom, ...listener }) => ({
    ...listener,
    address: configured,
    bareLf: allowBareLf,
    proxyFrom: proxyProtocolFrom,
    secureContext: certificates.door(),
  }));
}

function watchOf(certificates: Certificates, log: Log): CertificateWatch {
  const info = (text: string): void => log.info(text);
  return new CertificateWatch({ certificates, clock: systemClock, info, warn: (text) => log.warn(text) });
}

function verifierOf({ delivery }: Config, options: RecipientVerifierOptions): RecipientVerifier | null {
  return delivery.verifyRecipients ? new RecipientVerifier(options) : null;
}

function saverOf(policy: PolicyKeeper, { policySnapshots: snapshots }: Store, log: Log): SnapshotSaver {
  const onFault = (fault: unknown): void => log.warn(`the policy cannot be kept as a snapshot: ${describe(fault)}`);
  return new SnapshotSaver({ policy, snapshots, clock: systemClock, onFault });
}

interface HouseParts {
  readonly config: Config;
  readonly around: Surroundings;
  readonly store: Store;
  readonly journal: ClosableJournal;
  readonly recorder: Recorder;
  readonly use: UseAccount;
  readonly snapshots: SnapshotSaver;
  readonly deliverer: Deliverer;
  readonly resolver: { close(): void };
  readonly recipientProber: { close(): void };
  readonly web: { close(): void };
  readonly stsPolicies: StsKeeper;
  readonly tlsReporter: TlsReporter | null;
  readonly server: Server;
  readonly listeners: SmtpListeners;
  readonly control: ControlServer;
  readonly backups: Backups;
  readonly certificateWatch: CertificateWatch;
  readonly operations: Operations;
}

/** What runs, in the order in which it begins and ends. */
class House implements Relaykeeper {
  readonly operations: Operations;
  readonly controlSocket: string;
  readonly #parts: HouseParts;
  #console: Console | null = null;
  #recovery: Promise<void> = Promise.resolve();

  constructor(parts: HouseParts) {
    this.#parts = parts;
    this.operations = parts.operations;
    this.controlSocket = join(parts.config.dataDirectory, "control.sock");
  }

  async start(): Promise<Result<void, string>> {
    const { config, recorder, use, snapshots, deliverer, server, control, around } = this.#parts;
    const begun = await this.#applyInitialPolicy();
    if (!begun.ok) return begun;
    recorder.start();
    use.start();
    snapshots.start();
    this.#parts.stsPolicies.start();
    this.#parts.certificateWatch.start();
    this.#recovery = deliverer.start().catch((fault: unknown) => around.crash(fault));
    this.#parts.tlsReporter?.start();
    const controlled = await control.open(this.controlSocket);
    if (!controlled.ok) return controlled;
    if (config.console.address !== null) {
      const opened = await openConsole(
        config.console.address,
        () => this.#health(),
        () => measure(this.operations),
      );
      if (!opened.ok) return opened;
      this.#console = opened.value;
    }
    if (this.operations.policy.attributes().AUTOSTART === "*YES") return await server.start(OPERATOR);
    around.log.warn("SMTP is not started: AUTOSTART(*NO). STRTCPSVR SERVER(*SMTP) starts it");
    return ok(undefined);
  }

  async stop(): Promise<void> {
    this.#parts.backups.stop();
    const { server, control, deliverer, use, snapshots, recorder, journal, store } = this.#parts;
    await server.stop(OPERATOR, STOP_DEADLINE_MS);
    await control.close();
    await this.#console?.close();
    this.#parts.recipientProber.close();
    this.#parts.web.close();
    await deliverer.stop(STOP_DEADLINE_MS);
    await this.#parts.tlsReporter?.stop();
    await this.#recovery;
    await this.#parts.stsPolicies.stop();
    this.#parts.resolver.close();
    await this.#parts.certificateWatch.stop();
    await use.stop();
    await snapshots.stop();
    recorder.stop();
    await journal.close();
    await store.close();
  }

  async reload(): Promise<Result<void, string>> {
    return await this.#parts.listeners.reloadTls();
  }

  status(): ServerStatus {
    return this.operations.server.status();
  }

  /** The file of a new data directory, applied whole or not at all: version 0 is a policy nobody changed yet. */
  async #applyInitialPolicy(): Promise<Result<void, string>> {
    const { config, around } = this.#parts;
    const file = config.policy.initial;
    if (file === null || this.operations.policy.version() > 0) return ok(undefined);
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (fault) {
      return err(`the initial policy cannot be read: ${describe(fault)}`);
    }
    const applied = await applyPolicy(this.operations, text, "initial", false);
    const said = applied.messages.map((message) => message.text).join(" ");
    if (!applied.ok) return err(`the initial policy ${file} is refused: ${said}`);
    around.log.info(`initial policy ${file}: ${said}`);
    return ok(undefined);
  }

  #health(): { readonly live: boolean; readonly ready: boolean } {
    return { live: true, ready: this.status().active && this.#parts.store.broken() === null };
  }
}

/** The limits of a machine or control group with so much memory: content may have a part of it, whatever the file says. */
function withinMemory(limits: Limits, octets: number): Limits {
  return {
    ...limits,
    memoryOctets: Math.min(limits.memoryOctets, Math.floor(octets / 10)),
    queueMemoryOctets: Math.min(limits.queueMemoryOctets, Math.floor(octets / 20)),
  };
}

function warningsOf(config: Config, store: Store, certificates: Certificates): readonly string[] {
  const broken = store.broken();
  return [
    ...config.warnings,
    ...certificates.warnings(),
    ...(broken === null ? [] : [`storage failed, no mail is taken: ${broken}`]),
  ];
}

function describe(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
