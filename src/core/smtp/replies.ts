import { reply } from "../mail/reply.ts";
import type { LineFault } from "./framing.ts";

// What a session says again and again, made once.

export const OK = reply(250, "2.0.0", "Ok");
export const SENDER_OK = reply(250, "2.1.0", "Ok");
export const RECIPIENT_OK = reply(250, "2.1.5", "Ok");
/** The same word for one that the transaction has already. */
export const RECIPIENT_AGAIN = reply(250, "2.1.5", "Ok");
export const AUTHENTICATED = reply(235, "2.7.0", "Authenticated");
export const START_DATA = reply(354, "", "End data with <CR><LF>.<CR><LF>");
export const START_TLS = reply(220, "2.0.0", "Ready to start TLS");

export const WAIT_FOR_GREETING = reply(554, "5.5.0", "Wait for the greeting");
export const TIMEOUT = reply(421, "4.4.2", "Timeout, closing the connection");
export const SHUTTING_DOWN = reply(421, "4.3.2", "The server is shutting down");
export const TOO_MANY_ERRORS = reply(421, "4.7.0", "Too many errors, closing the connection");
export const TOO_MANY_AUTH_FAILURES = reply(421, "4.7.0", "Too many failed authentications");
export const TOO_MANY_RECIPIENTS = reply(452, "4.5.3", "Too many recipients in one transaction");
export const NO_TRANSACTION = reply(503, "5.5.1", "No transaction is under way");
export const AUTH_TROUBLE = reply(454, "4.7.0", "Temporary authentication failure");
export const AUTH_LINE_TOO_LONG = reply(500, "5.5.6", "Authentication exchange line is too long");

export const NO_ROOM = reply(452, "4.3.1", "Insufficient system storage");
export const NOT_STORED = reply(451, "4.3.0", "The message could not be stored; try again later");

export const TOO_LARGE = reply(552, "5.3.4", "The message is larger than is accepted here");
export const BARE_LINE_END = reply(550, "5.6.11", "Only CRLF ends a line: the message has a CR or LF alone");
export const TEXT_LINE_TOO_LONG = reply(550, "5.6.0", "The message has a line that is too long");
export const TOO_MANY_HOPS = reply(554, "5.4.6", "Too many hops");
export const MAIL_LOOP = reply(554, "5.4.6", "The message has been here before: mail loop");

export const LINE_FAULTS: Readonly<Record<LineFault, string>> = {
  "bare-lf": "Only CRLF ends a line: LF alone does not",
  "bare-cr": "Only CRLF ends a line: CR alone does not",
  nul: "A command cannot have a NUL",
  "too-long": "Line too long",
  endless: "Line too long; closing the connection",
  "not-utf8": "A command is ASCII or UTF-8",
};
