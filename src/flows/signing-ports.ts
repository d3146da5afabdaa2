/** The outside world of DKIM and ARC: cryptography, and where keys are kept. */
import type { DkimAlgorithm, DkimKey } from "../core/dkim/key.ts";
import type { PublishedKey } from "../core/dkim/key-record.ts";

/** Keys and hashes of DKIM; what is slow runs off the main thread. */
export interface SigningCryptography {
  /** A new pair: the private key as PKCS #8 in PEM, the public one as `DkimKey.publicKey`. */
  generate(algorithm: DkimAlgorithm): Promise<{ readonly privateKey: string; readonly publicKey: string }>;
  /** The private key as something that signs; null where the text is no key of this kind. */
  open(algorithm: DkimAlgorithm, privateKey: string): OpenSigningKey | null;
  /** Whether the signature, in base64, is one of the octets by a published key; "key" where that is none that can be believed. */
  verify(key: PublishedKey, octets: Uint8Array, signature: string): Promise<boolean | "key">;
  /** SHA-256 of octets that come in pieces; a piece is the caller's again when `push` returns. */
  digest(): { push(octets: Uint8Array): void; end(): Uint8Array };
}

export interface OpenSigningKey {
  readonly publicKey: string;
  sign(octets: Uint8Array): Promise<Uint8Array>;
}

export type StoredDkimKey = DkimKey & { readonly sealedPrivateKey: string };

/** The keys of DKIM on stable storage. One call at a time. */
export interface DkimKeyStore {
  /** `faulty`: where something stands that is no key; it is left as it is. */
  load(): Promise<{ readonly keys: readonly StoredDkimKey[]; readonly faulty: readonly string[] }>;
  /** Takes the place of the key of the same domain and selector, wholly or not at all. */
  put(key: StoredDkimKey): Promise<void>;
  remove(key: Pick<DkimKey, "domain" | "selector">): Promise<void>;
}
