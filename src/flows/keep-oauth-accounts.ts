import { encodeBase64Url } from "../core/base/base64.ts";
import type { Limits } from "../core/base/limits.ts";
import { err, ok, type Result } from "../core/base/result.ts";
import { DAY_MS, formatInstant, type Instant, type Random } from "../core/base/time.ts";
import { SLOW_DOWN_MS, type DevicePrompt, type TokenAnswer } from "../core/oauth/token-answer.ts";
import { InTurn } from "./in-turn.ts";
import { TokenAsker } from "./ask-for-token.ts";
import { AccessTokenCache } from "./keep-access-tokens.ts";
import type { AssertionCryptography, OAuthAccountStore, StoredOAuthAccount, WebClient } from "./oauth-ports.ts";
import type {
  OAuthAccountState,
  OAuthCreation,
  OAuthFault,
  OAuthLogin,
  OAuthOperations,
  OAuthSecret,
} from "./oauth-operations.ts";
import type { AccessTokens, Clock, Cryptography, NextHopCredentials, Timer } from "./ports.ts";

export interface OAuthKeeperOptions {
  readonly store: OAuthAccountStore;
  readonly web: WebClient;
  readonly assertions: AssertionCryptography;
  readonly cryptography: Pick<Cryptography, "seal" | "unseal" | "randomOctets">;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Pick<Limits, "oauthAccounts">;
  readonly record: (by: string, text: string) => void;
}

/** A person is being asked to log in. */
interface Login {
  readonly by: string;
  readonly prompt: DevicePrompt;
  intervalMs: number;
  timer: Timer | null;
  ended: Result<void, string> | null;
  readonly waiting: Set<() => void>;
}

const SYSTEM = "*SYSTEM";
/** A certificate that ends is told of so long before. */
const CERTIFICATE_WARNING_MS = 30 * DAY_MS;

/**
 * OAuth accounts: added, given another secret, logged in, removed; each step on stable storage and in the journal. A refresh token that
 * a provider sends takes the place of the one before on stable storage before the access token that came with it is used.
 */
export class OAuthKeeper implements OAuthOperations, AccessTokens {
  readonly #options: OAuthKeeperOptions;
  readonly #faulty: readonly string[];
  readonly #accounts = new Map<string, StoredOAuthAccount>();
  readonly #unsaved = new Map<string, string>();
  readonly #logins = new Map<string, Login>();
  readonly #asker: TokenAsker;
  readonly #tokens: AccessTokenCache;
  readonly #changes = new InTurn();

  private constructor(options: OAuthKeeperOptions, accounts: readonly StoredOAuthAccount[], faulty: readonly string[]) {
    this.#options = options;
    this.#faulty = faulty;
    for (const account of accounts) this.#accounts.set(account.name, account);
    this.#asker = new TokenAsker(options);
    this.#tokens = new AccessTokenCache({
      ...options,
      fetch: (name) => this.#fetch(name),
      exists: (name) => this.#accounts.has(name),
      report: (name, words) =>
        options.record(SYSTEM, `OAuth account ${name}: ${words === null ? "has a token again" : `no token: ${words}`}`),
    });
  }

  static async open(options: OAuthKeeperOptions): Promise<OAuthKeeper> {
    const { accounts, faulty } = await options.store.load();
    return new OAuthKeeper(options, accounts, faulty);
  }

  tokenFor(account: string): Promise<Result<string, string>> {
    return this.#tokens.tokenFor(account);
  }

  refused(account: string, token: string): void {
    this.#tokens.refused(account, token);
  }

  /** What a next hop is told by a route that names the account; null where there is none of that name. */
  credentialsOf(name: string): NextHopCredentials | null {
    const account = this.#accounts.get(name);
    return account ? { kind: "token", user: account.user, account: name } : null;
  }

  list(): readonly OAuthAccountState[] {
    const sorted = [...this.#accounts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return sorted.map((stored) => this.#stateOf(stored));
  }

  find(name: string): OAuthAccountState | null {
    const stored = this.#accounts.get(name);
    return stored ? this.#stateOf(stored) : null;
  }

  warnings(): readonly string[] {
    const now = this.#options.clock.now();
    return [
      ...this.#faulty.map((file) => `${file} is no OAuth account and is not used`),
      ...this.list().flatMap(({ account: { name }, certificateEndsAt: end, token: { words } }) => [
        ...(words === null ? [] : [`OAuth account ${name} has no new token: ${words}`]),
        ...(end === null || end - now > CERTIFICATE_WARNING_MS
          ? []
          : [`the certificate of OAuth account ${name} ends ${formatInstant(end)}`]),
      ]),
      ...[...this.#unsaved].map(([name, why]) => `the login of OAuth account ${name} cannot be saved: ${why}`),
    ];
  }

  add({ account, secret }: OAuthCreation, by: string): Promise<Result<OAuthAccountState, OAuthFault>> {
    return this.#changes.run(async () => {
      const { clock, limits, record } = this.#options;
      if (this.#accounts.has(account.name)) return err({ kind: "exists" });
      if (this.#accounts.size >= limits.oauthAccounts) return err({ kind: "too-many" });
      const bare: StoredOAuthAccount = {
        ...account,
        createdAt: clock.now(),
        createdBy: by,
        sealedSecret: "",
        sealedRefreshToken: "",
        certificateEndsAt: null,
      };
      const stored = this.#with(bare, secret);
      if (!stored.ok) return stored;
      await this.#put(stored.value);
      record(by, `OAuth account ${account.name} added`);
      return ok(this.#stateOf(stored.value));
    });
  }

  /** Another secret, key or refresh token. What was fetched with the one before stays good, and connections stay open. */
  renew(name: string, secret: OAuthSecret, by: string): Promise<Result<OAuthAccountState, OAuthFault>> {
    return this.#changes.run(async () => {
      const present = this.#accounts.get(name);
      if (!present) return err({ kind: "not-found" });
      const stored = this.#with(present, secret);
      if (!stored.ok) return stored;
      await this.#put(stored.value);
      this.#tokens.restart(name);
      this.#options.record(by, `OAuth account ${name} has another ${WORDS[secret.kind]}`);
      return ok(this.#stateOf(stored.value));
    });
  }

  remove(name: string, by: string): Promise<Result<void, OAuthFault>> {
    return this.#changes.run(async () => {
      if (!this.#accounts.has(name)) return err({ kind: "not-found" });
      await this.#options.store.remove(name);
      this.#accounts.delete(name);
      this.#unsaved.delete(name);
      this.#tokens.forget(name);
      this.#endLogin(name, err("the account was removed"));
      this.#logins.delete(name);
      this.#options.record(by, `OAuth account ${name} removed`);
      return ok(undefined);
    });
  }

  check(name: string): Promise<Result<Instant, string>> {
    return this.#tokens.fresh(name);
  }

  // --- login ------------------------------------------------------------------------------------------------------------

  async login(name: string, by: string): Promise<Result<DevicePrompt, OAuthFault>> {
    const account = this.#accounts.get(name);
    if (!account) return err({ kind: "not-found" });
    if (account.grant !== "refresh-token") return err({ kind: "no-login", why: "it acts in its own name" });
    if (account.deviceEndpoint === "") return err({ kind: "no-login", why: "it has no device endpoint" });
    const asked = await this.#asker.device(account);
    if ("words" in asked) return err({ kind: "no-login", why: asked.words });
    this.#endLogin(name, err("another login was begun"));
    const login: Login = {
      by,
      prompt: asked,
      intervalMs: asked.intervalMs,
      timer: null,
      ended: null,
      waiting: new Set(),
    };
    this.#logins.set(name, login);
    this.#pollLater(name, login, this.#options.clock.now() + asked.expiresInMs);
    return ok(asked);
  }

  /** How the newest login stands, at the latest after `waitMs`. */
  async loginState(name: string, waitMs: number): Promise<OAuthLogin> {
    const login = this.#logins.get(name);
    if (!login) return { kind: "none" };
    if (login.ended === null) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          timer.cancel();
          login.waiting.delete(done);
          resolve();
        };
        const timer = this.#options.clock.after(waitMs, done);
        login.waiting.add(done);
      });
    }
    if (login.ended === null) return { kind: "pending" };
    return login.ended.ok ? { kind: "done" } : { kind: "failed", why: login.ended.error };
  }

  #pollLater(name: string, login: Login, until: Instant): void {
    login.timer = this.#options.clock.after(login.intervalMs, () => void this.#poll(name, login, until));
  }

  async #poll(name: string, login: Login, until: Instant): Promise<void> {
    const account = this.#accounts.get(name);
    if (login.ended !== null || !account) return;
    if (this.#options.clock.now() >= until) return this.#endLogin(name, err("nobody logged in in time"));
    const answer = await this.#asker.deviceToken(account, login.prompt.deviceCode);
    if (this.#logins.get(name) !== login || login.ended !== null) return;
    if (answer.kind === "token") return await this.#loggedIn(name, login, answer);
    if (answer.kind === "refused" && answer.error === "slow_down") login.intervalMs += SLOW_DOWN_MS;
    else if (answer.kind === "refused" && answer.error !== "authorization_pending")
      return this.#endLogin(name, err(answer.words));
    // RFC 8628 §3.5: trouble of the way there asks for patience.
    else if (answer.kind === "trouble") login.intervalMs *= 2;
    this.#pollLater(name, login, until);
  }

  async #loggedIn(name: string, login: Login, answer: TokenAnswer & { readonly kind: "token" }): Promise<void> {
    const { refreshToken } = answer;
    if (refreshToken === null) {
      return this.#endLogin(name, err("the provider gave no refresh token: its scope must allow offline access"));
    }
    const saved = await this.renew(name, { kind: "refresh-token", token: refreshToken }, login.by).catch(faultOf);
    if (saved.ok) this.#tokens.take(name, answer);
    this.#endLogin(name, saved.ok ? ok(undefined) : err("it could not be saved"));
  }

  #endLogin(name: string, ended: Result<void, string>): void {
    const login = this.#logins.get(name);
    if (!login || login.ended !== null) return;
    login.ended = ended;
    login.timer?.cancel();
    for (const done of [...login.waiting]) done();
  }

  // --- tokens -----------------------------------------------------------------------------------------------------------

  /** Asks the provider. A refresh token that comes along is safe before the answer is used: the one before may be worth nothing now. */
  async #fetch(name: string): Promise<TokenAnswer | null> {
    const account = this.#accounts.get(name);
    if (!account) return null;
    const answer = await this.#asker.token(account);
    if (answer.kind !== "token" || answer.refreshToken === null) return answer;
    await this.#changes.run(async () => {
      const present = this.#accounts.get(name);
      // Somebody logged in meanwhile: that is newer.
      if (present?.sealedRefreshToken !== account.sealedRefreshToken) return;
      const sealedRefreshToken = this.#options.cryptography.seal(answer.refreshToken ?? "");
      await this.#keepRotated({ ...present, sealedRefreshToken });
    });
    return answer;
  }

  /** Mail does not wait for a disk that is full: the new one is used from memory, and saved with the next. */
  async #keepRotated(account: StoredOAuthAccount): Promise<void> {
    this.#accounts.set(account.name, account);
    try {
      await this.#options.store.put(account);
      this.#unsaved.delete(account.name);
    } catch (fault) {
      this.#unsaved.set(account.name, fault instanceof Error ? fault.message : String(fault));
    }
  }

  // --- what is kept -----------------------------------------------------------------------------------------------------

  async #put(stored: StoredOAuthAccount): Promise<void> {
    await this.#options.store.put(stored);
    this.#accounts.set(stored.name, stored);
    this.#unsaved.delete(stored.name);
  }

  #with(account: StoredOAuthAccount, secret: OAuthSecret): Result<StoredOAuthAccount, OAuthFault> {
    const { assertions, cryptography } = this.#options;
    switch (secret.kind) {
      case "none":
        return ok(account);
      case "refresh-token":
        if (account.grant !== "refresh-token") return err({ kind: "wrong-secret", why: "it needs no refresh token" });
        return ok({ ...account, sealedRefreshToken: cryptography.seal(secret.token) });
      case "secret":
        if (account.proof !== "secret") return err({ kind: "wrong-secret", why: "it proves itself by a key" });
        return ok({ ...account, sealedSecret: cryptography.seal(secret.secret) });
      case "key": {
        if (account.proof !== "key") return err({ kind: "wrong-secret", why: "it proves itself by a secret" });
        const { privateKey, certificate } = secret;
        if (assertions.open(privateKey) === null) return err({ kind: "wrong-secret", why: "that is no key of RSA" });
        const sealedSecret = cryptography.seal(privateKey);
        if (certificate === null)
          return ok({ ...account, keyId: secret.keyId, clientId: secret.clientId ?? account.clientId, sealedSecret });
        const found = assertions.certificate(certificate, privateKey);
        if (found === null) return err({ kind: "wrong-secret", why: "the certificate is none, or is of another key" });
        const keyId = encodeBase64Url(found.thumbprint);
        return ok({ ...account, keyId, sealedSecret, certificateEndsAt: found.endsAt });
      }
    }
  }

  #stateOf(stored: StoredOAuthAccount): OAuthAccountState {
    const { name, provider, grant, proof, user, clientId, keyId } = stored;
    const { tokenEndpoint, deviceEndpoint, scope, createdAt, createdBy, sealedRefreshToken, certificateEndsAt } =
      stored;
    return {
      account: {
        ...{ name, provider, grant, proof, user, clientId, keyId },
        ...{ tokenEndpoint, deviceEndpoint, scope, createdAt, createdBy },
      },
      isLoggedIn: sealedRefreshToken !== "",
      certificateEndsAt,
      token: this.#tokens.state(name),
    };
  }
}

const WORDS: Readonly<Record<OAuthSecret["kind"], string>> = {
  none: "nothing",
  secret: "secret",
  key: "key",
  "refresh-token": "refresh token",
};

function faultOf(): Result<never, OAuthFault> {
  return err({ kind: "not-found" });
}
