import { printable } from "../../core/base/printable.ts";
import type { Result } from "../../core/base/result.ts";
import { readInput, say, type Caller, type RelayAnswer, type RelayClient, type Runner } from "./caller.ts";
import { askTerms, tooLarge } from "./hand-in-terms.ts";
import { formatFrom, scanLocalHeader, withField, withoutMailboxLine } from "./mail-header.ts";
import { readSendmailOptions, type SendmailOptions } from "./sendmail-options.ts";
import { flushQueue, listQueue } from "./simple-verbs.ts";

/** Exit statuses of sysexits.h. */
export const SYSEXITS = {
  ok: 0,
  usage: 64,
  noUser: 67,
  unavailable: 69,
  temporary: 75,
  noPermission: 77,
} as const;

/** sendmail, for cron, PHP, Perl and whatever else knows it. */
export const sendmail: Runner = async (call, caller, relay) => {
  const options = readSendmailOptions(call.operands);
  if (!options.ok) return usage(caller, options.error);
  switch (options.value.mode) {
    case "send":
      return await handIn(options.value, caller, relay);
    case "smtp":
      return await speakSmtp(caller, relay);
    case "print-queue":
      return statusOf(await listQueue(call, caller, relay));
    case "flush":
      return statusOf(await flushQueue(call, caller, relay));
    case "nothing":
      return SYSEXITS.ok;
  }
};

function usage(caller: Caller, fault: string): number {
  say(caller, `sendmail: ${fault}`);
  return SYSEXITS.usage;
}

function statusOf(exit: number): number {
  return exit === 0 ? SYSEXITS.ok : exit === 2 ? SYSEXITS.temporary : SYSEXITS.unavailable;
}

async function handIn(options: SendmailOptions, caller: Caller, relay: RelayClient): Promise<number> {
  if (options.recipients.length === 0 && !options.recipientsFromHeader) {
    return usage(caller, "no recipient was given; -t takes them from the header");
  }
  const terms = await askTerms(relay);
  if (!terms.ok) return tell(terms, caller);
  const input = await readInput(caller.input, terms.value.messageOctetsMax);
  if (input === null) {
    say(caller, `sendmail: ${tooLarge(terms.value)}`);
    return SYSEXITS.unavailable;
  }
  const message = withoutMailboxLine(options.ignoreDots ? input : beforeLoneDot(input));
  const octets = scanLocalHeader(message).hasFrom
    ? message
    : withField(message, formatFrom(senderOf(options, caller.user, terms.value.hostname), options.fullName));
  const { from, recipientsFromHeader } = options;
  const to = options.recipients.map(withoutBrackets);
  return tell(await relay.send({ from, to, recipientsFromHeader }, octets), caller);
}

function withoutBrackets(recipient: string): string {
  return recipient.trim().replace(/^<(.*)>$/s, "$1");
}

/** The address of a From field that has to be made. */
function senderOf({ from }: SendmailOptions, caller: string, hostname: string): string {
  if (from?.includes("@")) return from;
  const user = from === null ? caller : from === "" ? "MAILER-DAEMON" : from;
  return `${user}@${hostname}`;
}

/** Without -i a line of a lone dot ends the message, as it would in SMTP. */
export function beforeLoneDot(octets: Buffer): Buffer {
  for (let at = octets.indexOf("."); at >= 0; at = octets.indexOf(".", at + 1)) {
    const begins = at === 0 || octets[at - 1] === 0x0a;
    const next = octets[at + 1];
    if (begins && (next === undefined || next === 0x0a || (next === 0x0d && octets[at + 2] === 0x0a))) {
      return octets.subarray(0, at);
    }
  }
  return octets;
}

// --- the answer -------------------------------------------------------------------------------------------------------

function tell(answer: Result<RelayAnswer, string>, caller: Caller): number {
  if (!answer.ok) {
    say(caller, `sendmail: ${answer.error}`);
    return SYSEXITS.temporary;
  }
  const { ok, messages, value } = answer.value;
  const replies = refusalsOf(value);
  if (ok && replies.length === 0) return SYSEXITS.ok;
  for (const { text } of messages) say(caller, `sendmail: ${text}`);
  const [reply] = replies;
  if (reply !== undefined) return exitStatusOf(reply);
  return messages.flatMap(({ id }) => STATUSES[id] ?? [])[0] ?? SYSEXITS.unavailable;
}

/** What messages of the relay mean to a program. */
const STATUSES: Readonly<Record<string, number>> = {
  SMR0504: SYSEXITS.noUser,
  SMR0506: SYSEXITS.unavailable,
  SMR0507: SYSEXITS.usage,
  SMR0508: SYSEXITS.temporary,
};

/** What refused recipients heard. */
function refusalsOf(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null || !("refused" in value) || !Array.isArray(value.refused)) return [];
  return value.refused.flatMap((one: unknown) =>
    typeof one === "object" && one !== null && "reply" in one && typeof one.reply === "string" ? [one.reply] : [],
  );
}

/** The status of sysexits.h that says to a program what a reply says to a client. */
export function exitStatusOf(reply: string): number {
  if (reply.startsWith("4")) return SYSEXITS.temporary;
  const status = /^5\d\d (5\.\d+\.\d+)/.exec(reply)?.[1] ?? "";
  if (status === "5.7.1" || status.startsWith("5.7.")) return SYSEXITS.noPermission;
  if (status.startsWith("5.1.")) return SYSEXITS.noUser;
  return SYSEXITS.unavailable;
}

// --- -bs --------------------------------------------------------------------------------------------------------------

/** Hands standard input and output to a session of the relay. At a terminal, Enter is CRLF; programs say CRLF themselves. */
async function speakSmtp(caller: Caller, relay: RelayClient): Promise<number> {
  const opened = await relay.openSession();
  if (!opened.ok) {
    caller.output.write(`421 4.3.2 ${printable(opened.error, 400)}\r\n`);
    return SYSEXITS.temporary;
  }
  const session = opened.value;
  const typed = caller.input.isTTY === true;
  caller.input.on("data", (chunk: Buffer) => {
    const open = session.write(typed ? chunk.toString("latin1").replaceAll(/\r?\n/g, "\r\n") : chunk, "latin1");
    if (!open) {
      caller.input.pause();
      session.once("drain", () => caller.input.resume());
    }
  });
  caller.input.once("end", () => session.end());
  return await new Promise<number>((resolve) => {
    session.on("data", (chunk: Buffer) => void caller.output.write(chunk));
    session.once("error", () => resolve(SYSEXITS.temporary));
    session.once("end", () => {
      session.end();
      caller.input.pause();
      resolve(SYSEXITS.ok);
    });
  });
}
