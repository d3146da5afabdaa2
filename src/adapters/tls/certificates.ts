import type { SecureContext } from "node:tls";
import { ok, type Result } from "../../core/base/result.ts";
import { DAY_MS, type Instant } from "../../core/base/time.ts";
import type { TlsAge } from "../../flows/listener-state.ts";
import type { Clock } from "../../flows/ports.ts";
import { loadPair, type CertificateFiles, type CertificateSource, type LoadedPair } from "./load-pair.ts";
import type { CertificatePair } from "./self-signed.ts";
import { createServerContext } from "./server-context.ts";

/** Clients of authorities renew a month ahead; three weeks before the end something is wrong with that. */
const WARN_BEFORE_MS = 21 * DAY_MS;
const URGENT_BEFORE_MS = 7 * DAY_MS;

/** What we show of ourselves in TLS. Read at start and again by `reload`; sessions under way keep what they began with. */
export class Certificates {
  readonly #source: CertificateSource;
  readonly #clock: Clock;
  #loaded: LoadedPair;
  #fault: string | null = null;

  private constructor(source: CertificateSource, clock: Clock, loaded: LoadedPair) {
    this.#source = source;
    this.#clock = clock;
    this.#loaded = loaded;
  }

  /** The fault is a sentence that names the file. The caller holds the lock of the data directory. */
  static async open(source: CertificateSource, clock: Clock): Promise<Result<Certificates, string>> {
    const loaded = await loadPair(source, clock.now());
    return loaded.ok ? ok(new Certificates(source, clock, loaded.value)) : loaded;
  }

  /** Null: the certificate is our own. */
  get files(): CertificateFiles | null {
    return this.#source.files;
  }

  /** Why the files could not be used when they were last read; null where they could. */
  get fault(): string | null {
    return this.#fault;
  }

  /**
   * What one door asks at each handshake. Every door has contexts of its own, one for each age: a session of one, which may have fewer
   * rights there, cannot be resumed with another.
   */
  door(): (age: TlsAge) => SecureContext {
    let pair = this.#loaded.pair;
    const contexts = new Map<TlsAge, SecureContext>();
    return (age) => {
      if (pair !== this.#loaded.pair) contexts.clear();
      pair = this.#loaded.pair;
      const context = contexts.get(age) ?? createServerContext(pair, age);
      contexts.set(age, context);
      return context;
    };
  }

  /** The same object until it is another certificate. */
  pair(): CertificatePair {
    return this.#loaded.pair;
  }

  /** Where certificate and key do not hold, those of before stay in use and the fault says why. */
  async reload(): Promise<Result<void, string>> {
    const loaded = await loadPair(this.#source, this.#clock.now());
    this.#fault = loaded.ok ? null : loaded.error;
    if (!loaded.ok) return loaded;
    const { pair } = this.#loaded;
    // What is the same stays the same object: contexts live on, and with them the sessions that clients may resume.
    this.#loaded = isSame(pair, loaded.value.pair) ? { ...loaded.value, pair } : loaded.value;
    return ok(undefined);
  }

  expiresAt(): Instant {
    return this.#loaded.leaf.validToDate.getTime();
  }

  /** `self-signed, until 2036-11-22` or `/etc/…/fullchain.pem, until 2027-02-01`. */
  describe(): string {
    const end = this.#loaded.leaf.validToDate.toISOString().slice(0, 10);
    return `${this.#source.files?.certificate ?? "self-signed"}, until ${end}`;
  }

  warnings(): readonly string[] {
    const unusable = this.#fault === null ? [] : [`${this.#fault}; the certificate of before stays in use`];
    const expiry = this.expiryWarning();
    return [...this.#loaded.warnings, ...unusable, ...(expiry === null ? [] : [expiry])];
  }

  /** From three weeks before the end on, and more urgent in the last one. */
  expiryWarning(): string | null {
    const left = this.expiresAt() - this.#clock.now();
    if (left > WARN_BEFORE_MS) return null;
    if (left <= 0) return `the certificate has expired, and clients that check it send nothing: ${this.describe()}`;
    const days = `the certificate expires in ${Math.ceil(left / DAY_MS)} day(s)`;
    const advice = left > URGENT_BEFORE_MS ? "" : ", and nothing renewed it; then clients that check it send nothing";
    return `${days}${advice}: ${this.describe()}`;
  }
}

function isSame(a: CertificatePair, b: CertificatePair): boolean {
  return a.certificate === b.certificate && a.key === b.key;
}
