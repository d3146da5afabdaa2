import type { Domain } from "./domain.ts";
import { formatAddressLiteral, type IpAddress } from "./ip.ts";

/** Where the mailbox is: a domain, or the address literal of RFC 5321 §4.1.3. */
export type MailboxHost =
  { readonly kind: "domain"; readonly domain: Domain } | { readonly kind: "literal"; readonly address: IpAddress };

/**
 * `Local-part@Domain` (RFC 5321 §4.1.2, RFC 6531 §3.3). `localPart` is as received, with its quotes, in its own case;
 * it is UTF-8 where the envelope says SMTPUTF8.
 */
export interface Mailbox {
  readonly localPart: string;
  readonly host: MailboxHost;
}

export function formatMailbox(mailbox: Mailbox): string {
  return `${mailbox.localPart}@${formatMailboxHost(mailbox.host)}`;
}

export function formatMailboxHost(host: MailboxHost): string {
  return host.kind === "domain" ? host.domain : formatAddressLiteral(host.address);
}
