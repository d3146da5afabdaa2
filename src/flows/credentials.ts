import type { Limits } from "../core/base/limits.ts";
import { formatIpAddress, type IpAddress } from "../core/mail/ip.ts";
import { reply, type Reply } from "../core/mail/reply.ts";
import { AuthBackoff } from "../core/smtp/auth-backoff.ts";
import { encodeBase64 } from "../core/base/base64.ts";
import type { SaslMechanism } from "../core/smtp/extensions.ts";
import {
  checkLogin,
  decodeResponse,
  encodeChallenge,
  formatScramServerFinal,
  formatScramServerFirst,
  parsePlain,
  parseScramClientFinal,
  parseScramClientFirst,
  saslPrep,
  scramAuthMessage,
  type PasswordLogin,
  type SaslFault,
  type ScramClientFirst,
} from "../core/smtp/sasl.ts";
import type { Clock, Cryptography, ScramVerifier, UserStore } from "./ports.ts";

/** Rounds of PBKDF2 in new verifiers; RFC 7677 asks for at least 4,096. */
export const SCRAM_ITERATIONS = 25_000;
const SALT_OCTETS = 16;
const NONCE_OCTETS = 18;
/** Passwords that were right lately, remembered as a keyed hash of this process, so that a busy client does not pay PBKDF2 each time. */
const REMEMBERED_MAX = 1_000;

/** What an exchange says next. `denied` counts as a failed attempt, `ended` (cancelled, broken) as a client's mistake. */
export type AuthStep =
  | { readonly kind: "challenge"; readonly text: string }
  | { readonly kind: "authenticated"; readonly user: string }
  | { readonly kind: "denied"; readonly reply: Reply }
  | { readonly kind: "ended"; readonly reply: Reply };

const DENIED: AuthStep = { kind: "denied", reply: reply(535, "5.7.8", "Authentication failed") };
const CANCELLED: AuthStep = { kind: "ended", reply: reply(501, "5.7.0", "Authentication cancelled") };
const BUSY: AuthStep = {
  kind: "ended",
  reply: reply(454, "4.7.0", "Too many authentications at once; try again later"),
};

/** Makes the verifier of a password; null where SASLprep (RFC 4013) does not allow it. */
export async function createVerifier(cryptography: Cryptography, password: string): Promise<ScramVerifier | null> {
  const login = checkLogin("user", password);
  if (!login.ok) return null;
  const salt = cryptography.randomOctets(SALT_OCTETS);
  const salted = await cryptography.pbkdf2Sha256(octetsOf(login.value.password), salt, SCRAM_ITERATIONS);
  return { salt, iterations: SCRAM_ITERATIONS, ...keysOf(cryptography, salted) };
}

/** A user name as it is compared and stored, or null where it can be none. */
export function normaliseUserName(name: string): string | null {
  const prepared = saslPrep(name);
  return prepared === "" || octetsOf(prepared ?? "").length > 255 ? null : prepared;
}

/** Checks who a client says it is. Unknown users cost the same work and hear the same words as wrong passwords. */
export class Credentials {
  readonly #users: Pick<UserStore, "find">;
  readonly #cryptography: Cryptography;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #backoff: AuthBackoff;
  /** Keyed by this process alone. */
  readonly #tagOf: (octets: Uint8Array) => Uint8Array;
  readonly #remembered = new Map<string, { readonly storedKey: Uint8Array; readonly tag: Uint8Array }>();
  #underWay = 0;

  constructor(users: Pick<UserStore, "find">, cryptography: Cryptography, clock: Clock, limits: Limits) {
    this.#users = users;
    this.#cryptography = cryptography;
    this.#clock = clock;
    this.#limits = limits;
    this.#backoff = new AuthBackoff(limits.authBackoffEntries, limits.authDelayMaxMs);
    this.#tagOf = cryptography.hmacSha256(cryptography.randomOctets(32));
  }

  exchange(mechanism: SaslMechanism, client: IpAddress): AuthExchange {
    const key = client.family === 4 ? formatIpAddress(client) : client.words.slice(0, 2).join(":");
    return mechanism === "SCRAM-SHA-256" ? new ScramExchange(this, key) : new PasswordExchange(this, mechanism, key);
  }

  async checkPassword(login: PasswordLogin, client: string): Promise<AuthStep> {
    return this.#bounded(client, login.user, async () => {
      const found = await this.#users.find(login.user);
      const verifier = found ?? this.#decoy(login.user);
      const tag = this.#tagOf(octetsOf(`${login.user}\0${login.password}`));
      const known = this.#remembered.get(login.user);
      if (known && this.#cryptography.equal(known.storedKey, verifier.storedKey)) {
        if (this.#cryptography.equal(known.tag, tag)) return found !== null;
      }
      const password = octetsOf(login.password);
      const salted = await this.#cryptography.pbkdf2Sha256(password, verifier.salt, verifier.iterations);
      const { storedKey } = keysOf(this.#cryptography, salted);
      const right = this.#cryptography.equal(storedKey, verifier.storedKey) && found !== null;
      if (right) this.#remember(login.user, storedKey, tag);
      return right;
    });
  }

  /** The verifier of a user, or one that no password fits and that is the same at every call. */
  async verifierOf(user: string): Promise<{ readonly verifier: ScramVerifier; readonly known: boolean }> {
    const found = await this.#users.find(user);
    return { verifier: found ?? this.#decoy(user), known: found !== null };
  }

  serverNonce(): string {
    return encodeBase64(this.#cryptography.randomOctets(NONCE_OCTETS));
  }

  /** Checks a SCRAM proof; gives the server's signature, which proves to the client that we know the verifier. */
  async checkProof(
    client: string,
    user: string,
    held: { readonly verifier: ScramVerifier; readonly known: boolean },
    authMessage: string,
    proof: Uint8Array,
  ): Promise<AuthStep & { readonly signature?: Uint8Array }> {
    const message = octetsOf(authMessage);
    const crypto = this.#cryptography;
    const answer = await this.#bounded(client, user, async () => {
      const signature = crypto.hmacSha256(held.verifier.storedKey)(message);
      const clientKey = proof.map((octet, i) => octet ^ (signature[i] ?? 0));
      return crypto.equal(crypto.sha256(clientKey), held.verifier.storedKey) && held.known;
    });
    if (answer.kind !== "authenticated") return answer;
    return { ...answer, signature: crypto.hmacSha256(held.verifier.serverKey)(message) };
  }

  async #bounded(client: string, user: string, check: () => Promise<boolean>): Promise<AuthStep> {
    const delayMs = this.#backoff.delayMs(client, user, this.#clock.now());
    if (delayMs > this.#limits.authDelayMaxMs * 4) return BUSY;
    if (delayMs > 0) await new Promise<void>((resolve) => this.#clock.after(delayMs, resolve));
    if (this.#underWay >= this.#limits.authenticationsAtOnce) return BUSY;
    this.#underWay++;
    try {
      const right = await check();
      if (right) this.#backoff.succeeded(user);
      else this.#backoff.failed(client, user, this.#clock.now());
      return right ? { kind: "authenticated", user } : DENIED;
    } finally {
      this.#underWay--;
    }
  }

  #remember(user: string, storedKey: Uint8Array, tag: Uint8Array): void {
    this.#remembered.delete(user);
    this.#remembered.set(user, { storedKey, tag });
    if (this.#remembered.size <= REMEMBERED_MAX) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      break;
    }
  }

  #decoy(user: string): ScramVerifier {
    const derive = (label: string): Uint8Array => this.#tagOf(octetsOf(`${label}\0${user}`));
    const salt = derive("salt").slice(0, SALT_OCTETS);
    return { salt, iterations: SCRAM_ITERATIONS, storedKey: derive("stored"), serverKey: derive("server") };
  }
}

/** One AUTH command: `begin` with the initial response, then `respond` to each challenge, until it is no challenge any more. */
export interface AuthExchange {
  begin(initial: string | null): Promise<AuthStep>;
  respond(line: string): Promise<AuthStep>;
}

class PasswordExchange implements AuthExchange {
  readonly #credentials: Credentials;
  readonly #mechanism: SaslMechanism;
  readonly #client: string;
  #user: string | null = null;

  constructor(credentials: Credentials, mechanism: SaslMechanism, client: string) {
    this.#credentials = credentials;
    this.#mechanism = mechanism;
    this.#client = client;
  }

  async begin(initial: string | null): Promise<AuthStep> {
    if (initial !== null) return this.respond(initial);
    return { kind: "challenge", text: this.#mechanism === "PLAIN" ? "" : encodeChallenge("Username:") };
  }

  async respond(line: string): Promise<AuthStep> {
    if (line === "*") return CANCELLED;
    const response = decodeResponse(line);
    if (!response.ok) return faultStep(response.error);
    if (this.#mechanism === "LOGIN" && this.#user === null) {
      this.#user = response.value;
      return { kind: "challenge", text: encodeChallenge("Password:") };
    }
    const login = this.#user === null ? parsePlain(response.value) : checkLogin(this.#user, response.value);
    return login.ok ? this.#credentials.checkPassword(login.value, this.#client) : faultStep(login.error);
  }
}

class ScramExchange implements AuthExchange {
  readonly #credentials: Credentials;
  readonly #client: string;
  #first: ScramClientFirst | null = null;
  #held: { readonly verifier: ScramVerifier; readonly known: boolean } | null = null;
  #serverFirst = "";
  #nonce = "";
  #user: string | null = null;

  constructor(credentials: Credentials, client: string) {
    this.#credentials = credentials;
    this.#client = client;
  }

  async begin(initial: string | null): Promise<AuthStep> {
    return initial === null ? { kind: "challenge", text: "" } : this.respond(initial);
  }

  async respond(line: string): Promise<AuthStep> {
    if (line === "*") return CANCELLED;
    const response = decodeResponse(line);
    if (!response.ok) return faultStep(response.error);
    if (this.#first === null) return this.#greet(response.value);
    // The client has seen our signature and agrees with an empty line.
    if (this.#user !== null)
      return response.value === "" ? { kind: "authenticated", user: this.#user } : faultStep("syntax");
    return this.#prove(this.#first, response.value);
  }

  async #greet(message: string): Promise<AuthStep> {
    const first = parseScramClientFirst(message);
    if (!first.ok) return faultStep(first.error);
    this.#first = first.value;
    this.#held = await this.#credentials.verifierOf(first.value.user);
    this.#nonce = `${first.value.nonce}${this.#credentials.serverNonce()}`;
    this.#serverFirst = formatScramServerFirst(this.#nonce, this.#held.verifier.salt, this.#held.verifier.iterations);
    return { kind: "challenge", text: encodeChallenge(this.#serverFirst) };
  }

  async #prove(first: ScramClientFirst, message: string): Promise<AuthStep> {
    const final = parseScramClientFinal(message);
    if (!final.ok) return faultStep(final.error);
    const { channelHeader, nonce, proof, withoutProof } = final.value;
    if (this.#held === null || channelHeader !== first.channelHeader || nonce !== this.#nonce) return DENIED;
    const authMessage = scramAuthMessage(first.bare, this.#serverFirst, withoutProof);
    const answer = await this.#credentials.checkProof(this.#client, first.user, this.#held, authMessage, proof);
    if (answer.kind !== "authenticated" || answer.signature === undefined) return answer;
    this.#user = answer.user;
    return { kind: "challenge", text: encodeChallenge(formatScramServerFinal(answer.signature)) };
  }
}

function faultStep(fault: SaslFault): AuthStep {
  switch (fault) {
    case "denied":
      return DENIED;
    case "base64":
      return { kind: "ended", reply: reply(501, "5.5.2", "Not base64") };
    case "syntax":
      return { kind: "ended", reply: reply(501, "5.5.2", "Not a message of this mechanism") };
  }
}

function keysOf(cryptography: Cryptography, salted: Uint8Array): { storedKey: Uint8Array; serverKey: Uint8Array } {
  const clientKey = cryptography.hmacSha256(salted)(octetsOf("Client Key"));
  return {
    storedKey: cryptography.sha256(clientKey),
    serverKey: cryptography.hmacSha256(salted)(octetsOf("Server Key")),
  };
}

function octetsOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
