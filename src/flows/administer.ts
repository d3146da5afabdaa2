import { err, ok, type Result } from "../core/base/result.ts";
import type { Steps } from "../core/base/steps.ts";
import type { Instant } from "../core/base/time.ts";
import type { Domain } from "../core/mail/domain.ts";
import { analyse, analyseEntry } from "../core/policy/analyse.ts";
import { applyChange, applyInSteps, inverseChange, replacement, type Changed } from "../core/policy/change.ts";
import { describeChange } from "../core/policy/change-words.ts";
import { emptyPolicy, networksOf, type CompiledPolicy, type PolicySettings } from "../core/policy/compile.ts";
import type { Finding } from "../core/policy/finding.ts";
import { wideOpening } from "../core/policy/opening.ts";
import type {
  Attributes,
  Entry,
  EntryId,
  EntryValue,
  ListName,
  PolicyChange,
  PolicyHead,
  PolicyRecord,
} from "../core/policy/policy.ts";
import { relayFigures, type RelayFigures } from "../core/policy/relay-figures.ts";
import { decodeSnapshot, type NewestChange, type Snapshot } from "../core/policy/snapshot.ts";
import { InTurn } from "./in-turn.ts";
import type { ChangeAnswer, ChangeRefusal, ChangeRequest, PolicyOperations } from "./operations.ts";
import type { Clock, EntryUse, PolicyLog, PolicySnapshots } from "./ports.ts";
import { inSlices } from "./slices.ts";

export interface PolicyKeeperOptions {
  readonly log: PolicyLog;
  /** Where there is one, a start folds only what the log has beyond it. */
  readonly snapshots?: Pick<PolicySnapshots, "load">;
  readonly clock: Pick<Clock, "now">;
  /** Lets everything else have its turn; long work takes it now and then. */
  readonly pause?: () => Promise<void>;
  readonly limits: { readonly policyEntries: number };
  readonly localDomains: readonly Domain[];
  /** Use of an entry, null where it was never used. */
  readonly use: (id: EntryId) => EntryUse | null;
  /** Tells the journal of a change that is on stable storage and in force. */
  readonly record: (event: PolicyEvent) => void;
}

/** A change as the journal keeps it: what was typed, and what it means. */
interface PolicyEvent {
  readonly at: Instant;
  readonly version: number;
  readonly by: string;
  readonly command: string;
  readonly meaning: string;
}

/** What undo needs to know of the newest change: its inverse, or what was before it, or else the log says it. */
interface Newest extends NewestChange {
  readonly before: CompiledPolicy | null;
}

/** Figures of a list, as long as they hold. */
interface KnownFigures {
  readonly policy: CompiledPolicy;
  readonly at: Instant;
  readonly figures: RelayFigures;
}

/** Records that are in memory at once while the log is read. */
const RECORDS_AT_ONCE = 1_000;

/**
 * Keeps the policy: the fold of its log. A change is judged against the present version, appended to the log, and only then in force, by one
 * swap of one reference. Changes come one after the other; what the log holds already comes first (law 2, contract rule 10).
 */
export class PolicyKeeper implements PolicyOperations {
  readonly #options: PolicyKeeperOptions;
  readonly #settings: PolicySettings;
  #policy: CompiledPolicy;
  #newest: Newest | null = null;
  #snapshotVersion = 0;
  readonly #figures = new Map<ListName, KnownFigures>();
  /** Settles when the change before the next one has ended. */
  readonly #turn = new InTurn();
  readonly #listeners = new Set<(policy: CompiledPolicy) => void>();

  private constructor(options: PolicyKeeperOptions) {
    this.#options = options;
    this.#settings = { localDomains: options.localDomains, entriesMax: options.limits.policyEntries };
    this.#policy = emptyPolicy(this.#settings);
  }

  /** Reads snapshot and log. Throws where the log cannot be read, or where it is no history: a policy is never guessed. */
  static async open(options: PolicyKeeperOptions): Promise<PolicyKeeper> {
    const keeper = new PolicyKeeper(options);
    await keeper.#restore();
    await keeper.#follow();
    return keeper;
  }

  /** The version of this moment. Whoever holds it is judged by it. */
  compiled(): CompiledPolicy {
    return this.#policy;
  }

  /** Calls `listener` after every change, with the new version; returns what ends that. */
  onChange(listener: (policy: CompiledPolicy) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  version(): number {
    return this.#policy.version;
  }

  attributes(): Attributes {
    return this.#policy.attributes;
  }

  entries(list?: ListName): readonly Entry[] {
    return Array.from(this.#policy.entries(list));
  }

  walk(list?: ListName): Iterable<Entry> {
    return this.#policy.entries(list);
  }

  entry(id: EntryId): Entry | null {
    return this.#policy.entry(id);
  }

  find(list: ListName, value: EntryValue): Entry | null {
    const id = this.#policy.find(list, value);
    return id === null ? null : this.entry(id);
  }

  use(id: EntryId): EntryUse | null {
    return this.#options.use(id);
  }

  analyse(): Promise<readonly Finding[]> {
    return this.#inSlices(analyse(this.#policy, this.#options.clock.now()));
  }

  covering(list: ListName, value: EntryValue): Entry | null {
    if (value.kind !== "network") return null;
    const now = this.#options.clock.now();
    const policy = this.#policy;
    let found: EntryId | null = null;
    networksOf(policy, list)?.covering(value.network, (id) => {
      if (policy.table.endOf(id) > now) found = id;
      return found === null;
    });
    return found === null ? null : policy.entry(found);
  }

  async relayFigures(list: "*ACCEPT" | "*NEAR"): Promise<RelayFigures> {
    const now = this.#options.clock.now();
    const known = this.#figures.get(list);
    const policy = this.#policy;
    if (known?.policy === policy && now >= known.at && now < known.figures.until) return known.figures;
    const figures = await this.#inSlices(relayFigures(policy, list, now));
    this.#figures.set(list, { policy, at: now, figures });
    return figures;
  }

  /** The newest first. */
  async history(limit: number): Promise<readonly PolicyHead[]> {
    const heads = await this.#options.log.heads(Math.max(1, this.#policy.version - limit + 1));
    return heads.slice(-limit).reverse();
  }

  async preview(request: ChangeRequest): Promise<Result<ChangeAnswer, ChangeRefusal>> {
    const judged = await this.#judge(this.#policy, request, this.#options.clock.now());
    return judged.ok ? ok(await this.#answer(request.change, judged.value)) : judged;
  }

  change(request: ChangeRequest): Promise<Result<ChangeAnswer, ChangeRefusal>> {
    return this.#turn.run(() => this.#change(request));
  }

  /**
   * Takes the newest change back, as a change of its own: undone twice, it is done again. An entry that had been removed comes back with a new
   * number. null where nothing was ever changed.
   */
  undo(by: string, confirmed: boolean): Promise<Result<ChangeAnswer, ChangeRefusal> | null> {
    return this.#turn.run(async () => {
      if (this.#newest === null) return null;
      const change = this.#newest.inverse ?? (await this.#inverseOfReplace(this.#newest));
      const command = `UNDSMTPCHG${confirmed ? " CONFIRM(*YES)" : ""} /* version ${this.version()} */`;
      return await this.#change({ change, command, by, confirmed });
    });
  }

  async #change(request: ChangeRequest): Promise<Result<ChangeAnswer, ChangeRefusal>> {
    const at = this.#options.clock.now();
    const judged = await this.#judge(this.#policy, request, at);
    if (!judged.ok) return judged;
    const { change, command, by } = request;
    const changed = judged.value;
    const record = { version: changed.policy.version, at, by, command, change };
    const appended = await this.#options.log.append(record);
    if (!appended.ok) {
      await this.#follow();
      return err({ kind: "conflict", version: this.version(), by: this.#newest?.by ?? "" });
    }
    this.#swap(changed.policy, record);
    const meaning = describeChange(change, changed);
    this.#options.record({ at, version: record.version, by, command, meaning });
    return ok(await this.#answer(change, changed));
  }

  /** What the change would make of the policy, or why it is refused. */
  async #judge(
    policy: CompiledPolicy,
    { change, by, confirmed }: ChangeRequest,
    now: Instant,
  ): Promise<Result<Changed, ChangeRefusal>> {
    const changed = await this.#inSlices(applyInSteps(policy, change, { at: now, by }));
    if (!changed.ok || confirmed) return changed;
    const opening = await this.#inSlices(wideOpening(policy, changed.value.policy, now));
    return opening === null ? changed : err({ kind: "needs-confirmation", ...opening });
  }

  async #answer(change: PolicyChange, { policy, entry }: Changed): Promise<ChangeAnswer> {
    const now = this.#options.clock.now();
    const { version } = policy;
    if (change.kind === "replace")
      return { version, entry: null, findings: await this.#inSlices(analyse(policy, now)) };
    const stays = entry !== null && change.kind !== "remove-entry";
    return { version, entry, findings: stays ? analyseEntry(policy, entry, now) : [] };
  }

  #inSlices<R>(steps: Steps<R>): Promise<R> {
    const { clock, pause = async () => undefined } = this.#options;
    return inSlices({ now: () => clock.now(), pause }, steps);
  }

  /** The present policy, as a later start may take it over. */
  snapshot(): Snapshot {
    this.#snapshotVersion = this.version();
    return { policy: this.#policy, newest: this.#newest && { by: this.#newest.by, inverse: this.#newest.inverse } };
  }

  /** Changes that are in no snapshot. */
  get changesSinceSnapshot(): number {
    return this.version() - this.#snapshotVersion;
  }

  async #restore(): Promise<void> {
    const octets = await this.#options.snapshots?.load();
    const snapshot = octets == null ? null : decodeSnapshot(octets, this.#settings);
    if (snapshot === null) return;
    this.#policy = snapshot.policy;
    this.#newest = snapshot.newest && { ...snapshot.newest, before: null };
    this.#snapshotVersion = snapshot.policy.version;
  }

  /** Takes over what the log has beyond the present version: at the beginning all of it, after a conflict what another did. */
  async #follow(): Promise<void> {
    await this.#fold(this.#policy, Infinity, (policy, record) => this.#swap(policy, record));
  }

  /** The policy of version `last`, or the last one there is, from an earlier one on; `step` hears of each version between. */
  async #fold(
    from: CompiledPolicy,
    last: number,
    step: (policy: CompiledPolicy, record: PolicyRecord) => void = () => undefined,
  ): Promise<CompiledPolicy> {
    let policy = from;
    for (;;) {
      const records = await this.#options.log.read(
        policy.version + 1,
        Math.min(RECORDS_AT_ONCE, last - policy.version),
      );
      for (const record of records) {
        policy = applyRecord(policy, record);
        step(policy, record);
      }
      if (records.length < RECORDS_AT_ONCE) return policy;
    }
  }

  #swap(policy: CompiledPolicy, { by, change }: PolicyRecord): void {
    const before = this.#policy;
    const inverse = change.kind === "replace" ? null : inverseChange(before, change, policy);
    this.#newest = { by, inverse, before: inverse === null ? before : null };
    this.#policy = policy;
    for (const listener of this.#listeners) listener(policy);
  }

  async #inverseOfReplace({ before }: Newest): Promise<PolicyChange> {
    const replaced = before ?? (await this.#fold(emptyPolicy(this.#settings), this.version() - 1));
    return replacement(replaced);
  }
}

/** The policy after a record of the log, which was judged when it was appended. */
function applyRecord(policy: CompiledPolicy, { version, at, by, change }: PolicyRecord): CompiledPolicy {
  const changed = applyChange(policy, change, { at, by });
  if (version === policy.version + 1 && changed.ok) return changed.value.policy;
  const why = changed.ok ? `it follows version ${policy.version}` : changed.error.kind;
  throw new Error(`The policy log is damaged at version ${version}: ${why}`);
}
