import type { Instant } from "../base/time.ts";
import { encodeBase64Url } from "../base/base64.ts";
import type { OAuthAccount } from "./account.ts";

/** Fields of a form, in order. */
export type Form = readonly (readonly [name: string, value: string])[];

/** `application/x-www-form-urlencoded`. */
export function formatForm(form: Form): string {
  return form.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
}

function encode(text: string): string {
  const kept = /[A-Za-z0-9*._-]/;
  let encoded = "";
  for (const octet of new TextEncoder().encode(text)) {
    const char = String.fromCharCode(octet);
    encoded += kept.test(char) ? char : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** What an account proves itself with at this moment: its secret, or an assertion that was signed for this request. */
export interface Proof {
  readonly secret: string;
  readonly assertion: string;
}

/** The request for a token (RFC 6749 §4.4.2 and §6, RFC 7523 §2.1). */
export function tokenForm(account: OAuthAccount, proof: Proof, refreshToken: string): Form {
  switch (account.grant) {
    case "client-credentials":
      return [["grant_type", "client_credentials"], ...scopeOf(account), ...clientFields(account, proof)];
    case "refresh-token":
      return [
        ["grant_type", "refresh_token"],
        ["refresh_token", refreshToken],
        ...scopeOf(account),
        ...clientFields(account, proof),
      ];
    case "service-account":
      return [
        ["grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        ["assertion", proof.assertion],
      ];
  }
}

/** The question for a code that a person types (RFC 8628 §3.1), and the one whether it was (§3.4). */
export function deviceForm(account: OAuthAccount, proof: Proof): Form {
  return [...clientFields(account, proof), ...scopeOf(account)];
}

export function deviceTokenForm(account: OAuthAccount, proof: Proof, deviceCode: string): Form {
  return [
    ["grant_type", "urn:ietf:params:oauth:grant-type:device_code"],
    ["device_code", deviceCode],
    ...clientFields(account, proof),
  ];
}

function scopeOf({ scope }: OAuthAccount): Form {
  return scope === "" ? [] : [["scope", scope]];
}

/** Who asks: in the body, where all providers read it (RFC 6749 §2.3.1). */
function clientFields({ clientId, proof: kind }: OAuthAccount, { secret, assertion }: Proof): Form {
  const client: Form = [["client_id", clientId]];
  if (kind === "secret") return [...client, ["client_secret", secret]];
  if (kind === "none") return client;
  return [
    ...client,
    ["client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
    ["client_assertion", assertion],
  ];
}

/** PS256 is what Microsoft asks for, RS256 what Google takes (RFC 7518 §3). */
export type AssertionAlgorithm = "RS256" | "PS256";

export function assertionAlgorithm(account: OAuthAccount): AssertionAlgorithm {
  return account.grant === "service-account" ? "RS256" : "PS256";
}

/** Assertions are good for so long: an hour is the most that Google takes, ten minutes what Microsoft advises. */
const ASSERTION_S = 600;

/** What is signed of an assertion (RFC 7523 §3, RFC 7515 §5.1): header and claims. `id` makes it one of its kind. */
export function assertionInput(account: OAuthAccount, at: Instant, id: string): string {
  const now = Math.floor(at / 1_000);
  const { clientId, tokenEndpoint, keyId } = account;
  const alg = assertionAlgorithm(account);
  const header =
    account.grant === "service-account" ? { alg, typ: "JWT", kid: keyId } : { alg, typ: "JWT", "x5t#S256": keyId };
  const times = { iat: now, exp: now + ASSERTION_S };
  const claims =
    account.grant === "service-account"
      ? { iss: clientId, sub: account.user, aud: tokenEndpoint, scope: account.scope, ...times }
      : { iss: clientId, sub: clientId, aud: tokenEndpoint, jti: id, nbf: now, ...times };
  return `${part(header)}.${part(claims)}`;
}

function part(value: object): string {
  return encodeBase64Url(new TextEncoder().encode(JSON.stringify(value)));
}
