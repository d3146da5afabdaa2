import { err, ok, type Result } from "../core/base/result.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS, type Instant, type Random } from "../core/base/time.ts";
import type { TokenAnswer } from "../core/oauth/token-answer.ts";
import type { AccessTokens, Clock, Timer } from "./ports.ts";

export interface AccessTokenCacheOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Asks the provider; null where there is no account of that name. */
  readonly fetch: (account: string) => Promise<TokenAnswer | null>;
  readonly exists: (account: string) => boolean;
  /** An account has no token any more, and why; has one again: null. */
  readonly report: (account: string, words: string | null) => void;
}

type Token = TokenAnswer & { readonly kind: "token" };

/** How an account stands: for displays. */
export interface TokenState {
  /** When the token ends that is kept; null where none is. */
  readonly expiresAt: Instant | null;
  /** Why the last request for one failed; null where it did not. */
  readonly words: string | null;
}

interface Kept {
  readonly token: string;
  readonly expiresAt: Instant;
  /** Another one is fetched while this one is still good. */
  isOld: boolean;
  readonly timers: readonly Timer[];
}

interface Account {
  kept: Kept | null;
  flight: Promise<Result<Instant, string>> | null;
  /** No request before it is over. */
  pause: Timer | null;
  /** How often in a row it failed in the same way. */
  failures: { readonly kind: "refused" | "trouble"; readonly count: number } | null;
  words: string | null;
  /** A token that a server would not have was thrown away so lately that the next one is not. */
  cooling: Timer | null;
  /** Which request is the one that counts. */
  turn: number;
}

/** A token is fetched anew at this part of its life, less some by chance, so that relays of one tenant do not ask all at once. */
const REFRESH_AT = 0.8;
const REFRESH_SPREAD = 0.1;
/** It is not used in its last part, at most a minute: it must last until AUTH. */
const MARGIN = 0.1;
const MARGIN_MS_MAX = MINUTE_MS;
/** Waiting after trouble: doubled each time. */
const TROUBLE_MS_MIN = 5 * SECOND_MS;
const TROUBLE_MS_MAX = 5 * MINUTE_MS;
/** After a refusal, which somebody must mend; the provider is not to lock the account for our asking. */
const REFUSED_MS_MIN = 5 * MINUTE_MS;
const REFUSED_MS_MAX = HOUR_MS;
/** A token that a server would not have is thrown away so often at most: where permission is missing, no token helps. */
const COOLING_MS = 5 * MINUTE_MS;

/**
 * The tokens of all accounts: one request at a time an account, however many wait for it; fetched ahead of their end; a good one is used
 * while the provider is in trouble. Their life is told by timers, which a clock that is set does not stretch.
 */
export class AccessTokenCache implements AccessTokens {
  readonly #options: AccessTokenCacheOptions;
  readonly #accounts = new Map<string, Account>();

  constructor(options: AccessTokenCacheOptions) {
    this.#options = options;
  }

  async tokenFor(name: string): Promise<Result<string, string>> {
    if (!this.#options.exists(name)) return err(gone(name));
    const account = this.#accountOf(name);
    const kept = this.#good(account);
    if (kept !== null) {
      if (kept.isOld && account.pause === null) void this.#fetch(name, account);
      return ok(kept.token);
    }
    if (account.pause !== null && account.flight === null) return err(failure(name, account.words ?? ""));
    const fetched = await this.#fetch(name, account);
    const now = this.#good(account);
    if (now !== null) return ok(now.token);
    return fetched.ok ? err(failure(name, "its token ended at once")) : fetched;
  }

  refused(name: string, token: string): void {
    const account = this.#accounts.get(name);
    if (account?.kept?.token !== token || account.cooling !== null) return;
    this.#drop(account);
    account.cooling = this.#options.clock.after(COOLING_MS, () => (account.cooling = null));
  }

  /** Asks the provider now, whatever is kept and whatever failed. When the token ends, or why there is none. */
  fresh(name: string): Promise<Result<Instant, string>> {
    return this.#fetch(name, this.#accountOf(name));
  }

  /** A token that came by another way, such as a login. */
  take(name: string, answer: Token): void {
    const account = this.#accountOf(name);
    this.restart(name);
    this.#keep(name, account, answer);
  }

  /** The account can do what it could not, or with another secret: the next request is not held back, and one under way does not count. */
  restart(name: string): void {
    const account = this.#accounts.get(name);
    if (!account) return;
    account.turn++;
    account.flight = null;
    account.pause?.cancel();
    account.pause = null;
    account.cooling?.cancel();
    account.cooling = null;
    account.failures = null;
  }

  /** The account is gone. */
  forget(name: string): void {
    this.restart(name);
    const account = this.#accounts.get(name);
    if (account) this.#drop(account);
    this.#accounts.delete(name);
  }

  state(name: string): TokenState {
    const account = this.#accounts.get(name);
    if (!account) return { expiresAt: null, words: null };
    return { expiresAt: this.#good(account)?.expiresAt ?? null, words: account.words };
  }

  // --- one account ------------------------------------------------------------------------------------------------------

  #accountOf(name: string): Account {
    const known = this.#accounts.get(name);
    if (known) return known;
    const account: Account = {
      kept: null,
      flight: null,
      pause: null,
      failures: null,
      words: null,
      cooling: null,
      turn: 0,
    };
    this.#accounts.set(name, account);
    return account;
  }

  #good({ kept }: Account): Kept | null {
    return kept !== null && this.#options.clock.now() < kept.expiresAt ? kept : null;
  }

  #fetch(name: string, account: Account): Promise<Result<Instant, string>> {
    account.flight ??= this.#fetchNow(name, account, ++account.turn);
    return account.flight;
  }

  async #fetchNow(name: string, account: Account, turn: number): Promise<Result<Instant, string>> {
    let answer: TokenAnswer | null;
    try {
      answer = await this.#options.fetch(name);
    } catch (fault) {
      answer = { kind: "trouble", words: fault instanceof Error ? fault.message : String(fault), retryAfterMs: null };
    }
    if (answer === null) return err(gone(name));
    if (account.turn !== turn) {
      // Overtaken: the account was changed meanwhile, and is asked for with what it has now.
      return this.#accounts.get(name) === account ? await this.#fetch(name, account) : err(gone(name));
    }
    account.flight = null;
    if (answer.kind === "token") return ok(this.#keep(name, account, answer));
    this.#fail(name, account, answer);
    return err(failure(name, answer.words));
  }

  #keep(name: string, account: Account, { accessToken, expiresInMs }: Token): Instant {
    const { clock, random, report } = this.#options;
    this.#drop(account);
    const margin = Math.min(expiresInMs * MARGIN, MARGIN_MS_MAX);
    const share = REFRESH_AT - (random.uint32() / 2 ** 32) * REFRESH_SPREAD;
    const expiresAt = clock.now() + expiresInMs - margin;
    const kept: Kept = {
      token: accessToken,
      expiresAt,
      isOld: false,
      timers: [
        clock.after(expiresInMs * share, () => (kept.isOld = true)),
        clock.after(expiresInMs - margin, () => {
          if (account.kept === kept) account.kept = null;
        }),
      ],
    };
    account.kept = kept;
    account.pause?.cancel();
    account.pause = null;
    account.failures = null;
    if (account.words !== null) report(name, null);
    account.words = null;
    return expiresAt;
  }

  #drop(account: Account): void {
    for (const timer of account.kept?.timers ?? []) timer.cancel();
    account.kept = null;
  }

  #fail(name: string, account: Account, answer: Exclude<TokenAnswer, Token>): void {
    const { clock, random, report } = this.#options;
    const [min, max] = answer.kind === "refused" ? [REFUSED_MS_MIN, REFUSED_MS_MAX] : [TROUBLE_MS_MIN, TROUBLE_MS_MAX];
    const before = account.failures?.kind === answer.kind ? account.failures.count : 0;
    const own = Math.min(min * 2 ** Math.min(before, 20), max);
    const asked = answer.kind === "trouble" ? (answer.retryAfterMs ?? 0) : 0;
    const spread = 1 + (random.uint32() / 2 ** 32) * REFRESH_SPREAD;
    account.failures = { kind: answer.kind, count: before + 1 };
    account.pause?.cancel();
    account.pause = clock.after(Math.max(own, asked) * spread, () => (account.pause = null));
    if (account.words !== answer.words) report(name, answer.words);
    account.words = answer.words;
  }
}

function gone(name: string): string {
  return `there is no OAuth account ${name}`;
}

function failure(name: string, words: string): string {
  return `no token for OAuth account ${name}: ${words}`;
}
