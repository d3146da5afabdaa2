import type { Instant } from "../base/time.ts";
import { relaxedField } from "../dkim/canonical-header.ts";
import {
  BASE64,
  plain,
  readSignature,
  readSigner,
  withoutSignature,
  type ReceivedSignature,
} from "../dkim/received-signature.ts";
import { strictTagsOf } from "../dkim/tag-list.ts";
import type { Domain } from "../mail/domain.ts";
import type { HeaderField } from "../mail/header-fields.ts";

/** RFC 8617 §4.2.1. */
export const INSTANCES_MAX = 50;

/** What somebody who validated a chain said of it (RFC 8617 §4.4). */
export type ChainValidation = "none" | "pass" | "fail";

/** One seal of a chain. */
export interface ReceivedSeal {
  readonly instance: number;
  readonly domain: Domain;
  readonly selector: string;
  readonly signature: string;
  /** What it is of. */
  readonly text: string;
}

export type ArcChain =
  | { readonly kind: "none" }
  /** It cannot be valid, or one before us found that it is not; nothing need be looked up for that. */
  | { readonly kind: "broken"; readonly why: string; readonly instances: number; readonly isMarked: boolean }
  | {
      readonly kind: "chain";
      readonly instances: number;
      /** The ARC-Message-Signature of the newest set. */
      readonly message: ReceivedSignature;
      /** The newest first. */
      readonly seals: readonly ReceivedSeal[];
      /** All sets in order, canonical, each field with its CRLF: the next seal is of them. */
      readonly canonical: string;
    };

const NAMES = ["arc-authentication-results", "arc-message-signature", "arc-seal"] as const;
type ArcName = (typeof NAMES)[number];

interface ArcSet {
  readonly results: HeaderField;
  readonly message: HeaderField;
  readonly seal: HeaderField;
}

/** Reads the chain of a header as far as that goes without keys (RFC 8617 §5.2, steps 1 to 3). Linear, never throws. */
export function readChain(fields: readonly HeaderField[], now: Instant): ArcChain {
  const found = new Map<string, HeaderField>();
  let instances = 0;
  let fault: string | null = null;
  for (const field of fields) {
    if (!isArcName(field.name)) continue;
    const instance = instanceOf(field);
    const key = `${field.name} ${instance}`;
    if (instance === 0) fault = "a field without an instance";
    else if (found.has(key)) fault = "a field that is there twice";
    found.set(key, field);
    instances = Math.max(instances, instance);
  }
  if (found.size === 0) return { kind: "none" };
  const broken = (why: string, isMarked = false): ArcChain => ({ kind: "broken", why, instances, isMarked });
  if (sealTags(found.get(`arc-seal ${instances}`))?.get("cv") === "fail") return broken("it failed before", true);
  if (fault !== null) return broken(fault);
  const sets: ArcSet[] = [];
  for (let i = 1; i <= instances; i++) {
    const [results, message, seal] = NAMES.map((name) => found.get(`${name} ${i}`));
    if (results === undefined || message === undefined || seal === undefined) return broken("a set that is not whole");
    sets.push({ results, message, seal });
  }
  return readSets(sets, now) ?? broken("a seal that cannot be one");
}

function readSets(sets: readonly ArcSet[], now: Instant): ArcChain | null {
  const seals: ReceivedSeal[] = [];
  let canonical = "";
  for (const [i, { results, message, seal }] of sets.entries()) {
    const tags = sealTags(seal);
    const signer = tags === null ? null : readSigner(tags);
    const signature = plain(tags?.get("b"));
    if (tags === null || signer === null || tags.get("a") !== "rsa-sha256" || !BASE64.test(signature)) return null;
    // Fields that are not its own have no place in a seal.
    if (tags.has("h") || tags.get("cv") !== (i === 0 ? "none" : "pass")) return null;
    canonical += `${relaxedField(results)}\r\n${relaxedField(message)}\r\n`;
    seals.unshift({ instance: i + 1, ...signer, signature, text: canonical + relaxedField(withoutSignature(seal)) });
    canonical += `${relaxedField(seal)}\r\n`;
  }
  const newest = sets.at(-1);
  const message = newest === undefined ? "none" : readSignature(newest.message, now);
  if (typeof message === "string" || message.algorithm !== "rsa-sha256") return null;
  return { kind: "chain", instances: sets.length, message, seals, canonical };
}

function sealTags(field: HeaderField | undefined): Map<string, string> | null {
  return field === undefined ? null : strictTagsOf(field.value.replaceAll("\r\n", ""));
}

function isArcName(name: string): name is ArcName {
  return NAMES.includes(name as ArcName);
}

/** 0 where there is none of 1 to 50. */
function instanceOf({ name, value }: HeaderField): number {
  const pattern =
    name === "arc-authentication-results" ? /^\s*i\s*=\s*(\d{1,2})\s*;/ : /(?:^|;)\s*i\s*=\s*(\d{1,2})\s*(?:;|$)/;
  const instance = Number(pattern.exec(value)?.[1] ?? 0);
  return instance <= INSTANCES_MAX ? instance : 0;
}
