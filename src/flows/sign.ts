import type { Limits } from "../core/base/limits.ts";
import { authorDomain } from "../core/dkim/author.ts";
import { RelaxedBody } from "../core/dkim/canonical-body.ts";
import { HeaderReader, latin1Octets } from "../core/mail/header-fields.ts";
import { formatSignature, signedHeader, signedText, type SignedHeader } from "../core/dkim/signature-field.ts";
import { skipping } from "../core/mail/content.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { Origin, QueueId } from "../core/queue/message.ts";
import { isLocalKey } from "../core/queue/route.ts";
import { encodeBase64 } from "../core/base/base64.ts";
import { KeptFields } from "./kept-fields.ts";
import type { SigningKey } from "./keep-dkim-keys.ts";
import type { Clock, Spool } from "./ports.ts";
import type { SigningCryptography } from "./signing-ports.ts";
import type { Draft } from "./rewrite.ts";

/** Who signs what goes out. */
export interface Signer {
  /**
   * The DKIM-Signature fields that go before the draft on its way to the next hop of `routeKey`; none where nobody's key signs it.
   * What is known is given at once.
   */
  fieldsFor(message: SignedMessage, draft: Draft, routeKey: string): Uint8Array | Promise<Uint8Array>;
}

export interface SignedMessage {
  readonly id: QueueId;
  readonly origin: Origin;
}

const NOTHING = new Uint8Array(0);
export const SIGNS_NOTHING: Signer = { fieldsFor: () => NOTHING };

export interface SignerOptions {
  readonly keys: {
    /** Grows with every change: signatures made before it are of no more use. */
    readonly generation: number;
    readonly isAnySigning: boolean;
    signingFor(domain: Domain): readonly SigningKey[];
  };
  readonly spool: Pick<Spool, "readFile">;
  readonly signing: Pick<SigningCryptography, "digest">;
  readonly clock: Clock;
  readonly limits: Pick<Limits, "dkimHeaderOctets" | "dkimSignatures">;
}

/**
 * Signs when a message is about to be sent (RFC 6376 §5): what goes out is what is signed, and a retry after a rotation is signed by the
 * key of that day. Signatures are kept for the next hop and the next attempt of their message while there is room.
 */
export class MessageSigner implements Signer {
  readonly #options: SignerOptions;
  /** By id, and by edits where a draft is not as the message was received. */
  readonly #kept: KeptFields;

  constructor(options: SignerOptions) {
    this.#options = options;
    this.#kept = new KeptFields(options.limits.dkimSignatures);
  }

  fieldsFor(message: SignedMessage, draft: Draft, routeKey: string): Uint8Array | Promise<Uint8Array> {
    const { keys } = this.#options;
    if (!keys.isAnySigning || !isOurs(message.origin) || isLocalKey(routeKey)) return NOTHING;
    const id = draft.edits === "" ? message.id : `${message.id} ${draft.edits}`;
    return this.#kept.fieldsOf(id, keys.generation, () => this.#sign(draft));
  }

  async #sign({ front, skipOctets, content }: Draft): Promise<Uint8Array> {
    const { clock, spool } = this.#options;
    const reading = new Reading(this.#options);
    if (front.length > 0) reading.push(front);
    const skip = skipping(skipOctets);
    if (content.kind === "memory") {
      for (const chunk of content.chunks) for (const left of skip(chunk)) reading.push(left);
    } else {
      for await (const block of spool.readFile(content)) {
        for (const left of skip(block)) reading.push(left);
        if (reading.isUnsigned) break;
      }
    }
    const signable = reading.end();
    if (signable === null) return NOTHING;
    const { signers, header, bodyHash } = signable;
    const at = clock.now();
    const fields = await Promise.all(
      signers.map(async (signer) => {
        const { algorithm, domain, selector } = signer.key;
        const signature = { algorithm, domain, selector, at, bodyHash, header };
        return formatSignature(signature, encodeBase64(await signer.sign(latin1Octets(signedText(signature)))));
      }),
    );
    return latin1Octets(fields.join(""));
  }
}

interface Signable {
  readonly signers: readonly SigningKey[];
  readonly header: SignedHeader;
  readonly bodyHash: string;
}

/** Reads content once: who signs it is known at the end of its header. */
class Reading {
  readonly #options: SignerOptions;
  readonly #reader: HeaderReader;
  readonly #digest: ReturnType<SigningCryptography["digest"]>;
  readonly #body: RelaxedBody;
  #signers: readonly SigningKey[] = [];
  #header: SignedHeader | null = null;
  #isHeaderRead = false;

  constructor(options: SignerOptions) {
    this.#options = options;
    this.#reader = new HeaderReader(options.limits.dkimHeaderOctets);
    const digest = options.signing.digest();
    this.#digest = digest;
    this.#body = new RelaxedBody((octets) => digest.push(octets));
  }

  /** The header is read, and nobody signs this message. */
  get isUnsigned(): boolean {
    return this.#isHeaderRead && this.#header === null;
  }

  push(chunk: Uint8Array): void {
    if (!this.#isHeaderRead) {
      const bodyAt = this.#reader.push(chunk);
      if (bodyAt === -1) return;
      this.#isHeaderRead = true;
      if (bodyAt === "too-long") return;
      this.#readHeader();
      if (this.#header !== null) this.#body.push(chunk, bodyAt);
    } else if (this.#header !== null) this.#body.push(chunk);
  }

  end(): Signable | null {
    // A message may be a header alone.
    if (!this.#isHeaderRead) this.#readHeader();
    if (this.#header === null) return null;
    this.#body.end();
    return { signers: this.#signers, header: this.#header, bodyHash: encodeBase64(this.#digest.end()) };
  }

  #readHeader(): void {
    const fields = this.#reader.fields();
    const domain = fields === null ? null : authorDomain(fields);
    if (fields === null || domain === null) return;
    this.#signers = this.#options.keys.signingFor(domain);
    if (this.#signers.length > 0) this.#header = signedHeader(fields);
  }
}

/** Whether we vouch for where it came from: a client that we relay for, a program of this machine, or the relay itself. */
function isOurs({ relayedFor, protocol }: Origin): boolean {
  return relayedFor === true || protocol === "local" || protocol === "report";
}
