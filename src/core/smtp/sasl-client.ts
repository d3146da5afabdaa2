import { printable } from "../base/printable.ts";
import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import { encodeHex } from "../base/hex.ts";
import type { AuthMethod } from "../mail/next-hop-terms.ts";

/** Mechanisms by which we say who we are to a next hop, as AUTH names them. */
export type ClientMechanism = "PLAIN" | "LOGIN" | "CRAM-MD5" | "XOAUTH2" | "OAUTHBEARER";

/** A line of an exchange without its CRLF (RFC 4954 §4: what mechanisms in use need). */
export const AUTH_RESPONSE_OCTETS_MAX = 12_288;
/** An AUTH command with its initial response and CRLF (RFC 4954 §4, RFC 5321 §4.5.3.1.4); what is longer waits for the challenge. */
const AUTH_COMMAND_OCTETS_MAX = 512;

/**
 * Best first. Under TLS, and nothing is said without it, PLAIN is what every server stores passwords for; CRAM-MD5 is often offered
 * by servers that cannot check it.
 */
const BY_PASSWORD: readonly ClientMechanism[] = ["PLAIN", "LOGIN", "CRAM-MD5"];
const BY_TOKEN: readonly ClientMechanism[] = ["OAUTHBEARER", "XOAUTH2"];

/** The mechanism to be used; null where none that was offered fits the method and what we have, a password or a token. */
export function chooseMechanism(
  method: AuthMethod,
  have: "password" | "token",
  offered: readonly string[],
): ClientMechanism | null {
  const able = have === "password" ? BY_PASSWORD : BY_TOKEN;
  const wanted = method === "auto" ? able : able.filter((one) => one === method.toUpperCase());
  return wanted.find((one) => offered.includes(one)) ?? null;
}

/** What could have been used, for a sentence. */
export function mechanismsOf(method: AuthMethod, have: "password" | "token"): string {
  if (method !== "auto") return `AUTH ${method.toUpperCase()}`;
  return (have === "password" ? BY_PASSWORD : BY_TOKEN).map((one) => `AUTH ${one}`).join(", ");
}

/** The AUTH command with its first response where that fits the line, else without: the server asks for it. `""` is sent as `=`. */
export function authCommand(mechanism: ClientMechanism, initial: string | null): string {
  const bare = `AUTH ${mechanism}`;
  if (initial === null) return bare;
  const line = `${bare} ${initial === "" ? "=" : initial}`;
  return line.length + 2 > AUTH_COMMAND_OCTETS_MAX ? bare : line;
}

/** RFC 4616. */
export function plainResponse(user: string, password: string): string {
  return encode(`\0${user}\0${password}`);
}

export function loginResponse(text: string): string {
  return encode(text);
}

/** `user SP hex(HMAC-MD5(password, challenge))` (RFC 2195 §2). */
export function cramMd5Response(user: string, digest: Uint8Array): string {
  return encode(`${user} ${encodeHex(digest)}`);
}

/** Octets of a 334; null where it is no base64. */
export function challengeOf(text: readonly string[]): Uint8Array | null {
  return decodeBase64((text[0] ?? "").trim());
}

/** The mechanism of Google and Microsoft: `user=` and `auth=`, each ended by ^A, and one ^A more. */
export function xoauth2Response(user: string, token: string): string {
  return encode(`user=${user}\x01auth=Bearer ${token}\x01\x01`);
}

/** RFC 7628 §3.1, with the GS2 header of RFC 5801 §4. */
export function oauthBearerResponse(user: string, token: string, host: string, port: number): string {
  const name = user.replaceAll("=", "=3D").replaceAll(",", "=2C");
  return encode(`n,a=${name},\x01host=${host}\x01port=${port}\x01auth=Bearer ${token}\x01\x01`);
}

/** The answer to the server's reasons, which ends the exchange: RFC 7628 §3.2.3, and an empty line for XOAUTH2. */
export function tokenErrorResponse(mechanism: ClientMechanism): string {
  return mechanism === "OAUTHBEARER" ? encode("\x01") : "";
}

const FIELD_MAX = 200;

/** The reasons of a server that would not have a token (RFC 7628 §3.2.2), in words: `status invalid_token, scope …`; "" where it gave none. */
export function describeTokenError(challenge: Uint8Array | null): string {
  if (challenge === null) return "";
  let said: unknown;
  try {
    said = JSON.parse(new TextDecoder().decode(challenge));
  } catch {
    return "";
  }
  if (typeof said !== "object" || said === null) return "";
  const fields = said as Readonly<Record<string, unknown>>;
  return ["status", "scope"]
    .flatMap((name) => {
      const value = fields[name];
      return typeof value === "string" && value !== "" ? [`${name} ${printable(value, FIELD_MAX)}`] : [];
    })
    .join(", ");
}

/**
 * Text of a server with what is ours taken out, should it say it back: every secret as it is and as base64 carried it. A secret is
 * looked for whole: a server that means to betray it has better ways.
 */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) if (secret !== "") shown = shown.replaceAll(secret, "***");
  return shown;
}

/** The text in the forms in which a server may say it back. */
export function formsOf(secret: string): readonly string[] {
  return [encode(secret), secret, printable(secret, secret.length * 8)];
}

function encode(text: string): string {
  return encodeBase64(new TextEncoder().encode(text));
}
