import type { Limits } from "../core/base/limits.ts";
import { err, ok, type Result } from "../core/base/result.ts";
import { keysFor, parseSelector, recordName, type DkimAlgorithm, type DkimKey } from "../core/dkim/key.ts";
import { comparePublished } from "../core/dkim/key-record.ts";
import { parseDomain, type Domain } from "../core/mail/domain.ts";
import { InTurn } from "./in-turn.ts";
import type { DkimCreation, DkimFault, DkimLook, DkimOperations } from "./operations.ts";
import type { Clock, Cryptography, Resolver } from "./ports.ts";
import type { DkimKeyStore, OpenSigningKey, SigningCryptography, StoredDkimKey } from "./signing-ports.ts";

/** A key that signs. */
export interface SigningKey {
  readonly key: DkimKey;
  sign(octets: Uint8Array): Promise<Uint8Array>;
}

export interface DkimKeeperOptions {
  readonly store: DkimKeyStore;
  readonly cryptography: Pick<Cryptography, "seal" | "unseal">;
  readonly signing: SigningCryptography;
  readonly resolver: Pick<Resolver, "txt">;
  readonly clock: Clock;
  readonly limits: Pick<Limits, "dkimKeys">;
  readonly record: (by: string, text: string) => void;
}

interface Kept {
  readonly stored: StoredDkimKey;
  /** null where the private key cannot be opened: sealed with another key of the data directory, or damaged. */
  readonly open: OpenSigningKey | null;
}

/** The keys of DKIM: made, published, signing, retired, removed; each step live at once, and in the journal. */
export class DkimKeeper implements DkimOperations {
  readonly #options: DkimKeeperOptions;
  readonly #faulty: readonly string[];
  readonly #byDomain = new Map<string, Kept[]>();
  readonly #changes = new InTurn();
  generation = 0;
  isAnySigning = false;

  private constructor(options: DkimKeeperOptions, keys: readonly StoredDkimKey[], faulty: readonly string[]) {
    this.#options = options;
    this.#faulty = faulty;
    for (const stored of keys) this.#take(this.#open(stored));
  }

  static async open(options: DkimKeeperOptions): Promise<DkimKeeper> {
    const { keys, faulty } = await options.store.load();
    return new DkimKeeper(options, keys, faulty);
  }

  /** What signs mail of authors of this domain. */
  signingFor(domain: Domain): readonly SigningKey[] {
    const keys = keysFor(domain, (name) => this.#keptOf(name).map(({ stored }) => stored));
    return keys.flatMap((key) => {
      const open = this.#find(key.domain, key.selector)?.open;
      return open ? [{ key, sign: (octets: Uint8Array) => open.sign(octets) }] : [];
    });
  }

  warnings(): readonly string[] {
    const closed = this.list(null).filter((key) => !this.isReadable(key));
    return [
      ...this.#faulty.map((file) => `${file} is no key of DKIM and is not used`),
      ...closed.map(
        (key) => `the DKIM key ${recordName(key)} cannot be opened and signs nothing: remove it and make another`,
      ),
    ];
  }

  list(domain: Domain | null): readonly DkimKey[] {
    const all = domain === null ? [...this.#byDomain.values()].flat() : this.#keptOf(domain);
    const keys = all.map(({ stored: { sealedPrivateKey: _, ...key } }) => key);
    return keys.sort(
      (a, b) => compare(a.domain, b.domain) || a.createdAt - b.createdAt || compare(a.selector, b.selector),
    );
  }

  isReadable({ domain, selector }: Pick<DkimKey, "domain" | "selector">): boolean {
    return this.#find(domain, selector)?.open != null;
  }

  create(wanted: DkimCreation, by: string): Promise<Result<readonly DkimKey[], DkimFault>> {
    return this.#changes.run(async () => {
      const base = wanted.selector ?? this.#freshSelector(wanted.domain);
      const made: DkimKey[] = [];
      const selectors: string[] = [];
      for (const algorithm of wanted.algorithms) {
        const text = wanted.algorithms.length === 1 ? base : `${base}-${nameOf(algorithm)}`;
        const selector = parseSelector(text, wanted.domain);
        if (!selector.ok) return err({ kind: "selector", selector: text });
        if (this.#find(wanted.domain, selector.value)) return err({ kind: "exists", selector: selector.value });
        selectors.push(selector.value);
      }
      if (this.list(null).length + selectors.length > this.#options.limits.dkimKeys) return err({ kind: "too-many" });
      for (const [i, algorithm] of wanted.algorithms.entries()) {
        made.push(await this.#make(wanted, algorithm, selectors[i] ?? "", by));
      }
      return ok(made);
    });
  }

  /** Asks the DNS for the records of the domain's keys; a pending one that is published signs from now on. */
  async look(domain: Domain, by: string): Promise<readonly DkimLook[]> {
    const looks: DkimLook[] = [];
    for (const key of this.list(domain)) {
      const published = await this.#published(key);
      const starts = key.state === "pending" && (published === "published" || published === "testing");
      const used = starts ? await this.use(domain, key.selector, by) : null;
      looks.push({ key: used?.ok === true ? used.value : key, published, starts: used?.ok === true });
    }
    return looks;
  }

  /** Signs with the key from now on; the one of its algorithm that signed for the domain retires. */
  use(domain: Domain, selector: string, by: string): Promise<Result<DkimKey, DkimFault>> {
    return this.#changes.run(async () => {
      const kept = this.#find(domain, selector);
      if (kept === null) return err({ kind: "not-found" });
      if (kept.open === null) return err({ kind: "unreadable" });
      return ok(await this.#start(kept.stored, by));
    });
  }

  /** Removes a key, or all of the domain; one that signs only where that is confirmed. */
  remove(domain: Domain, selector: string | null, confirmed: boolean, by: string): Promise<Result<number, DkimFault>> {
    return this.#changes.run(async () => {
      const gone = this.#keptOf(domain).filter(({ stored }) => selector === null || stored.selector === selector);
      if (gone.length === 0) return err({ kind: "not-found" });
      if (!confirmed && gone.some(({ stored }) => stored.state === "signing")) return err({ kind: "signs" });
      for (const { stored } of gone) {
        await this.#options.store.remove(stored);
        const left = this.#keptOf(domain).filter((kept) => kept.stored !== stored);
        if (left.length === 0) this.#byDomain.delete(domain);
        else this.#byDomain.set(domain, left);
        this.#changed();
        this.#options.record(by, `DKIM key ${recordName(stored)} removed`);
      }
      return ok(gone.length);
    });
  }

  // --- one key ----------------------------------------------------------------------------------------------------------

  async #make(wanted: DkimCreation, algorithm: DkimAlgorithm, selector: string, by: string): Promise<DkimKey> {
    const { signing, cryptography, clock, record } = this.#options;
    const { domain, subdomains } = wanted;
    const { privateKey, publicKey } = await signing.generate(algorithm);
    const stored: StoredDkimKey = {
      domain,
      selector,
      algorithm,
      publicKey,
      state: "pending",
      subdomains,
      createdAt: clock.now(),
      createdBy: by,
      sealedPrivateKey: cryptography.seal(privateKey),
    };
    await this.#put(stored);
    record(by, `DKIM key ${recordName(stored)} (${algorithm}) made`);
    return wanted.now ? await this.#start(stored, by) : publicPart(stored);
  }

  async #start(stored: StoredDkimKey, by: string): Promise<DkimKey> {
    const signing: StoredDkimKey = { ...stored, state: "signing" };
    await this.#put(signing);
    this.#options.record(by, `DKIM key ${recordName(stored)} signs mail of ${stored.domain}`);
    for (const { stored: other } of this.#keptOf(stored.domain)) {
      const isBefore = other.algorithm === stored.algorithm && other.state === "signing";
      if (!isBefore || other.selector === stored.selector) continue;
      await this.#put({ ...other, state: "retired" });
      this.#options.record(by, `DKIM key ${recordName(other)} retired`);
    }
    return publicPart(signing);
  }

  async #published(key: DkimKey): Promise<DkimLook["published"]> {
    const name = parseDomain(recordName(key));
    if (!name.ok) return "missing";
    const answer = await this.#options.resolver.txt(name.value);
    if (answer.kind === "trouble") return { trouble: answer.reason };
    return comparePublished(key, answer.kind === "texts" ? answer.texts : []);
  }

  /** `rk` and the day, and a number where that is taken. */
  #freshSelector(domain: Domain): string {
    const day = new Date(this.#options.clock.now()).toISOString().slice(0, 10).replaceAll("-", "");
    const taken = this.#keptOf(domain).map(({ stored }) => stored.selector);
    const isTaken = (base: string): boolean => taken.some((one) => one === base || one.startsWith(`${base}-`));
    let base = `rk${day}`;
    for (let i = 2; isTaken(base); i++) base = `rk${day}n${i}`;
    return base;
  }

  // --- what is kept -----------------------------------------------------------------------------------------------------

  async #put(stored: StoredDkimKey): Promise<void> {
    await this.#options.store.put(stored);
    this.#take(this.#open(stored));
  }

  #take(kept: Kept): void {
    const { domain, selector } = kept.stored;
    this.#byDomain.set(domain, [...this.#keptOf(domain).filter(({ stored }) => stored.selector !== selector), kept]);
    this.#changed();
  }

  #changed(): void {
    this.generation++;
    this.isAnySigning = [...this.#byDomain.values()].some((all) =>
      all.some(({ stored }) => stored.state === "signing"),
    );
  }

  #keptOf(domain: string): readonly Kept[] {
    return this.#byDomain.get(domain) ?? [];
  }

  #find(domain: string, selector: string): Kept | null {
    return this.#keptOf(domain).find(({ stored }) => stored.selector === selector) ?? null;
  }

  #open(stored: StoredDkimKey): Kept {
    const privateKey = this.#options.cryptography.unseal(stored.sealedPrivateKey);
    const open = privateKey === null ? null : this.#options.signing.open(stored.algorithm, privateKey);
    return { stored, open: open?.publicKey === stored.publicKey ? open : null };
  }
}

function publicPart({ sealedPrivateKey: _, ...key }: StoredDkimKey): DkimKey {
  return key;
}

function nameOf(algorithm: DkimAlgorithm): string {
  return algorithm === "rsa-sha256" ? "rsa" : "ed25519";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
