import type { Mailbox } from "./mailbox.ts";

/** `null` is the null reverse-path `<>` of RFC 5321 §4.5.5: a report that must not be answered. */
export type ReversePath = Mailbox | null;

/** BODY of MAIL (RFC 6152, RFC 3030). */
export type BodyType = "7BIT" | "8BITMIME" | "BINARYMIME";

/** NOTIFY of RCPT (RFC 3461 §4.1); absent means the default, FAILURE (and perhaps DELAY). */
export type Notify = "NEVER" | readonly ("SUCCESS" | "FAILURE" | "DELAY")[];

export interface Recipient {
  readonly forwardPath: Mailbox;
  readonly notify?: Notify;
  /** ORCPT as received, xtext kept: `rfc822;user@example.net` (RFC 3461 §4.2). Only text; nothing is decided by it. */
  readonly originalRecipient?: string;
}

export interface Envelope {
  readonly reversePath: ReversePath;
  readonly recipients: readonly Recipient[];
  readonly body: BodyType;
  readonly smtpUtf8: boolean;
  /** RET and ENVID of MAIL, passed on as received (RFC 3461 §4.3, §4.4). */
  readonly ret?: "FULL" | "HDRS";
  readonly envelopeId?: string;
  /**
   * true: MAIL said REQUIRETLS. false: the header says `TLS-Required: No`. Not there: neither (RFC 8689 §4.1). Messages that were queued
   * before it was known have none.
   */
  readonly requireTls?: boolean;
}
