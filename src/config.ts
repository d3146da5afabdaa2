/**
 * The configuration file as a value: read once, checked as a whole, frozen. What needs a restart or guards a secret stands here;
 * what an operator changes during the day is policy.
 */
import type { Limits } from "./core/base/limits.ts";
import type { Domain } from "./core/mail/domain.ts";
import type { IpAddress } from "./core/mail/ip.ts";
import type { Network } from "./core/mail/network.ts";
import type { HostPort } from "./core/mail/host-port.ts";

export interface SocketAddress {
  readonly address: IpAddress;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface ListenerConfig {
  /** As written: `0.0.0.0:25`. */
  readonly configured: string;
  readonly address: SocketAddress;
  readonly tls: "none" | "starttls" | "implicit";
  /** `tls`: offered after TLS only. */
  readonly auth: "off" | "tls" | "always";
  /** Networks whose PROXY header is believed. */
  readonly proxyProtocolFrom: readonly Network[];
  /** Bare LF of old devices becomes CRLF on this listener, whatever ALWBARELF says. */
  readonly allowBareLf: boolean;
  /** Clients that may use TLS 1.0 and 1.1, and keys and signatures of their time. */
  readonly legacyTlsFrom: readonly Network[];
  /** Clients that may use AUTH without TLS. */
  readonly plainAuthFrom: readonly Network[];
}

export interface DeliveryConfig {
  readonly mode: "mx" | "smarthost" | "capture";
  readonly smarthost: HostPort | null;
  /** Next hop of `local_domains`. */
  readonly local: HostPort | null;
  /** That next hop is asked at RCPT whether it knows the mailbox. */
  readonly verifyRecipients: boolean;
  /** TLS towards the smart host; towards everybody else it is opportunistic. */
  readonly tls: "none" | "may" | "require" | "implicit";
  /** What next hops publish of TLS and we keep to, where no route says otherwise. */
  readonly publishedTls: { readonly dane: boolean; readonly mtaSts: boolean };
  /** For the smart host; sent only after TLS. */
  readonly credentials: { readonly user: string; readonly password: string } | null;
}

export interface DnsConfig {
  /** Name servers that resolve for us; none: those of /etc/resolv.conf. */
  readonly servers: readonly SocketAddress[];
  /** They are believed when they say that they validated an answer, though they are on no loopback address. */
  readonly isTrusted: boolean;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface Config {
  /** The file it was read from; null where there was none. */
  readonly file: string | null;
  readonly hostname: Domain;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly localDomains: readonly Domain[];
  readonly listeners: readonly ListenerConfig[];
  /** Null: a self-signed certificate in the data directory. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  readonly policy: { readonly initial: string | null };
  readonly delivery: DeliveryConfig;
  readonly dns: DnsConfig;
  /** Null: none are sent. */
  readonly tlsReports: { readonly contact: string; readonly organization: string } | null;
  /** Null turns the console off. */
  readonly console: { readonly address: SocketAddress | null };
  readonly log: { readonly level: LogLevel };
  readonly limits: Limits;
  /** What is allowed and probably not meant. */
  readonly warnings: readonly string[];
}
