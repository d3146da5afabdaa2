import { err, ok, type Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import { parseDomain, type Domain } from "../mail/domain.ts";
import type { TlsFailureType } from "./tls-result.ts";

/** A policy of MTA-STS (RFC 8461 §3.2). */
export interface StsPolicy {
  readonly mode: "enforce" | "testing" | "none";
  /** Lower-case names, or `*.` and a name. Empty in mode `none` only. */
  readonly mx: readonly string[];
  readonly maxAgeSeconds: number;
  /** As they stand in the policy, for TLSRPT. */
  readonly lines: readonly string[];
}

/** Why a policy cannot be had. */
export interface StsFetchFault {
  readonly type: TlsFailureType;
  readonly reason: string;
}

/** A policy of MTA-STS as it came. */
export interface KeptStsPolicy {
  readonly domain: Domain;
  /** Of the record that announced it. */
  readonly id: string;
  readonly fetchedAt: Instant;
  readonly text: string;
}

/** Patterns of one policy; more are a mistake. */
const MX_MAX = 64;
const LINES_MAX = 256;
/** About a year (RFC 8461 §3.2). */
const MAX_AGE_SECONDS_MAX = 31_557_600;

/**
 * The id of the policy, by the texts of `_mta-sts.DOMAIN` (RFC 8461 §3.1); null where there is no policy. Several records that begin
 * so are none.
 */
export function parseStsRecord(texts: readonly string[]): string | null {
  const records = texts.filter((text) => /^v=STSv1[ \t]*(?:;|$)/.test(text));
  const [record] = records;
  if (record === undefined || records.length > 1) return null;
  return /;[ \t]*id=([a-zA-Z0-9]{1,32})[ \t]*(?:;|$)/.exec(record)?.[1] ?? null;
}

/** Reads a policy; the fault says what is wrong with it. Fields that are not known are passed over; of one that stands twice the first counts. */
export function parseStsPolicy(text: string): Result<StsPolicy, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length > LINES_MAX) return err("it has too many lines");
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const line of lines) {
    const parts = /^([a-zA-Z0-9][a-zA-Z0-9_.-]{0,31})[ \t]*:[ \t]*(\S(?:.*\S)?)[ \t]*$/.exec(line);
    if (parts === null) return err("a line is no field with a value");
    const [, name = "", value = ""] = parts;
    if (name === "mx") mx.push(value.toLowerCase().replace(/\.$/, ""));
    else if (!fields.has(name)) fields.set(name, value);
  }
  if (fields.get("version") !== "STSv1") return err("its version is not STSv1");
  const mode = (["enforce", "testing", "none"] as const).find((one) => one === fields.get("mode"));
  if (mode === undefined) return err("its mode is not enforce, testing or none");
  const maxAge = fields.get("max_age") ?? "";
  if (!/^\d{1,10}$/.test(maxAge)) return err("its max_age is no number of seconds");
  if (!mx.every(isPattern)) return err("an mx is no name of a host");
  if (mx.length > MX_MAX) return err("it names too many mx");
  if (mx.length === 0 && mode !== "none") return err("it names no mx");
  return ok({ mode, mx, maxAgeSeconds: Math.min(Number(maxAge), MAX_AGE_SECONDS_MAX), lines });
}

function isPattern(pattern: string): boolean {
  return parseDomain(pattern.replace(/^\*\./, "")).ok;
}

/** Whether the policy names this exchanger; `*.` stands for exactly one label (RFC 8461 §4.1). */
export function isNamedBySts(host: string, { mx }: Pick<StsPolicy, "mx">): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  const dot = name.indexOf(".");
  return mx.some((pattern) => pattern === name || (dot > 0 && pattern === `*${name.slice(dot)}`));
}
