import type { DkimResult } from "../core/arc/set.ts";
import type { Limits } from "../core/base/limits.ts";
import { RelaxedBody } from "../core/dkim/canonical-body.ts";
import type { Canonicalization } from "../core/dkim/canonical-header.ts";
import { recordName } from "../core/dkim/key.ts";
import { readPublished } from "../core/dkim/key-record.ts";
import { plain, receivedText, type ReceivedSignature } from "../core/dkim/received-signature.ts";
import { SimpleBody } from "../core/dkim/simple-body.ts";
import { tagsOf } from "../core/dkim/tag-list.ts";
import { skipping } from "../core/mail/content.ts";
import { parseDomain } from "../core/mail/domain.ts";
import { HeaderReader, latin1Octets, type HeaderField } from "../core/mail/header-fields.ts";
import { encodeBase64 } from "../core/base/base64.ts";
import type { Resolver, Spool } from "./ports.ts";
import type { SigningCryptography } from "./signing-ports.ts";
import type { Draft } from "./rewrite.ts";

type Digest = ReturnType<SigningCryptography["digest"]>;

interface Hashing {
  readonly canonicalization: Canonicalization;
  /** So many octets of the canonical body are hashed. */
  readonly octetsMax: number;
  readonly body: RelaxedBody | SimpleBody;
  readonly digest: Digest;
  octets: number;
  hash: string;
}

export interface BodySource {
  readonly spool: Pick<Spool, "readFile">;
  readonly signing: Pick<SigningCryptography, "digest">;
  readonly limits: Pick<Limits, "dkimHeaderOctets">;
}

/** A message that was read once: its header, what was wanted of it, and the hashes of its body. */
interface Hashed<Wanted> {
  readonly fields: readonly HeaderField[];
  readonly wanted: Wanted;
  readonly hashes: BodyHashes;
}

/** The hashes of a body, one for each way in which a signature wants it, made in one reading. */
export class BodyHashes {
  readonly #hashings: Hashing[] = [];

  /**
   * Reads the draft: `want` says from its header which signatures will be verified, or null where the body need not be read. null then, and where the
   * header is none or too long. What is held does not grow with the body.
   */
  static async read<Wanted extends { readonly bodies: readonly ReceivedSignature[] }>(
    draft: Draft,
    { spool, signing, limits }: BodySource,
    want: (fields: readonly HeaderField[]) => Wanted | null,
  ): Promise<Hashed<Wanted> | null> {
    const reader = new HeaderReader(limits.dkimHeaderOctets);
    const begin = (): Hashed<Wanted> | null => {
      const fields = reader.fields();
      const wanted = fields === null ? null : want(fields);
      if (fields === null || wanted === null) return null;
      return { fields, hashes: new BodyHashes(wanted.bodies, signing), wanted };
    };
    let begun: Hashed<Wanted> | null = null;
    for await (const piece of piecesOf(draft, spool)) {
      const bodyAt = begun === null ? reader.push(piece) : 0;
      if (bodyAt === "too-long") return null;
      if (bodyAt === -1) continue;
      begun ??= begin();
      if (begun === null) return null;
      begun.hashes.#push(piece, bodyAt);
    }
    // A message may be a header alone.
    begun ??= begin();
    if (begun !== null) begun.hashes.#end();
    return begun;
  }

  private constructor(signatures: readonly ReceivedSignature[], signing: BodySource["signing"]) {
    this.#add("relaxed", Infinity, signing);
    for (const { body, bodyOctets } of signatures) this.#add(body, bodyOctets ?? Infinity, signing);
  }

  /** Of the whole body, relaxed: as our own signatures want it. */
  own(): string {
    return this.#find("relaxed", Infinity)?.hash ?? "";
  }

  /** As this signature wants it; null where it is of more octets than the body has. */
  of({ body, bodyOctets }: ReceivedSignature): string | null {
    const hashing = this.#find(body, bodyOctets ?? Infinity);
    return hashing === undefined || (bodyOctets !== null && hashing.octets < bodyOctets) ? null : hashing.hash;
  }

  #find(canonicalization: Canonicalization, octetsMax: number): Hashing | undefined {
    return this.#hashings.find((one) => one.canonicalization === canonicalization && one.octetsMax === octetsMax);
  }

  #add(canonicalization: Canonicalization, octetsMax: number, signing: BodySource["signing"]): void {
    if (this.#find(canonicalization, octetsMax) !== undefined) return;
    const digest = signing.digest();
    const take = (octets: Uint8Array): void => {
      const left = Math.min(octets.length, octetsMax - hashing.octets);
      hashing.octets += left;
      if (left > 0) digest.push(octets.subarray(0, left));
    };
    const body = canonicalization === "simple" ? new SimpleBody(take) : new RelaxedBody(take);
    const hashing: Hashing = { canonicalization, octetsMax, body, digest, octets: 0, hash: "" };
    this.#hashings.push(hashing);
  }

  #push(piece: Uint8Array, from: number): void {
    for (const { body } of this.#hashings) body.push(piece, from);
  }

  #end(): void {
    for (const hashing of this.#hashings) {
      hashing.body.end();
      hashing.hash = encodeBase64(hashing.digest.end());
    }
  }
}

async function* piecesOf({ front, skipOctets, content }: Draft, spool: BodySource["spool"]): AsyncIterable<Uint8Array> {
  if (front.length > 0) yield front;
  const skip = skipping(skipOctets);
  const pieces = content.kind === "memory" ? content.chunks : spool.readFile(content);
  for await (const piece of pieces) yield* skip(piece);
}

export interface VerifierOptions {
  readonly signing: Pick<SigningCryptography, "verify">;
  readonly resolver: Pick<Resolver, "txt">;
}

type Verdict = "pass" | "fail" | "permerror" | "temperror";
type Signed = Pick<ReceivedSignature, "algorithm" | "domain" | "selector" | "signature">;

/** Verifies signatures of one message by the keys that the DNS has (RFC 6376 §6.1). */
export class SignatureVerifier {
  readonly #options: VerifierOptions;
  readonly #fields: readonly HeaderField[];
  readonly #hashes: BodyHashes;

  constructor(options: VerifierOptions, fields: readonly HeaderField[], hashes: BodyHashes) {
    this.#options = options;
    this.#fields = fields;
    this.#hashes = hashes;
  }

  /** `signature`: a DKIM-Signature, as it was read. */
  async resultOf(signature: {
    readonly field: HeaderField;
    readonly read: ReceivedSignature | string;
  }): Promise<DkimResult> {
    const { field, read } = signature;
    if (typeof read === "string") return { result: "permerror", reason: read, ...namesOf(field) };
    const [result, reason] = await this.#verdict(read);
    const { domain, selector } = read;
    return { result, reason, domain, selector, signature: read.signature.slice(0, 8) };
  }

  async verify(received: ReceivedSignature): Promise<Verdict> {
    return (await this.#verdict(received))[0];
  }

  async verifyText(signed: Signed, text: string): Promise<Verdict> {
    return (await this.#verdictOf(signed, text))[0];
  }

  async #verdict(received: ReceivedSignature): Promise<readonly [Verdict, string]> {
    if (this.#hashes.of(received) !== received.bodyHash) return ["fail", "body changed"];
    return await this.#verdictOf(received, receivedText(this.#fields, received));
  }

  async #verdictOf(
    { algorithm, domain, selector, signature }: Signed,
    text: string,
  ): Promise<readonly [Verdict, string]> {
    const name = parseDomain(recordName({ selector, domain }));
    if (!name.ok) return ["permerror", "selector"];
    const answer = await this.#options.resolver.txt(name.value);
    if (answer.kind === "trouble") return ["temperror", "no answer of the DNS"];
    const key = readPublished(algorithm, answer.kind === "texts" ? answer.texts : []);
    if (typeof key === "string") return ["permerror", key];
    const held = await this.#options.signing.verify(key, latin1Octets(text), signature);
    if (held === "key") return ["permerror", "bad key"];
    return held ? ["pass", ""] : ["fail", "signature does not hold"];
  }
}

/** Of a signature that cannot be verified: nothing that could be anything stands there. */
function namesOf(field: HeaderField): {
  readonly domain: string;
  readonly selector: string;
  readonly signature: string;
} {
  const tags = tagsOf(field.value.replaceAll("\r\n", ""));
  const domain = parseDomain(tags.get("d") ?? "");
  const selector = tags.get("s") ?? "";
  const signature = plain(tags.get("b")).slice(0, 8);
  const isPlain = domain.ok && /^[A-Za-z0-9._-]{1,253}$/.test(selector) && /^[A-Za-z0-9+/=]*$/.test(signature);
  return isPlain ? { domain: domain.value, selector, signature } : { domain: "", selector: "", signature: "" };
}
