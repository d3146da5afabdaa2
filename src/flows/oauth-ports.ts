/** What OAuth accounts ask of the outside world, beside `ports.ts`. */
import type { Result } from "../core/base/result.ts";
import type { Instant } from "../core/base/time.ts";
import type { OAuthAccount } from "../core/oauth/account.ts";
import type { AssertionAlgorithm } from "../core/oauth/token-request.ts";

export interface WebAnswer {
  readonly status: number;
  /** As UTF-8, whole. */
  readonly body: string;
  readonly retryAfter: string | undefined;
  /** The server's own time, null where it did not say. */
  readonly date: Instant | null;
}

export interface WebClient {
  /**
   * Posts a form and gives the answer, whatever its status. The fault is a sentence: no connection, no valid certificate, no answer in
   * time, too long an answer. Redirects are not followed.
   */
  post(url: string, form: string): Promise<Result<WebAnswer, string>>;
  /** Cuts what is under way. */
  close(): void;
}

export interface OpenAssertionKey {
  sign(algorithm: AssertionAlgorithm, octets: Uint8Array): Promise<Uint8Array>;
}

export interface CertificateOfKey {
  /** SHA-256 of its DER. */
  readonly thumbprint: Uint8Array;
  readonly endsAt: Instant;
}

/** Keys that sign assertions. */
export interface AssertionCryptography {
  /** null where the text is no private key of RSA in PEM. */
  open(privateKey: string): OpenAssertionKey | null;
  /** null where the text is no certificate in PEM, or is that of another key. */
  certificate(certificate: string, privateKey: string): CertificateOfKey | null;
}

/** An account as it is kept: "" where it has no such secret. */
export type StoredOAuthAccount = OAuthAccount & {
  /** The client's secret, or its private key in PEM. */
  readonly sealedSecret: string;
  readonly sealedRefreshToken: string;
  /** When the certificate of the key ends; null without one. */
  readonly certificateEndsAt: Instant | null;
};

/** The accounts on stable storage. One call at a time. */
export interface OAuthAccountStore {
  /** `faulty`: where something stands that is no account; it is left as it is. */
  load(): Promise<{ readonly accounts: readonly StoredOAuthAccount[]; readonly faulty: readonly string[] }>;
  /** Takes the place of the account of the same name, wholly or not at all. */
  put(account: StoredOAuthAccount): Promise<void>;
  remove(name: string): Promise<void>;
}
