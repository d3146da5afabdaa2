import type { Instant } from "../core/base/time.ts";

/** How old the TLS may be that a client speaks with us: from 1.2 on, or from 1.0 on with short keys and SHA-1 (RFC 8996 forbids them). */
export type TlsAge = "modern" | "legacy";

export interface ListenerState {
  /** As configured: `0.0.0.0:25`. */
  readonly configured: string;
  /** As bound, with the port the system chose for 0; "" when closed. */
  readonly bound: string;
  readonly tls: "none" | "starttls" | "implicit";
  readonly auth: "off" | "tls" | "always";
  /** Networks of old devices that may use TLS 1.0 and 1.1. */
  readonly legacyTlsFrom: readonly string[];
  /** Networks of old devices that may use AUTH without TLS. */
  readonly plainAuthFrom: readonly string[];
}

export interface SessionState {
  readonly id: number;
  readonly client: string;
  readonly listener: string;
  readonly since: Instant;
  readonly helo: string;
  readonly user: string | null;
  readonly tls: string;
  readonly state: string;
  readonly messages: number;
}
