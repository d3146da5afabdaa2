import { BoundedMap } from "../core/base/bounded-map.ts";
import type { Limits } from "../core/base/limits.ts";
import { err, type Result } from "../core/base/result.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, type Instant } from "../core/base/time.ts";
import { parseDomain, type Domain } from "../core/mail/domain.ts";
import {
  parseStsPolicy,
  parseStsRecord,
  type StsPolicy,
  type KeptStsPolicy,
  type StsFetchFault,
} from "../core/tls-policy/sts.ts";
import { InTurn } from "./in-turn.ts";
import type { Clock, Resolver, StsPolicies, StsPolicyFetcher, StsPolicyStore, Timer, TlsResults } from "./ports.ts";

export interface StsKeeperOptions {
  readonly clock: Clock;
  readonly resolver: Pick<Resolver, "txt">;
  readonly fetcher: StsPolicyFetcher;
  readonly store: StsPolicyStore;
  readonly tlsResults: TlsResults;
  readonly limits: Pick<Limits, Extract<keyof Limits, `sts${string}`>>;
  /** A policy could not be written or removed: it is fetched again after a restart. */
  readonly onFault: (fault: unknown) => void;
}

interface Kept {
  readonly stored: KeptStsPolicy;
  readonly policy: StsPolicy;
  isUsed: boolean;
}

/** A policy is fetched again after a day, or half its life, so that it never ends while its domain is there (RFC 8461 §3.3). */
const REFRESH_MS = DAY_MS;
const SWEEP_MS = HOUR_MS;
/** A domain whose policy cannot be had is left alone for so long (RFC 8461 §3.3). */
const REST_MS = 5 * MINUTE_MS;
const RESTING_MAX = 10_000;

/**
 * The policies of MTA-STS: found by mail that goes to their domains, kept as long as they say, fetched again ahead of their end. A policy
 * that is kept counts whatever becomes of its record or its web server: who can take those away gains nothing (RFC 8461 §5.1, §10.2).
 */
export class StsKeeper implements StsPolicies {
  readonly #options: StsKeeperOptions;
  /** In the order of use. */
  readonly #kept = new Map<Domain, Kept>();
  readonly #flights = new Map<Domain, Promise<StsPolicy | null>>();
  readonly #resting = new BoundedMap<Domain, Instant>(RESTING_MAX);
  #octets = 0;
  #fetches = 0;
  readonly #writes = new InTurn();
  #timer: Timer | null = null;

  private constructor(options: StsKeeperOptions) {
    this.#options = options;
  }

  static async open(options: StsKeeperOptions): Promise<StsKeeper> {
    const keeper = new StsKeeper(options);
    const stored = [...(await options.store.load())].sort((a, b) => a.fetchedAt - b.fetchedAt);
    for (const one of stored) {
      const parsed = parseStsPolicy(one.text);
      if (parsed.ok) keeper.#keep({ stored: one, policy: parsed.value, isUsed: true });
      else keeper.#write(() => options.store.remove(one.domain));
    }
    return keeper;
  }

  /** Policies kept now. */
  get size(): number {
    return this.#kept.size;
  }

  start(): void {
    this.#timer = this.#options.clock.after(SWEEP_MS, () => {
      void this.sweep().finally(() => {
        if (this.#timer !== null) this.start();
      });
    });
  }

  /** Resolves when what is to be kept is written. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    await this.#writes.idle();
  }

  async policyOf(domain: Domain): Promise<StsPolicy | null> {
    const kept = this.#live(domain);
    const looking = this.#look(domain);
    const policy = kept === null ? await this.#inTime(looking) : kept.policy;
    return policy?.mode === "none" ? null : policy;
  }

  /** Forgets what ended, and fetches again what was used since it was fetched and is due. */
  async sweep(): Promise<void> {
    for (const domain of [...this.#kept.keys()]) {
      const kept = this.#kept.get(domain);
      if (kept === undefined) continue;
      if (this.#hasEnded(kept)) this.#drop(domain);
      else if (kept.isUsed && this.#isDue(kept)) await this.#look(domain);
    }
  }

  // --- looking ----------------------------------------------------------------------------------------------------------

  /** What is known within the time that mail waits. */
  async #inTime(looking: Promise<StsPolicy | null>): Promise<StsPolicy | null> {
    const { clock, limits } = this.#options;
    return await new Promise((resolve) => {
      const timer = clock.after(limits.stsWaitMs, () => resolve(null));
      void looking.then((policy) => {
        timer.cancel();
        resolve(policy);
      });
    });
  }

  /** One look at a domain at a time. */
  #look(domain: Domain): Promise<StsPolicy | null> {
    const flight = this.#flights.get(domain);
    if (flight !== undefined) return flight;
    const looking = this.#find(domain).finally(() => this.#flights.delete(domain));
    this.#flights.set(domain, looking);
    return looking;
  }

  async #find(domain: Domain): Promise<StsPolicy | null> {
    const name = parseDomain(`_mta-sts.${domain}`);
    if (!name.ok) return null;
    const answer = await this.#options.resolver.txt(name.value);
    const id = answer.kind === "texts" ? parseStsRecord(answer.texts) : null;
    const kept = this.#live(domain);
    if (id === null && kept === null) return null;
    const isNews = id !== null && id !== kept?.stored.id;
    if (kept !== null && !isNews && !this.#isDue(kept)) return kept.policy;
    return await this.#fetch(domain, id ?? kept?.stored.id ?? "", kept);
  }

  async #fetch(domain: Domain, id: string, kept: Kept | null): Promise<StsPolicy | null> {
    const { clock, fetcher, limits, store } = this.#options;
    const known = kept?.policy ?? null;
    if ((this.#resting.get(domain) ?? 0) > clock.now() || this.#fetches >= limits.stsFetches) return known;
    this.#fetches++;
    const fetched = readFetched(await fetcher.fetch(domain));
    this.#fetches--;
    if (!fetched.ok) {
      this.#resting.set(domain, clock.now() + REST_MS);
      this.#tell(domain, fetched.error, known);
      return known;
    }
    const policy = fetched.value;
    const stored = { domain, id, fetchedAt: clock.now(), text: policy.lines.join("\n") };
    this.#keep({ stored, policy, isUsed: false });
    this.#write(() => store.put(stored));
    return policy;
  }

  #tell(domain: Domain, { type, reason }: StsFetchFault, known: StsPolicy | null): void {
    this.#options.tlsResults.record({
      at: this.#options.clock.now(),
      policy: { type: "sts", domain, strings: known?.lines ?? [], mxPatterns: known?.mx ?? [] },
      failure: type,
      mxHost: "",
      receivingAddress: null,
      sendingAddress: null,
      reason: `The MTA-STS policy of ${domain}: ${reason}`,
    });
  }

  // --- keeping ----------------------------------------------------------------------------------------------------------

  #live(domain: Domain): Kept | null {
    const kept = this.#kept.get(domain);
    if (kept === undefined || this.#hasEnded(kept)) return null;
    kept.isUsed = true;
    this.#kept.delete(domain); // A Map keeps the order of insertion: now it is the youngest.
    this.#kept.set(domain, kept);
    return kept;
  }

  #hasEnded({ stored, policy }: Kept): boolean {
    return this.#options.clock.now() >= stored.fetchedAt + policy.maxAgeSeconds * SECOND_MS;
  }

  #isDue({ stored, policy }: Kept): boolean {
    const ageMs = this.#options.clock.now() - stored.fetchedAt;
    // A clock that was set back says nothing about the age.
    return ageMs < 0 || ageMs >= Math.min(REFRESH_MS, (policy.maxAgeSeconds * SECOND_MS) / 2);
  }

  #keep(kept: Kept): void {
    const { limits } = this.#options;
    const { domain, text } = kept.stored;
    this.#octets += text.length - (this.#kept.get(domain)?.stored.text.length ?? 0);
    this.#kept.delete(domain);
    this.#kept.set(domain, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= limits.stsPolicies && this.#octets <= limits.stsCacheOctets) break;
      this.#drop(oldest);
    }
  }

  #drop(domain: Domain): void {
    this.#octets -= this.#kept.get(domain)?.stored.text.length ?? 0;
    this.#kept.delete(domain);
    this.#write(() => this.#options.store.remove(domain));
  }

  /** One change after the other; mail waits for none. */
  #write(change: () => Promise<void>): void {
    void this.#writes.run(change).catch((fault: unknown) => this.#options.onFault(fault));
  }
}

function readFetched(fetched: Result<string, StsFetchFault>): Result<StsPolicy, StsFetchFault> {
  if (!fetched.ok) return fetched;
  const parsed = parseStsPolicy(fetched.value);
  return parsed.ok ? parsed : err({ type: "sts-policy-invalid", reason: parsed.error });
}
