import type { Domain } from "../mail/domain.ts";
import { reply, type Reply } from "../mail/reply.ts";
import type { Command } from "./command.ts";
import { SASL_MECHANISMS, type Offers, type SaslMechanism } from "./extensions.ts";

/** What the order of commands depends on (RFC 5321 §4.1.4), as a value. */
export interface Session {
  readonly greeting: "none" | "HELO" | "EHLO";
  /** The argument of EHLO or HELO, `""` before. */
  readonly helo: string;
  readonly tls: boolean;
  readonly user: string | null;
  /** `chunks`: BDAT has begun, only BDAT may follow (RFC 3030 §2). */
  readonly transaction: "none" | "mail" | "chunks";
  /** MAIL said BODY=BINARYMIME: DATA cannot carry it (RFC 3030 §3). */
  readonly binary: boolean;
  /** MAIL said SMTPUTF8. */
  readonly smtpUtf8: boolean;
  readonly recipients: number;
}

export const NEW_SESSION: Session = {
  greeting: "none",
  helo: "",
  tls: false,
  user: null,
  transaction: "none",
  binary: false,
  smtpUtf8: false,
  recipients: 0,
};

type Of<Verb extends Command["verb"]> = Extract<Command, { verb: Verb }>;

/** What the owner of the session is to do now. `refuse` answers a mistake, which counts; `close` answers and ends. */
export type Action =
  | { readonly do: "reply"; readonly reply: Reply }
  | { readonly do: "refuse"; readonly reply: Reply }
  | { readonly do: "close"; readonly reply: Reply }
  | { readonly do: "greet"; readonly extended: boolean }
  | { readonly do: "mail"; readonly mail: Of<"MAIL"> }
  | { readonly do: "rcpt"; readonly rcpt: Of<"RCPT"> }
  | { readonly do: "data" }
  /** So many octets follow, whatever becomes of them: with a `refusal` they are swallowed before it is said. */
  | { readonly do: "chunk"; readonly octets: number; readonly last: boolean; readonly refusal: Reply | null }
  | { readonly do: "reset" }
  | { readonly do: "start-tls" }
  | { readonly do: "start-queue"; readonly domain: Domain; readonly subdomains: boolean }
  | { readonly do: "authenticate"; readonly mechanism: SaslMechanism; readonly initial: string | null };

export interface Step {
  readonly session: Session;
  readonly action: Action;
}

/**
 * The next session and what to do. What must be asked elsewhere (policy, credentials, spool) is not yet in the next session:
 * its owner says so with `senderTaken`, `recipientTaken`, `authenticated`, `secured` and `transactionEnded`.
 */
export function step(session: Session, command: Command, offers: Offers): Step {
  switch (command.verb) {
    case "MAIL":
      return { session, action: stepMail(session, command, offers) };
    case "RCPT":
      return { session, action: stepRcpt(session, command) };
    case "DATA":
      return { session, action: stepData(session) };
    case "BDAT":
      return stepBdat(session, command);
    case "EHLO":
    case "HELO":
      return stepGreeting(session, command);
    case "AUTH":
      return { session, action: stepAuth(session, command, offers) };
    case "STARTTLS":
      return { session, action: stepStartTls(session, offers) };
    case "ETRN":
      return { session, action: stepEtrn(session, command, offers) };
    case "RSET":
      return { session: transactionEnded(session), action: { do: "reset" } };
    case "NOOP":
      return { session, action: OK };
    case "VRFY":
      return { session, action: VRFY };
    case "EXPN":
      return { session, action: EXPN };
    case "HELP":
      return { session, action: HELP };
    case "QUIT":
      return { session, action: QUIT };
    case "refused":
      return { session, action: { do: "refuse", reply: command.reply } };
    case "hang-up":
      return { session, action: { do: "close", reply: command.reply } };
  }
}

/** RFC 2920 §3.1: the last of their group. Who says more before their answer sends what somebody else wrote. */
export function mustBeLast(verb: Command["verb"]): boolean {
  return verb === "EHLO" || verb === "HELO" || verb === "DATA" || verb === "AUTH";
}

export function senderTaken(session: Session, mail: Of<"MAIL">): Session {
  const binary = mail.parameters.body === "BINARYMIME";
  return { ...session, transaction: "mail", binary, smtpUtf8: mail.parameters.smtpUtf8, recipients: 0 };
}

export function recipientTaken(session: Session): Session {
  return { ...session, recipients: session.recipients + 1 };
}

/** After end of data, RSET, a new greeting, or a transaction that failed. */
export function transactionEnded(session: Session): Session {
  return session.transaction === "none"
    ? session
    : { ...session, transaction: "none", binary: false, smtpUtf8: false, recipients: 0 };
}

export function authenticated(session: Session, user: string): Session {
  return { ...session, user };
}

/** RFC 3207 §4.2: all that was said before TLS is forgotten. */
export function secured(): Session {
  return { ...NEW_SESSION, tls: true };
}

function refuse(code: number, enhanced: string, text: string): Action {
  return { do: "refuse", reply: reply(code, enhanced, text) };
}

const OK: Action = { do: "reply", reply: reply(250, "2.0.0", "Ok") };
const VRFY: Action = {
  do: "reply",
  reply: reply(252, "2.5.2", "Cannot verify the user; send mail and delivery will be tried"),
};
const EXPN = refuse(502, "5.5.1", "Lists are not expanded here");
const HELP: Action = {
  do: "reply",
  reply: reply(214, "2.0.0", "See RFC 5321"),
};
const QUIT: Action = { do: "close", reply: reply(221, "2.0.0", "Bye") };
const GREET_EXTENDED: Action = { do: "greet", extended: true };
const GREET: Action = { do: "greet", extended: false };
const DATA: Action = { do: "data" };
const GREETING_FIRST = refuse(503, "5.5.1", "Say EHLO first");
const NESTED_MAIL = refuse(503, "5.5.1", "A transaction is under way: RSET ends it");
const MAIL_FIRST = refuse(503, "5.5.1", "Say MAIL first");
const NO_RECIPIENTS = refuse(554, "5.5.1", "No valid recipients");
const ONLY_BDAT = refuse(503, "5.5.1", "BDAT has begun: only BDAT or RSET may follow");
const NEEDS_BDAT = refuse(503, "5.5.1", "BODY=BINARYMIME needs BDAT");
const NEEDS_TLS = refuse(530, "5.7.10", "REQUIRETLS needs a session in TLS");
const NEEDS_SMTPUTF8 = refuse(553, "5.6.7", "The address needs SMTPUTF8");

function stepGreeting(session: Session, command: Of<"EHLO"> | Of<"HELO">): Step {
  const next: Session = {
    greeting: command.verb,
    helo: command.name,
    tls: session.tls,
    user: session.user,
    transaction: "none",
    binary: false,
    smtpUtf8: false,
    recipients: 0,
  };
  return { session: next, action: command.verb === "EHLO" ? GREET_EXTENDED : GREET };
}

function stepMail(session: Session, mail: Of<"MAIL">, offers: Offers): Action {
  if (session.greeting === "none") return GREETING_FIRST;
  if (session.transaction !== "none") return NESTED_MAIL;
  const { body, smtpUtf8, sizeOctets, requireTls } = mail.parameters;
  if (requireTls && !offers.requireTls) return NEEDS_TLS;
  if (!offers.eightBit && (smtpUtf8 || (body !== null && body !== "7BIT")))
    return refuse(555, "5.5.4", "Parameter not recognized or not implemented");
  if (!mail.ascii && !smtpUtf8) return NEEDS_SMTPUTF8;
  if (sizeOctets !== null && sizeOctets > offers.sizeMaxOctets)
    return refuse(552, "5.3.4", `The message is larger than ${offers.sizeMaxOctets} octets`);
  return { do: "mail", mail };
}

function stepRcpt(session: Session, rcpt: Of<"RCPT">): Action {
  if (session.transaction === "none") return MAIL_FIRST;
  if (session.transaction === "chunks") return ONLY_BDAT;
  if (!rcpt.ascii && !session.smtpUtf8) return NEEDS_SMTPUTF8;
  return { do: "rcpt", rcpt };
}

function stepData(session: Session): Action {
  if (session.transaction === "none") return MAIL_FIRST;
  if (session.transaction === "chunks") return ONLY_BDAT;
  if (session.recipients === 0) return NO_RECIPIENTS;
  return session.binary ? NEEDS_BDAT : DATA;
}

function stepBdat(session: Session, command: Of<"BDAT">): Step {
  const { octets, last } = command;
  const refusal =
    session.transaction === "none"
      ? reply(503, "5.5.1", "Say MAIL first")
      : session.recipients === 0
        ? reply(554, "5.5.1", "No valid recipients")
        : null;
  const next: Session = refusal === null ? { ...session, transaction: "chunks" } : session;
  return { session: next, action: { do: "chunk", octets, last, refusal } };
}

function stepStartTls(session: Session, offers: Offers): Action {
  if (session.tls) return refuse(503, "5.5.1", "TLS is active already");
  return offers.startTls ? { do: "start-tls" } : refuse(502, "5.5.1", "TLS is not offered here");
}

function stepEtrn(session: Session, { domain, subdomains }: Of<"ETRN">, offers: Offers): Action {
  if (!offers.etrn) return refuse(502, "5.5.1", "ETRN is not offered here");
  if (session.greeting !== "EHLO") return GREETING_FIRST;
  if (session.transaction !== "none") return NESTED_MAIL;
  return { do: "start-queue", domain, subdomains };
}

function stepAuth(session: Session, command: Of<"AUTH">, offers: Offers): Action {
  if (offers.auth === "after-tls") return refuse(538, "5.7.11", "Encryption is required: say STARTTLS first");
  if (offers.auth === "no") return refuse(502, "5.5.1", "Authentication is not offered here");
  if (session.greeting !== "EHLO") return GREETING_FIRST;
  if (session.user !== null) return refuse(503, "5.5.1", "Authenticated already");
  if (session.transaction !== "none") return NESTED_MAIL;
  const mechanism = SASL_MECHANISMS.find((name) => name === command.mechanism);
  if (mechanism === undefined) return refuse(504, "5.5.4", "Mechanism not known");
  return { do: "authenticate", mechanism, initial: command.initial };
}
