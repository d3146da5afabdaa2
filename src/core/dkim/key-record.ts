import type { DkimAlgorithm, DkimKey } from "./key.ts";
import { tagsOf } from "./tag-list.ts";

/** Octets of an RSA key of 2,048 bits as SubjectPublicKeyInfo: what is shorter is too short (RFC 8301 §3.2). */
const RSA_2048_OCTETS = 294;
/** Octets of one string of a TXT record (RFC 1035 §3.3.14). */
const STRING_OCTETS_MAX = 255;

/** The text of the TXT record (RFC 6376 §3.6.1). */
export function formatKeyRecord({ algorithm, publicKey }: Pick<DkimKey, "algorithm" | "publicKey">): string {
  return `v=DKIM1; k=${keyType(algorithm)}; p=${publicKey}`;
}

/** A line for a zone file: the text in strings of at most 255 octets. */
export function formatZoneLine(name: string, text: string): string {
  const strings: string[] = [];
  for (let at = 0; at < text.length; at += STRING_OCTETS_MAX) {
    strings.push(`"${text.slice(at, at + STRING_OCTETS_MAX)}"`);
  }
  return `${name}. IN TXT ( ${strings.join(" ")} )`;
}

/** What is published beside what should be. */
export type Published =
  | "published"
  | "missing"
  /** `p=` is empty: the key is withdrawn. */
  | "revoked"
  /** Several records stand there: a verifier may take any. */
  | "several"
  | "different"
  /** Another key than ours, and one too short to be believed. */
  | "too-short"
  /** `t=y`: verifiers may treat signed mail like unsigned. */
  | "testing";

/** `texts`: each record of the name, its strings joined. */
export function comparePublished(key: Pick<DkimKey, "algorithm" | "publicKey">, texts: readonly string[]): Published {
  const records = texts.map(tagsOf).filter((tags) => (tags.has("v") ? tags.get("v") === "DKIM1" : tags.has("p")));
  const [tags] = records;
  if (tags === undefined) return "missing";
  if (records.length > 1) return "several";
  const p = (tags.get("p") ?? "").replaceAll(/\s/g, "");
  if (p === "") return "revoked";
  const type = tags.get("k") ?? "rsa";
  if (type === "rsa" && p !== key.publicKey && Math.floor((p.replace(/=+$/, "").length * 3) / 4) < RSA_2048_OCTETS) {
    return "too-short";
  }
  const allows = (tag: string, ...values: readonly string[]): boolean =>
    (tags.get(tag)?.split(":") ?? values).some((value) => values.includes(value.trim()));
  const isUsable = allows("h", "sha256") && allows("s", "*", "email");
  if (p !== key.publicKey || type !== keyType(key.algorithm) || !isUsable) return "different";
  return tags.get("t")?.split(":").includes("y") === true ? "testing" : "published";
}

function keyType(algorithm: DkimKey["algorithm"]): "rsa" | "ed25519" {
  return algorithm === "rsa-sha256" ? "rsa" : "ed25519";
}

/** A key that a domain published, for those who verify. */
export interface PublishedKey {
  readonly type: "rsa" | "ed25519";
  /** The octets of `p=`, in base64 without white space. */
  readonly publicKey: string;
}

/**
 * What is published to verify signatures of this algorithm with (RFC 6376 §3.6.1). A fault is a phrase: nothing can be verified then. `texts`: each
 * record of the name, its strings joined.
 */
export function readPublished(algorithm: DkimAlgorithm, texts: readonly string[]): PublishedKey | string {
  const records = texts.map(tagsOf).filter((tags) => (tags.has("v") ? tags.get("v") === "DKIM1" : tags.has("p")));
  const [tags] = records;
  if (tags === undefined) return "no key";
  if (records.length > 1) return "several keys";
  const publicKey = (tags.get("p") ?? "").replaceAll(/\s/g, "");
  if (publicKey === "") return "key withdrawn";
  if (!/^[A-Za-z0-9+/]{1,1400}={0,2}$/.test(publicKey)) return "bad key";
  const allows = (tag: string, ...values: readonly string[]): boolean =>
    (tags.get(tag)?.split(":") ?? values).some((value) => values.includes(value.trim()));
  const type = keyType(algorithm);
  if ((tags.get("k") ?? "rsa") !== type) return "key of another kind";
  return allows("h", "sha256") && allows("s", "*", "email") ? { type, publicKey } : "key not for this";
}
