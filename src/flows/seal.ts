import { INSTANCES_MAX, readChain, type ArcChain, type ChainValidation } from "../core/arc/chain.ts";
import { formatResults, messageSignature, seal, type Sealing } from "../core/arc/set.ts";
import type { Limits } from "../core/base/limits.ts";
import { readSignature, type ReceivedSignature } from "../core/dkim/received-signature.ts";
import { latin1Octets, type HeaderField } from "../core/mail/header-fields.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { Origin } from "../core/queue/message.ts";
import { encodeBase64 } from "../core/base/base64.ts";
import type { SigningKey } from "./keep-dkim-keys.ts";
import { KeptFields } from "./kept-fields.ts";
import type { Clock, Resolver, Spool } from "./ports.ts";
import type { SigningCryptography } from "./signing-ports.ts";
import type { Draft } from "./rewrite.ts";
import type { SignedMessage, Signer } from "./sign.ts";
import { BodyHashes, SignatureVerifier } from "./verify-signatures.ts";

export interface SealerOptions {
  readonly hostname: string;
  /** ARCDMN: whose key seals; null where nothing is sealed. */
  readonly domain: () => Domain | null;
  readonly keys: { readonly generation: number; signingFor(domain: Domain): readonly SigningKey[] };
  readonly spool: Pick<Spool, "readFile">;
  readonly signing: Pick<SigningCryptography, "digest" | "verify">;
  readonly resolver: Pick<Resolver, "txt">;
  readonly clock: Clock;
  readonly limits: Pick<Limits, "dkimHeaderOctets" | "dkimSignatures" | "verifiedSignatures">;
}

const NOTHING = new Uint8Array(0);

/**
 * Seals what is forwarded as it came and is not signed by us (RFC 8617): says who sent it to us and what its signatures and the chain so far were
 * worth, before those who come after us see it changed. Where the DNS is in trouble, mail goes out without a seal: that breaks no chain.
 */
export class Sealer implements Signer {
  readonly #options: SealerOptions;
  readonly #signer: Signer;
  readonly #kept: KeptFields;

  /** `signer` signs what is ours. */
  constructor(options: SealerOptions, signer: Signer) {
    this.#options = options;
    this.#signer = signer;
    this.#kept = new KeptFields(options.limits.dkimSignatures);
  }

  fieldsFor(message: SignedMessage, draft: Draft, routeKey: string): Uint8Array | Promise<Uint8Array> {
    const signed = this.#signer.fieldsFor(message, draft, routeKey);
    const key = this.#key();
    if (key === null || draft.edits !== "" || isOwn(message.origin)) return signed;
    if (signed instanceof Promise) return this.#unlessSigned(signed, message, draft, key);
    return signed.length > 0 ? signed : this.#sealed(message, draft, key);
  }

  /** The key that seals: RSA, which is all that ARC has in use. */
  #key(): SigningKey | null {
    const domain = this.#options.domain();
    if (domain === null) return null;
    return this.#options.keys.signingFor(domain).find(({ key }) => key.algorithm === "rsa-sha256") ?? null;
  }

  async #unlessSigned(
    signing: Promise<Uint8Array>,
    message: SignedMessage,
    draft: Draft,
    key: SigningKey,
  ): Promise<Uint8Array> {
    const signed = await signing;
    return signed.length > 0 ? signed : await this.#sealed(message, draft, key);
  }

  #sealed({ id, origin }: SignedMessage, draft: Draft, key: SigningKey): Uint8Array | Promise<Uint8Array> {
    const { generation } = this.#options.keys;
    return this.#kept.fieldsOf(`${id} ${key.key.domain}`, generation, () => this.#seal(origin, draft, key));
  }

  async #seal(origin: Origin, draft: Draft, key: SigningKey): Promise<Uint8Array> {
    const { clock, limits, signing, spool } = this.#options;
    const now = clock.now();
    const found = await BodyHashes.read(draft, { spool, signing, limits }, (fields) => lookAt(fields, now, limits));
    if (found === null) return NOTHING;
    const { fields, hashes, wanted } = found;
    const verifier = new SignatureVerifier(this.#options, fields, hashes);
    const validation = await validate(wanted.chain, verifier);
    if (validation === "unknown") return NOTHING;
    const dkim = await Promise.all(wanted.signatures.map((one) => verifier.resultOf(one)));
    const instance = wanted.chain.kind === "none" ? 1 : wanted.chain.instances + 1;
    const { domain, selector } = key.key;
    const sealing: Sealing = { instance, domain, selector, at: now, validation };
    const { client, user } = origin;
    const results = formatResults(instance, { by: this.#options.hostname, client, user, chain: validation, dkim });
    const message = messageSignature(sealing, fields, hashes.own());
    if (message === null) return NOTHING;
    const sign = async (text: string): Promise<string> => encodeBase64(await key.sign(latin1Octets(text)));
    const signed = message.format(await sign(message.text));
    const last = seal(sealing, wanted.chain.kind === "chain" ? wanted.chain.canonical : "", results, signed);
    return latin1Octets(`${last.format(await sign(last.text))}\r\n${signed}\r\n${results}\r\n`);
  }
}

interface Wanted {
  readonly chain: ArcChain;
  readonly signatures: readonly { readonly field: HeaderField; readonly read: ReceivedSignature | string }[];
  readonly bodies: readonly ReceivedSignature[];
}

/** What is to be verified of a header; null where it cannot be sealed. A chain that was marked as broken stays as it is (RFC 8617 §5.1). */
function lookAt(
  fields: readonly HeaderField[],
  now: number,
  limits: Pick<Limits, "verifiedSignatures">,
): Wanted | null {
  const chain = readChain(fields, now);
  if (chain.kind === "broken" && chain.isMarked) return null;
  if (chain.kind !== "none" && chain.instances >= INSTANCES_MAX) return null;
  const signatures = fields
    .filter(({ name }) => name === "dkim-signature")
    .slice(0, limits.verifiedSignatures)
    .map((field) => ({ field, read: readSignature(field, now) }));
  const bodies = signatures.flatMap(({ read }) => (typeof read === "string" ? [] : [read]));
  return { chain, signatures, bodies: chain.kind === "chain" ? [chain.message, ...bodies] : bodies };
}

/** What the chain is worth (RFC 8617 §5.2, steps 4 to 7): the newest message signature, and every seal. */
async function validate(chain: ArcChain, verifier: SignatureVerifier): Promise<ChainValidation | "unknown"> {
  if (chain.kind === "none") return "none";
  if (chain.kind === "broken") return "fail";
  const message = await verifier.verify(chain.message);
  if (message !== "pass") return message === "temperror" ? "unknown" : "fail";
  for (const { domain, selector, signature, text } of chain.seals) {
    const held = await verifier.verifyText({ algorithm: "rsa-sha256", domain, selector, signature }, text);
    if (held !== "pass") return held === "temperror" ? "unknown" : "fail";
  }
  return "pass";
}

/** Programs of this machine and reports: nobody sent them to us. */
function isOwn({ protocol }: Origin): boolean {
  return protocol === "local" || protocol === "report";
}
