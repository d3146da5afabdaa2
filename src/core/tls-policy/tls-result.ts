import type { Instant } from "../base/time.ts";
import type { IpAddress } from "../mail/ip.ts";
import type { AppliedPolicy } from "./demand.ts";

/** Why no session, or none that the policy allows, came about (RFC 8460 §4.3). */
export type TlsFailureType =
  /** §4.3.1: negotiation. */
  | "starttls-not-supported"
  | "certificate-host-mismatch"
  | "certificate-expired"
  | "certificate-not-trusted"
  | "validation-failure"
  /** §4.3.2.1: DANE. */
  | "tlsa-invalid"
  | "dnssec-invalid"
  | "dane-required"
  /** §4.3.2.2: MTA-STS. */
  | "sts-policy-fetch-error"
  | "sts-policy-invalid"
  | "sts-webpki-invalid";

/** One session with a server of a domain, or what came in its way; counted for TLSRPT (RFC 8460). */
export interface TlsResult {
  readonly at: Instant;
  readonly policy: AppliedPolicy;
  readonly failure: TlsFailureType | null;
  /** The exchanger; "" where the failure was before any was tried, as where the policy could not be had. */
  readonly mxHost: string;
  readonly receivingAddress: IpAddress | null;
  /** Ours; null where no connection was made. */
  readonly sendingAddress: IpAddress | null;
  /** In words, for `failure-reason-code`; "" for a success. */
  readonly reason: string;
}
