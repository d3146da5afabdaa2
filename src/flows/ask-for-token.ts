import { encodeBase64Url } from "../core/base/base64.ts";
import { parseRetryAfter } from "../core/base/retry-after.ts";
import {
  readDeviceAnswer,
  readTokenAnswer,
  type DevicePrompt,
  type EndpointAnswer,
  type TokenAnswer,
} from "../core/oauth/token-answer.ts";
import {
  assertionAlgorithm,
  assertionInput,
  deviceForm,
  deviceTokenForm,
  formatForm,
  tokenForm,
  type Form,
  type Proof,
} from "../core/oauth/token-request.ts";
import { formsOf, withoutSecrets } from "../core/smtp/sasl-client.ts";
import type { AssertionCryptography, StoredOAuthAccount, WebClient } from "./oauth-ports.ts";
import type { Clock, Cryptography } from "./ports.ts";

export interface TokenAskerOptions {
  readonly web: WebClient;
  readonly assertions: AssertionCryptography;
  readonly cryptography: Pick<Cryptography, "unseal" | "randomOctets">;
  readonly clock: Clock;
}

export type Refusal = Exclude<TokenAnswer, { kind: "token" }>;

const ASSERTION_ID_OCTETS = 16;
/** A provider whose clock differs by less is taken to go by ours. */
const SKEW_MS_MIN = 30_000;

/** Speaks to the endpoints of accounts. What it gives back as words never holds what is secret of the account. */
export class TokenAsker {
  readonly #options: TokenAskerOptions;
  /** How far a provider's clock is ahead of ours, by the endpoint: assertions are dated, and are refused where they are not of now. */
  readonly #skewMs = new Map<string, number>();

  constructor(options: TokenAskerOptions) {
    this.#options = options;
  }

  async token(account: StoredOAuthAccount): Promise<TokenAnswer> {
    const secrets = this.#open(account);
    if (secrets === null) return unreadable(account);
    if (account.grant === "refresh-token" && secrets.refreshToken === "") return notLoggedIn(account);
    return await this.#dated(account, async () => {
      const proof = await this.#prove(account, secrets.secret);
      if (proof === null) return unreadable(account);
      const form = tokenForm(account, proof, secrets.refreshToken);
      return await this.#ask(account.tokenEndpoint, form, secretsOf(proof, secrets.refreshToken), readTokenAnswer);
    });
  }

  async device(account: StoredOAuthAccount): Promise<DevicePrompt | Refusal> {
    return await this.#proven(account, async (proof) => {
      return await this.#ask(account.deviceEndpoint, deviceForm(account, proof), secretsOf(proof), readDeviceAnswer);
    });
  }

  async deviceToken(account: StoredOAuthAccount, deviceCode: string): Promise<TokenAnswer> {
    return await this.#proven(account, async (proof) => {
      const form = deviceTokenForm(account, proof, deviceCode);
      return await this.#ask(account.tokenEndpoint, form, secretsOf(proof, deviceCode), readTokenAnswer);
    });
  }

  async #proven<Answer>(
    account: StoredOAuthAccount,
    ask: (proof: Proof) => Promise<Answer>,
  ): Promise<Answer | Refusal> {
    const secrets = this.#open(account);
    const proof = secrets === null ? null : await this.#prove(account, secrets.secret);
    return proof === null ? unreadable(account) : await ask(proof);
  }

  /** Once more where the answer shows that the provider's clock is another: an assertion was dated by ours. */
  async #dated(account: StoredOAuthAccount, ask: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
    const before = this.#skewMs.get(account.tokenEndpoint) ?? 0;
    const answer = await ask();
    const now = this.#skewMs.get(account.tokenEndpoint) ?? 0;
    const isDated = account.proof === "key" && answer.kind === "refused";
    return isDated && Math.abs(now - before) > SKEW_MS_MIN ? await ask() : answer;
  }

  #open(account: StoredOAuthAccount): { readonly secret: string; readonly refreshToken: string } | null {
    const { unseal } = this.#options.cryptography;
    const secret = account.sealedSecret === "" ? "" : unseal(account.sealedSecret);
    const refreshToken = account.sealedRefreshToken === "" ? "" : unseal(account.sealedRefreshToken);
    return secret === null || refreshToken === null ? null : { secret, refreshToken };
  }

  async #prove(account: StoredOAuthAccount, secret: string): Promise<Proof | null> {
    if (account.proof !== "key") return { secret, assertion: "" };
    const { assertions, cryptography, clock } = this.#options;
    const key = assertions.open(secret);
    if (key === null) return null;
    const at = clock.now() + (this.#skewMs.get(account.tokenEndpoint) ?? 0);
    const input = assertionInput(account, at, encodeBase64Url(cryptography.randomOctets(ASSERTION_ID_OCTETS)));
    const signature = await key.sign(assertionAlgorithm(account), new TextEncoder().encode(input));
    return { secret, assertion: `${input}.${encodeBase64Url(signature)}` };
  }

  async #ask<Answer extends TokenAnswer | DevicePrompt>(
    endpoint: string,
    form: Form,
    secrets: readonly string[],
    read: (answer: EndpointAnswer) => Answer,
  ): Promise<Answer | Refusal> {
    const asked = await this.#options.web.post(endpoint, formatForm(form));
    if (!asked.ok) return { kind: "trouble", words: asked.error, retryAfterMs: null };
    const { status, body, retryAfter, date } = asked.value;
    const now = this.#options.clock.now();
    if (date !== null) this.#noteSkew(endpoint, date - now);
    const answer = read({ status, body, retryAfterMs: parseRetryAfter(retryAfter, date ?? now) });
    return hasWords(answer) ? { ...answer, words: withoutSecrets(answer.words, secrets) } : answer;
  }

  #noteSkew(endpoint: string, skewMs: number): void {
    if (Math.abs(skewMs) > SKEW_MS_MIN) this.#skewMs.set(endpoint, skewMs);
    else this.#skewMs.delete(endpoint);
  }
}

function hasWords(answer: TokenAnswer | DevicePrompt): answer is Refusal {
  return "words" in answer;
}

function secretsOf({ secret, assertion }: Proof, other = ""): readonly string[] {
  return [assertion, secret, other].filter((text) => text !== "").flatMap(formsOf);
}

function unreadable({ name }: StoredOAuthAccount): Refusal {
  const words = `its secret was sealed with another key: enter it again with relaykeeper oauth secret ${name}`;
  return { kind: "refused", error: "unreadable", words };
}

function notLoggedIn({ name }: StoredOAuthAccount): Refusal {
  return { kind: "refused", error: "no_login", words: `nobody has logged in: relaykeeper oauth login ${name}` };
}
