/**
 * What the DNS said. `trouble` is every way of not knowing: it defers, and is never taken for "there is none". `isSecure`: DNSSEC
 * validated the answer and all aliases on the way, as a name server says that is believed (RFC 7672 §2.1.1).
 */
import type { IpAddress } from "./ip.ts";

export type MxAnswer =
  | {
      readonly kind: "mx";
      readonly hosts: readonly { readonly preference: number; readonly host: string }[];
      readonly isSecure: boolean;
    }
  /** `MX 0 .`: the domain takes no mail (RFC 7505). */
  | { readonly kind: "null-mx" }
  /** The domain exists without MX: its own addresses are tried (RFC 5321 §5.1). */
  | { readonly kind: "no-mx" }
  | { readonly kind: "no-such-domain" }
  | { readonly kind: "trouble"; readonly reason: string };

export type AddressAnswer =
  | {
      readonly kind: "addresses";
      readonly addresses: readonly IpAddress[];
      readonly isSecure: boolean;
      /** Where the aliases of the name lead, if it has any. */
      readonly canonical?: string;
    }
  | { readonly kind: "none" }
  | { readonly kind: "trouble"; readonly reason: string };

export type TxtAnswer =
  /** One a record, its strings joined without anything between them (RFC 6376 §3.6.2.2); each octet is one character. Never empty. */
  | { readonly kind: "texts"; readonly texts: readonly string[] }
  /** The name exists without TXT. */
  | { readonly kind: "none" }
  | { readonly kind: "no-such-domain" }
  | { readonly kind: "trouble"; readonly reason: string };

/** How the certificate of a server is known (RFC 6698 §2.1); the numbers are as they came. */
export interface TlsaRecord {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly octets: Uint8Array;
}

export type TlsaAnswer =
  /** Never empty. */
  | { readonly kind: "records"; readonly records: readonly TlsaRecord[]; readonly isSecure: boolean }
  | { readonly kind: "none" }
  | { readonly kind: "trouble"; readonly reason: string };
