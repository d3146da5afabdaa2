import { printable } from "../base/printable.ts";

/** What an endpoint answered: status, and the body as text. `retryAfterMs`: of Retry-After (RFC 9110 §10.2.3), null without one. */
export interface EndpointAnswer {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number | null;
}

/**
 * `refused`: the provider will say the same until somebody changes something; `error` is its code, such as `invalid_client`.
 * `trouble`: passing. Both `words` are fit for people.
 */
export type TokenAnswer =
  | {
      readonly kind: "token";
      readonly accessToken: string;
      readonly expiresInMs: number;
      /** Takes the place of the one before; null where that stays (RFC 6749 §6). */
      readonly refreshToken: string | null;
    }
  | { readonly kind: "refused"; readonly error: string; readonly words: string }
  | { readonly kind: "trouble"; readonly words: string; readonly retryAfterMs: number | null };

/** As long a token as fits a line of AUTH in base64 (RFC 4954 §4), with what stands around it. */
export const ACCESS_TOKEN_OCTETS_MAX = 8_192;
const REFRESH_TOKEN_OCTETS_MAX = 16_384;
const WORDS_MAX = 400;
/** Where the provider does not say (RFC 6749 §5.1 recommends that it does); and the most that is believed. */
const LIFE_S_DEFAULT = 600;
const LIFE_S_MAX = 86_400;

type Fields = Readonly<Record<string, unknown>>;

/** Reads the answer to a request for a token (RFC 6749 §5), field by field. */
export function readTokenAnswer(answer: EndpointAnswer): TokenAnswer {
  const fields = fieldsOf(answer.body);
  if (answer.status !== 200) return readError(answer, fields);
  const accessToken = textOf(fields, "access_token");
  if (!/^[\x21-\x7e]+$/.test(accessToken) || accessToken.length > ACCESS_TOKEN_OCTETS_MAX) {
    return trouble("it answered 200 without a token that can be used");
  }
  const type = textOf(fields, "token_type");
  if (type.toLowerCase() !== "bearer") return trouble(`it gave a token of type ${shown(type)} instead of Bearer`);
  const refreshToken = textOf(fields, "refresh_token");
  return {
    kind: "token",
    accessToken,
    expiresInMs: secondsOf(fields, "expires_in", LIFE_S_DEFAULT, LIFE_S_MAX) * 1_000,
    refreshToken: refreshToken === "" || refreshToken.length > REFRESH_TOKEN_OCTETS_MAX ? null : refreshToken,
  };
}

function readError(answer: EndpointAnswer, fields: Fields | null): TokenAnswer {
  const { status, retryAfterMs } = answer;
  const error = textOf(fields, "error");
  const description = textOf(fields, "error_description");
  const words = wordsOf(status, error, description);
  const isPassing = status === 429 || status >= 500 || status === 408 || PASSING.has(error);
  if (isPassing || status < 400 || error === "") return { kind: "trouble", words, retryAfterMs };
  return { kind: "refused", error: shown(error), words };
}

/** RFC 6749 §4.1.2.1, which providers say at the token endpoint too. */
const PASSING: ReadonlySet<string> = new Set(["temporarily_unavailable", "server_error"]);

/** Microsoft's description ends in ids and a time that are another's at each answer. */
function wordsOf(status: number, error: string, description: string): string {
  const told = description.split(/\s*(?:\r?\n)?Trace ID:/, 1)[0] ?? "";
  const said = [error, told].filter((text) => text !== "").map(shown);
  return said.length === 0 ? `it answered ${status}` : `it answered ${status} ${said.join(": ")}`;
}

/** What a person needs in order to log in (RFC 8628 §3.2). */
export interface DevicePrompt {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly expiresInMs: number;
  readonly intervalMs: number;
}

const CODE_MAX = 4_096;
const PROMPT_MAX = 500;
const DEVICE_LIFE_S_DEFAULT = 900;
const DEVICE_LIFE_S_MAX = 3_600;
/** RFC 8628 §3.2 and §3.5. */
const INTERVAL_S_DEFAULT = 5;
const INTERVAL_S_MAX = 60;
export const SLOW_DOWN_MS = 5_000;

export function readDeviceAnswer(answer: EndpointAnswer): DevicePrompt | Exclude<TokenAnswer, { kind: "token" }> {
  const fields = fieldsOf(answer.body);
  if (answer.status !== 200) return readError(answer, fields) as Exclude<TokenAnswer, { kind: "token" }>;
  const deviceCode = textOf(fields, "device_code");
  const userCode = textOf(fields, "user_code");
  // Google called it verification_url before there was a standard.
  const verificationUri = textOf(fields, "verification_uri") || textOf(fields, "verification_url");
  if (deviceCode === "" || deviceCode.length > CODE_MAX || userCode === "" || !/^https?:\/\//.test(verificationUri)) {
    return trouble("it answered 200 without a code that a person could type");
  }
  return {
    deviceCode,
    userCode: printable(userCode, PROMPT_MAX),
    verificationUri: printable(verificationUri, PROMPT_MAX),
    expiresInMs: secondsOf(fields, "expires_in", DEVICE_LIFE_S_DEFAULT, DEVICE_LIFE_S_MAX) * 1_000,
    intervalMs: Math.max(1, secondsOf(fields, "interval", INTERVAL_S_DEFAULT, INTERVAL_S_MAX)) * 1_000,
  };
}

function trouble(words: string): { kind: "trouble"; words: string; retryAfterMs: null } {
  return { kind: "trouble", words, retryAfterMs: null };
}

function shown(text: string): string {
  return printable(text.trim().replaceAll(/\s+/g, " "), WORDS_MAX);
}

function fieldsOf(body: string): Fields | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}

function textOf(fields: Fields | null, name: string): string {
  const value = fields !== null && Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === "string" ? value : "";
}

/** A number of seconds, also where it was written as text, as some providers do. */
function secondsOf(fields: Fields | null, name: string, otherwise: number, max: number): number {
  const value = fields !== null && Object.hasOwn(fields, name) ? Number(fields[name]) : Number.NaN;
  return Number.isFinite(value) && value > 0 ? Math.min(Math.floor(value), max) : otherwise;
}
