// HOT PATH: 0.5 µs a command beside its path. No regular expressions, no copies of the line.
import { parseDomain, type Domain } from "../mail/domain.ts";
import type { BodyType, Notify, ReversePath } from "../mail/envelope.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import { parseForwardPath, parseReversePath, pathFaultReply } from "../mail/path.ts";
import { reply, type Reply } from "../mail/reply.ts";

/** What MAIL carries besides the path (RFC 1870, 6152, 3030, 3461, 6531, 8689). AUTH= is read and forgotten: it proves nothing. */
export interface MailParameters {
  sizeOctets: number | null;
  body: BodyType | null;
  smtpUtf8: boolean;
  ret: "FULL" | "HDRS" | null;
  envelopeId: string | null;
  requireTls: boolean;
}

/** What RCPT carries besides the path (RFC 3461 §4.1, §4.2). */
export interface RcptParameters {
  notify: Notify | null;
  originalRecipient: string | null;
}

/** `ascii` is false where path or parameters have characters that need SMTPUTF8. */
export type Command =
  | { readonly verb: "EHLO"; readonly name: string }
  | { readonly verb: "HELO"; readonly name: string }
  | {
      readonly verb: "MAIL";
      readonly path: ReversePath;
      readonly ascii: boolean;
      readonly parameters: Readonly<MailParameters>;
    }
  | {
      readonly verb: "RCPT";
      readonly path: Mailbox;
      readonly ascii: boolean;
      readonly parameters: Readonly<RcptParameters>;
    }
  | { readonly verb: "DATA" }
  | { readonly verb: "BDAT"; readonly octets: number; readonly last: boolean }
  | { readonly verb: "AUTH"; readonly mechanism: string; readonly initial: string | null }
  | { readonly verb: "STARTTLS" }
  /** RFC 1985: mail for the domain, or for it and its subdomains, is to be tried now. */
  | { readonly verb: "ETRN"; readonly domain: Domain; readonly subdomains: boolean }
  | { readonly verb: "RSET" }
  | { readonly verb: "NOOP" }
  | { readonly verb: "VRFY" }
  | { readonly verb: "EXPN" }
  | { readonly verb: "HELP" }
  | { readonly verb: "QUIT" }
  /** A mistake of the client. */
  | { readonly verb: "refused"; readonly reply: Reply }
  /** Not SMTP, or no longer in step: nothing more of it is read. */
  | { readonly verb: "hang-up"; readonly reply: Reply };

/** Reads one line without its CRLF. `postmasterDomain` is where `<Postmaster>` without a domain is. Total and linear. */
export function parseCommand(line: string, postmasterDomain: Domain): Command {
  const space = line.indexOf(" ");
  const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
  switch (verb) {
    case "MAIL":
      return parseMail(line);
    case "RCPT":
      return parseRcpt(line, postmasterDomain);
    case "EHLO":
    case "HELO":
      return parseGreeting(verb, argumentOf(line, space));
    case "DATA":
    case "RSET":
    case "QUIT":
    case "STARTTLS":
      return argumentOf(line, space) === "" ? PLAIN[verb] : NO_ARGUMENT;
    case "BDAT":
      return parseBdat(argumentOf(line, space));
    case "AUTH":
      return parseAuth(argumentOf(line, space));
    case "ETRN":
      return parseEtrn(argumentOf(line, space));
    case "VRFY":
      return argumentOf(line, space) === "" ? VRFY_SYNTAX : PLAIN.VRFY;
    case "NOOP":
    case "HELP":
    case "EXPN":
      return PLAIN[verb];
    default:
      return parseOther(line, verb);
  }
}

const PLAIN = {
  DATA: { verb: "DATA" },
  RSET: { verb: "RSET" },
  NOOP: { verb: "NOOP" },
  VRFY: { verb: "VRFY" },
  EXPN: { verb: "EXPN" },
  HELP: { verb: "HELP" },
  QUIT: { verb: "QUIT" },
  STARTTLS: { verb: "STARTTLS" },
} as const;

function refused(code: number, enhanced: string, text: string): Command {
  return { verb: "refused", reply: reply(code, enhanced, text) };
}

const NO_ARGUMENT = refused(501, "5.5.4", "No argument belongs there");
const VRFY_SYNTAX = refused(501, "5.5.4", "Syntax: VRFY address");

/** RFC 5321 §4.1.1: white space behind a command is tolerated. */
function argumentOf(line: string, space: number): string {
  return space < 0 ? "" : line.slice(space + 1).trim();
}

/** Verbs of HTTP: a browser was talked into sending its form to us. */
const HTTP = new Set(["GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "DELETE", "PATCH", "TRACE", "PRI"]);
/** Of RFC 821 and 2645, known and not offered. */
const NOT_OFFERED = new Set(["TURN", "SEND", "SOML", "SAML", "ATRN"]);

function parseOther(line: string, verb: string): Command {
  const lower = line.charCodeAt(0) | 0x20;
  const letter = lower >= 0x61 && lower <= 0x7a && line.charCodeAt(0) < 0x80;
  if (line !== "" && (!letter || HTTP.has(verb)))
    return { verb: "hang-up", reply: reply(421, "4.7.0", "This is SMTP; closing the connection") };
  if (NOT_OFFERED.has(verb)) return refused(502, "5.5.1", "Command not implemented");
  return refused(500, "5.5.1", "Command not recognized");
}

/** RFC 5321 §4.1.1.1. Whatever name it gives is only text, but text that can stand in a header and a journal. */
function parseGreeting(verb: "EHLO" | "HELO", name: string): Command {
  if (name === "" || name.length > 255) return refused(501, "5.5.4", `Syntax: ${verb} hostname`);
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c <= 0x20 || c >= 0x7f) return refused(501, "5.5.4", "The hostname has a character that none can have");
  }
  return { verb, name };
}

function parseMail(line: string): Command {
  const at = afterKeyword(line, 4, "FROM:");
  if (at < 0) return refused(501, "5.5.4", "Syntax: MAIL FROM:<address>");
  const text = line.slice(at);
  const path = parseReversePath(text);
  if (!path.ok) return { verb: "refused", reply: pathFaultReply(path.error, "MAIL") };
  const parameters: MailParameters = {
    sizeOctets: null,
    body: null,
    smtpUtf8: false,
    ret: null,
    envelopeId: null,
    requireTls: false,
  };
  const fault = readParameters(text, path.value.end, (keyword, value) => readMailParameter(parameters, keyword, value));
  if (fault !== null) return fault;
  return { verb: "MAIL", path: path.value.path, ascii: path.value.ascii, parameters };
}

function parseRcpt(line: string, postmasterDomain: Domain): Command {
  const at = afterKeyword(line, 4, "TO:");
  if (at < 0) return refused(501, "5.5.4", "Syntax: RCPT TO:<address>");
  const text = line.slice(at);
  const path = parseForwardPath(text, postmasterDomain);
  if (!path.ok) return { verb: "refused", reply: pathFaultReply(path.error, "RCPT") };
  if (path.value.end === text.length)
    return { verb: "RCPT", path: path.value.path, ascii: path.value.ascii, parameters: NO_RCPT_PARAMETERS };
  const parameters: RcptParameters = { notify: null, originalRecipient: null };
  const fault = readParameters(text, path.value.end, (keyword, value) => readRcptParameter(parameters, keyword, value));
  if (fault !== null) return fault;
  const ascii = path.value.ascii && isAscii(parameters.originalRecipient ?? "");
  return { verb: "RCPT", path: path.value.path, ascii, parameters };
}

const NO_RCPT_PARAMETERS: Readonly<RcptParameters> = { notify: null, originalRecipient: null };

/** The index behind `FROM:` or `TO:` and the spaces that some clients put there, or -1. */
function afterKeyword(line: string, from: number, keyword: string): number {
  let at = from;
  while (line.charCodeAt(at) === 0x20) at++;
  if (at === from || line.slice(at, at + keyword.length).toUpperCase() !== keyword) return -1;
  at += keyword.length;
  while (line.charCodeAt(at) === 0x20) at++;
  return at;
}

/** "value": a value that is none; "unknown": a parameter that is not ours; "twice": one that was there before. */
type ParameterFault = "value" | "unknown" | "twice";

/** Reads ` KEYWORD=value KEYWORD …` (RFC 5321 §4.1.1.11). */
function readParameters(
  text: string,
  from: number,
  read: (keyword: string, value: string | null) => ParameterFault | null,
): Command | null {
  for (let at = from; at < text.length;) {
    if (text.charCodeAt(at) === 0x20) {
      at++;
      continue;
    }
    const space = text.indexOf(" ", at);
    const end = space < 0 ? text.length : space;
    const equals = text.indexOf("=", at);
    const valued = equals >= 0 && equals < end;
    const keyword = text.slice(at, valued ? equals : end).toUpperCase();
    const fault = read(keyword, valued ? text.slice(equals + 1, end) : null);
    if (fault !== null) return parameterRefused(fault, keyword);
    at = end;
  }
  return null;
}

function parameterRefused(fault: ParameterFault, keyword: string): Command {
  if (fault === "unknown") return refused(555, "5.5.4", "Parameter not recognized or not implemented");
  return refused(501, "5.5.4", `${keyword} ${fault === "twice" ? "stands there twice" : "has a value it cannot have"}`);
}

function readMailParameter(into: MailParameters, keyword: string, value: string | null): ParameterFault | null {
  switch (keyword) {
    case "SIZE":
      if (into.sizeOctets !== null) return "twice";
      into.sizeOctets = value !== null && value.length <= 20 ? parseCount(value) : NaN;
      return Number.isNaN(into.sizeOctets) ? "value" : null;
    case "BODY": {
      if (into.body !== null) return "twice";
      const body = value?.toUpperCase();
      if (body !== "7BIT" && body !== "8BITMIME" && body !== "BINARYMIME") return "value";
      into.body = body;
      return null;
    }
    case "SMTPUTF8":
      if (into.smtpUtf8) return "twice";
      into.smtpUtf8 = true;
      return value === null ? null : "value";
    case "REQUIRETLS":
      if (into.requireTls) return "twice";
      into.requireTls = true;
      return value === null ? null : "value";
    case "RET": {
      if (into.ret !== null) return "twice";
      const ret = value?.toUpperCase();
      if (ret !== "FULL" && ret !== "HDRS") return "value";
      into.ret = ret;
      return null;
    }
    case "ENVID":
      if (into.envelopeId !== null) return "twice";
      into.envelopeId = value;
      return value !== null && value.length <= 100 && isXtext(value) && isAscii(value) ? null : "value";
    case "AUTH":
      return value !== null && value.length <= 500 ? null : "value";
    default:
      return "unknown";
  }
}

function readRcptParameter(into: RcptParameters, keyword: string, value: string | null): ParameterFault | null {
  switch (keyword) {
    case "NOTIFY":
      if (into.notify !== null) return "twice";
      into.notify = parseNotify(value ?? "");
      return into.notify === null ? "value" : null;
    case "ORCPT": {
      if (into.originalRecipient !== null) return "twice";
      into.originalRecipient = value;
      return value !== null && value.length <= 500 && isXtext(value) && hasAddressType(value) ? null : "value";
    }
    default:
      return "unknown";
  }
}

/** `rfc822;…`: an address type is an atom (RFC 3461 §4.2), here of letters, digits and hyphens, as all that are registered are. */
function hasAddressType(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c === 0x3b) return i > 0;
    const lower = c | 0x20;
    if (!(lower >= 0x61 && lower <= 0x7a && c < 0x7f) && !(c >= 0x30 && c <= 0x39) && c !== 0x2d) return false;
  }
  return false;
}

function parseNotify(text: string): Notify | null {
  const words = text.toUpperCase().split(",", 4);
  if (words.length === 1 && words[0] === "NEVER") return "NEVER";
  const events: ("SUCCESS" | "FAILURE" | "DELAY")[] = [];
  for (const word of words) {
    if (word !== "SUCCESS" && word !== "FAILURE" && word !== "DELAY") return null;
    if (events.includes(word)) return null;
    events.push(word);
  }
  return events;
}

/** Printable, without space and `=`, with `+` only before two upper-case hexadecimal digits (RFC 3461 §4). Beyond ASCII: RFC 6533. */
function isXtext(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= 0x20 || c === 0x3d || (c >= 0x7f && c < 0xa0)) return false;
    if (c === 0x2b && !(isHexDigit(text.charCodeAt(i + 1)) && isHexDigit(text.charCodeAt(i + 2)))) return false;
  }
  return text.isWellFormed();
}

function isHexDigit(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x46);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Decimal digits and nothing else; NaN for anything else. Beyond 2^53 the figure is rounded, which no limit minds. */
function parseCount(text: string): number {
  if (text === "") return NaN;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return NaN;
    count = count * 10 + digit;
  }
  return count;
}

/** RFC 3030 §2. Where the count cannot be read, what follows cannot be told from commands: the session ends. */
function parseBdat(text: string): Command {
  const space = text.indexOf(" ");
  const octets = parseCount(space < 0 ? text : text.slice(0, space));
  const word =
    space < 0
      ? ""
      : text
          .slice(space + 1)
          .trim()
          .toUpperCase();
  if (!Number.isSafeInteger(octets) || (word !== "" && word !== "LAST"))
    return { verb: "hang-up", reply: reply(501, "5.5.4", "Syntax: BDAT octets [LAST]; closing the connection") };
  return { verb: "BDAT", octets, last: word === "LAST" };
}

/** RFC 1985 §5: a name, with `@` in front its subdomains too; `#` begins the name of a queue, and none has one here. */
function parseEtrn(text: string): Command {
  if (text.startsWith("#")) return refused(458, "4.5.4", "Queues have no names here: say ETRN domain");
  const subdomains = text.startsWith("@");
  const domain = parseDomain(subdomains ? text.slice(1) : text);
  if (!domain.ok) return refused(501, "5.5.4", "Syntax: ETRN domain");
  return { verb: "ETRN", domain: domain.value, subdomains };
}

function parseAuth(text: string): Command {
  const space = text.indexOf(" ");
  const mechanism = (space < 0 ? text : text.slice(0, space)).toUpperCase();
  const initial = space < 0 ? null : text.slice(space + 1).trim();
  if (mechanism === "" || initial?.includes(" ")) return refused(501, "5.5.4", "Syntax: AUTH mechanism [response]");
  return { verb: "AUTH", mechanism, initial };
}
