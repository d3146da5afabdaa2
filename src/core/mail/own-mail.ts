import type { Instant } from "../base/time.ts";

export interface Attachment {
  /** As the reader sees it: a name without folders. */
  readonly name: string;
  /** Media type, as in Content-Type: `application/pdf`. */
  readonly type: string;
  readonly octets: Uint8Array;
}

/** What a message of our own is made of. Addresses are mailboxes without display names; lines of the body end in LF. */
export interface OwnMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string;
  readonly date: Instant;
  /** With its angle brackets. */
  readonly messageId: string;
  readonly body: { readonly kind: "text" | "html" | "xml"; readonly text: string };
  readonly attachments: readonly Attachment[];
  /** Further header fields, in order. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** A report on delivery (RFC 6522): words for the sender, fields for programs, and what is returned of the message. */
export interface ReportMail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly date: Instant;
  /** With its angle brackets; its left part is unique and makes the boundary too. */
  readonly messageId: string;
  /** Lines end in LF. */
  readonly text: string;
  /** The fields of message/delivery-status, with CRLF. */
  readonly status: string;
  readonly returned: { readonly kind: "headers" | "message"; readonly octets: Uint8Array };
  /** Uses the `message/global` forms of RFC 6533. */
  readonly international: boolean;
}
