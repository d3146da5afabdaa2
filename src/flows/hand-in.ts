import { message } from "../core/cl/messages.ts";
import { parseDomain } from "../core/mail/domain.ts";
import type { Envelope, ReversePath } from "../core/mail/envelope.ts";
import { recipientsOfHeader } from "../core/mail/header-recipients.ts";
import { formatMailbox, type Mailbox } from "../core/mail/mailbox.ts";
import { parseMailbox, PATH_FAULTS } from "../core/mail/path.ts";
import type { Answer } from "./commands/answer.ts";
import { answer, say } from "./commands/answer.ts";
import { contentOf, envelopeOf, senderOf, sizeMaxOctets, submitAnswer, tooLarge } from "./commands/send.ts";
import type { CommandResult } from "./command-result.ts";
import type { Operations } from "./operations.ts";

/** Recipients of one message that is handed in. */
export const RECIPIENTS_MAX = 100_000;
/** A message that is handed in is in memory as a whole; a larger one comes in by SMTP. */
const HAND_IN_OCTETS_MAX = 256 * 1_048_576;

/** The largest message that can be handed in now. */
export function handInOctetsMax(operations: Operations): number {
  return Math.min(sizeMaxOctets(operations), HAND_IN_OCTETS_MAX);
}

/** What a program must know before it hands in a message. */
export function handInTerms(operations: Operations): CommandResult {
  const value = { hostname: operations.server.status().hostname, messageOctetsMax: handInOctetsMax(operations) };
  return { ok: true, messages: [], output: "", value };
}

/** A whole message of a local program. */
export interface HandedIn {
  /** Null: the user at this host. `""` is the null reverse-path. */
  readonly from: string | null;
  readonly to: readonly string[];
  /** The header names recipients too (`sendmail -t`). */
  readonly recipientsFromHeader: boolean;
  /** Header and body; line ends of any kind. */
  readonly octets: Uint8Array;
}

/** send and sendmail: judges and queues a message as it is. Nothing is queued where an address is none. */
export async function handIn(operations: Operations, mail: HandedIn, by: string): Promise<CommandResult> {
  const done = await submit(operations, mail, by);
  return { ...done, ok: !done.messages.some(({ severity }) => severity >= 30) };
}

async function submit(operations: Operations, mail: HandedIn, by: string): Promise<Answer> {
  const { hostname } = operations.server.status();
  const sender = readSender(mail.from, by, hostname);
  if (sender.kind === "fault") return sender.answer;
  const recipients = readRecipients(mail, hostname);
  if (recipients.faults.length > 0) {
    return answer(recipients.faults.map((address) => message("SMR0504", address)));
  }
  if (recipients.mailboxes.length === 0) return say("SMR0507");
  const octetsMax = handInOctetsMax(operations);
  if (mail.octets.length > octetsMax) return tooLarge(octetsMax);
  const { octets } = mail;
  const envelope: Envelope = {
    ...envelopeOf(sender.reversePath, recipients.mailboxes),
    body: octets.some((octet) => octet > 127) ? "8BITMIME" : "7BIT",
  };
  const submission = { envelope, content: contentOf(octets), by };
  return submitAnswer(await operations.submit.submit(submission), recipients.mailboxes.length);
}

type Sender =
  { readonly kind: "sender"; readonly reversePath: ReversePath } | { readonly kind: "fault"; readonly answer: Answer };

function readSender(from: string | null, by: string, hostname: string): Sender {
  if (from === "" || from === "<>") return { kind: "sender", reversePath: null };
  const mailbox = from === null ? senderOf(by, hostname) : parseMailbox(qualified(from, hostname));
  if (mailbox.ok) return { kind: "sender", reversePath: mailbox.value };
  if (from !== null) return { kind: "fault", answer: say("SMR0504", from) };
  return { kind: "fault", answer: say("SMR0509", by, hostname, PATH_FAULTS[mailbox.error]) };
}

/** `root` is the user at this host. */
function qualified(address: string, hostname: string): string {
  return address.includes("@") ? address : `${address}@${hostname}`;
}

/** Each recipient once; those that are no addresses apart. */
function readRecipients(
  { to, recipientsFromHeader, octets }: HandedIn,
  hostname: string,
): { mailboxes: readonly Mailbox[]; faults: readonly string[] } {
  const mailboxes = new Map<string, Mailbox>();
  const faults: string[] = [];
  for (const address of to) {
    const mailbox = parseMailbox(qualified(address, hostname));
    if (mailbox.ok) mailboxes.set(formatMailbox(mailbox.value), mailbox.value);
    else faults.push(address);
  }
  const home = parseDomain(hostname);
  if (recipientsFromHeader && home.ok) {
    const named = recipientsOfHeader(octets, home.value, RECIPIENTS_MAX);
    for (const mailbox of named.recipients) mailboxes.set(formatMailbox(mailbox), mailbox);
    faults.push(...named.faulty);
  }
  return { mailboxes: [...mailboxes.values()], faults };
}
