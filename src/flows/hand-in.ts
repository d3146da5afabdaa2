import { formatCount } from "../core/base/count.ts";
import { message } from "../core/cl/messages.ts";
import type { Envelope, ReversePath } from "../core/mail/envelope.ts";
import { formatMailbox, type Mailbox } from "../core/mail/mailbox.ts";
import { parseMailbox, PATH_FAULTS } from "../core/mail/path.ts";
import type { Answer } from "./commands/answer.ts";
import { answer, say } from "./commands/answer.ts";
import { envelopeOf, hasDotLines, senderOf, sizeMaxOctets, submitAnswer } from "./commands/send.ts";
import type { CommandResult } from "./operate.ts";
import type { Operations } from "./operations.ts";

/** A whole message of a local program. */
export interface HandedIn {
  /** Null: the user at this host. `""` is the null reverse-path. */
  readonly from: string | null;
  readonly to: readonly string[];
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
  const recipients = readRecipients(mail.to.map((address) => qualified(address, hostname)));
  if (recipients.faults.length > 0) {
    return answer(recipients.faults.map((address) => message("SMR0504", address)));
  }
  if (recipients.mailboxes.length === 0) return say("SMR0503", "there is no recipient.");
  const { octets } = mail;
  if (octets.length > sizeMaxOctets(operations))
    return say("SMR0506", formatCount(operations.policy.attributes().MAXEMMSIZE));
  const content = {
    kind: "memory",
    chunks: [octets],
    sizeOctets: octets.length,
    dotLines: hasDotLines(octets),
  } as const;
  const envelope: Envelope = {
    ...envelopeOf(sender.reversePath, recipients.mailboxes),
    body: octets.some((octet) => octet > 127) ? "8BITMIME" : "7BIT",
  };
  return submitAnswer(await operations.submit.submit({ envelope, content, by }), recipients.mailboxes.length);
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
function readRecipients(to: readonly string[]): { mailboxes: readonly Mailbox[]; faults: readonly string[] } {
  const mailboxes = new Map<string, Mailbox>();
  const faults: string[] = [];
  for (const address of to) {
    const mailbox = parseMailbox(address);
    if (mailbox.ok) mailboxes.set(formatMailbox(mailbox.value), mailbox.value);
    else faults.push(address);
  }
  return { mailboxes: [...mailboxes.values()], faults };
}
