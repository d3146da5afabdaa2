import { err, ok, type Result } from "../base/result.ts";
import { decodeBase64, encodeBase64 } from "../base/base64.ts";

/** `base64`: 501 5.5.2. `syntax`: 501 5.5.4 with a mechanism's own grammar broken. `denied`: what can never be right, 535 5.7.8. */
export type SaslFault = "base64" | "syntax" | "denied";

/** User names and passwords, in octets. */
export const SASL_NAME_OCTETS_MAX = 255;
export const SASL_PASSWORD_OCTETS_MAX = 1_024;

export interface PasswordLogin {
  readonly user: string;
  readonly password: string;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A response of an AUTH exchange; `=` alone is the empty one of an initial response (RFC 4954 §4). */
export function decodeResponse(text: string): Result<string, SaslFault> {
  const octets = decodeBase64(text === "=" ? "" : text);
  if (octets === null) return err("base64");
  try {
    return ok(UTF8.decode(octets));
  } catch {
    return err("denied");
  }
}

export function encodeChallenge(text: string): string {
  return encodeBase64(new TextEncoder().encode(text));
}

/** `[authzid] NUL authcid NUL passwd` (RFC 4616). To act for somebody else is not offered. */
export function parsePlain(message: string): Result<PasswordLogin, SaslFault> {
  const parts = message.split("\0", 4);
  const [authorize, user, password] = parts;
  if (parts.length !== 3 || authorize === undefined || user === undefined || password === undefined)
    return err("denied");
  if (authorize !== "" && authorize !== user) return err("denied");
  return checkLogin(user, password);
}

/** A name and password that could belong to somebody: not empty, not too long, without NUL. */
export function checkLogin(user: string, password: string): Result<PasswordLogin, SaslFault> {
  const name = saslPrep(user);
  const secret = saslPrep(password);
  if (name === null || secret === null || name === "" || secret === "") return err("denied");
  if (utf8Octets(name) > SASL_NAME_OCTETS_MAX || utf8Octets(secret) > SASL_PASSWORD_OCTETS_MAX) return err("denied");
  return ok({ user: name, password: secret });
}

/**
 * The heart of SASLprep (RFC 4013): spaces become SPACE, invisible characters go, NFKC; null where controls or lone surrogates
 * stand. Verifiers must be made of passwords that went through here.
 */
export function saslPrep(text: string): string | null {
  let mapped = "";
  for (const char of text) {
    const c = char.codePointAt(0) ?? 0;
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c <= 0xdfff)) return null;
    if (c === 0xa0 || c === 0x1680 || (c >= 0x2000 && c <= 0x200a) || c === 0x202f || c === 0x205f || c === 0x3000)
      mapped += " ";
    else if (!isMappedToNothing(c)) mapped += char;
  }
  return mapped.normalize("NFKC");
}

/** RFC 3454 table B.1. */
function isMappedToNothing(c: number): boolean {
  if (c === 0xad || c === 0x34f || c === 0x1806 || c === 0x2060 || c === 0xfeff) return true;
  return (c >= 0x180b && c <= 0x180d) || (c >= 0x200b && c <= 0x200d) || (c >= 0xfe00 && c <= 0xfe0f);
}

function utf8Octets(text: string): number {
  return new TextEncoder().encode(text).length;
}

export interface ScramClientFirst {
  readonly user: string;
  readonly nonce: string;
  /** `n=…,r=…`: goes into what both sides sign. */
  readonly bare: string;
  /** `n,,` or `y,,`: must come back in the last message. */
  readonly channelHeader: string;
}

/** `n,,n=user,r=nonce` (RFC 5802 §7). Channel binding is not offered, and to act for somebody else neither. */
export function parseScramClientFirst(message: string): Result<ScramClientFirst, SaslFault> {
  const first = message.indexOf(",");
  const second = message.indexOf(",", first + 1);
  if (first < 0 || second < 0) return err("syntax");
  const flag = message.slice(0, first);
  const authorize = message.slice(first + 1, second);
  const bare = message.slice(second + 1);
  if (flag !== "n" && flag !== "y") return err(flag.startsWith("p=") ? "denied" : "syntax");
  const [name, nonce, ...extensions] = bare.split(",", 8);
  if (name === undefined || nonce === undefined || !name.startsWith("n=") || !nonce.startsWith("r="))
    return err("syntax");
  if (extensions.some((extension) => extension.startsWith("m="))) return err("denied");
  const user = unescapeName(name.slice(2));
  const random = nonce.slice(2);
  if (user === null || !isNonce(random)) return err("syntax");
  const prepared = saslPrep(user);
  if (prepared === null || prepared === "" || utf8Octets(prepared) > SASL_NAME_OCTETS_MAX) return err("denied");
  if (authorize !== "" && authorize !== `a=${name.slice(2)}`) return err("denied");
  return ok({ user: prepared, nonce: random, bare, channelHeader: message.slice(0, second + 1) });
}

export function formatScramServerFirst(nonce: string, salt: Uint8Array, iterations: number): string {
  return `r=${nonce},s=${encodeBase64(salt)},i=${iterations}`;
}

export interface ScramClientFinal {
  readonly channelHeader: string;
  readonly nonce: string;
  readonly proof: Uint8Array;
  /** All before `,p=`: goes into what both sides sign. */
  readonly withoutProof: string;
}

/** `c=biws,r=nonce,p=proof` (RFC 5802 §7). */
export function parseScramClientFinal(message: string): Result<ScramClientFinal, SaslFault> {
  const proofAt = message.lastIndexOf(",p=");
  if (proofAt < 0) return err("syntax");
  const withoutProof = message.slice(0, proofAt);
  const [channel, nonce] = withoutProof.split(",", 3);
  if (channel === undefined || nonce === undefined || !channel.startsWith("c=") || !nonce.startsWith("r="))
    return err("syntax");
  const proof = decodeBase64(message.slice(proofAt + 3));
  const header = decodeResponse(channel.slice(2));
  if (proof?.length !== 32 || !header.ok) return err("syntax");
  return ok({ channelHeader: header.value, nonce: nonce.slice(2), proof, withoutProof });
}

/** What client and server both sign (RFC 5802 §3). */
export function scramAuthMessage(
  clientFirstBare: string,
  serverFirst: string,
  clientFinalWithoutProof: string,
): string {
  return `${clientFirstBare},${serverFirst},${clientFinalWithoutProof}`;
}

export function formatScramServerFinal(signature: Uint8Array): string {
  return `v=${encodeBase64(signature)}`;
}

/** `=2C` is a comma, `=3D` an equals sign; null where an equals sign stands for anything else. */
function unescapeName(text: string): string | null {
  let name = "";
  for (let at = 0; at < text.length;) {
    const equals = text.indexOf("=", at);
    if (equals < 0) return name + text.slice(at);
    const code = text.slice(equals, equals + 3);
    if (code !== "=2C" && code !== "=3D") return null;
    name += text.slice(at, equals) + (code === "=2C" ? "," : "=");
    at = equals + 3;
  }
  return name;
}

/** Printable ASCII without the comma, of a length that is random enough and not endless. */
function isNonce(text: string): boolean {
  if (text.length < 8 || text.length > 128) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x21 || c > 0x7e || c === 0x2c) return false;
  }
  return true;
}
