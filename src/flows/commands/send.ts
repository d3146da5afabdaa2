import { encodeHex } from "../../core/base/hex.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { Arguments } from "../../core/cl/arguments.ts";
import { ATTACHMENT_TYPES, CONTENT_KINDS } from "../../core/cl/commands/send.ts";
import { counted, formatCount } from "../../core/base/count.ts";
import { message, type Diagnostic } from "../../core/cl/messages.ts";
import type { MemoryContent } from "../../core/mail/content.ts";
import type { Envelope, ReversePath } from "../../core/mail/envelope.ts";
import { formatMailbox, type Mailbox } from "../../core/mail/mailbox.ts";
import { hasDotLines } from "../../core/mail/line-ends.ts";
import { parseMailbox, PATH_FAULTS } from "../../core/mail/path.ts";
import { describeReply } from "../../core/mail/reply.ts";
import { formatQueueId } from "../../core/queue/message.ts";
import type { Operations, SubmitAnswer } from "../operations.ts";
import type { Attachment, OwnMail } from "../../core/mail/own-mail.ts";
import { answer, faultsOf, say, type Answer, type CommandContext, type Handler } from "./answer.ts";

interface Recipients {
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  readonly bcc: readonly Mailbox[];
}

export const sendMail: Handler = async (context, args) => {
  const recipients = readRecipients(args, "RCP");
  if (!recipients.ok) return faultsOf(recipients.error);
  const attachments = await readAttachments(context.operations, args);
  if (!attachments.ok) return attachments.error;
  const kind = CONTENT_KINDS[args.text("CONTENT") ?? ""] ?? "text";
  return submit(context, {
    recipients: recipients.value,
    subject: args.text("SUBJECT") ?? "",
    body: { kind, text: args.plain("NOTE") ?? "" },
    attachments: attachments.value,
  });
};

export const sendDistribution: Handler = async (context, args) => {
  const recipients = readRecipients(args, "TOINTNET");
  if (!recipients.ok) return faultsOf(recipients.error);
  const keyword = args.is("TYPE", "*MSG") ? "MSG" : "LONGMSG";
  if (!args.given(keyword)) return say("SMR0017", keyword, "TYPE", args.text("TYPE") ?? "");
  return submit(context, {
    recipients: recipients.value,
    subject: args.plain("SUBJECT") ?? args.text("DSTD") ?? "",
    body: { kind: "text", text: args.text(keyword) ?? "" },
    attachments: [],
  });
};

function readRecipients(args: Arguments, keyword: string): Result<Recipients, readonly Diagnostic[]> {
  const found = {
    "*PRI": new Map<string, Mailbox>(),
    "*CC": new Map<string, Mailbox>(),
    "*BCC": new Map<string, Mailbox>(),
  };
  const faults: Diagnostic[] = [];
  for (const [address, role] of args.rows(keyword)) {
    if (!address || !role) continue;
    const mailbox = parseMailbox(address.text);
    if (mailbox.ok) found[role.text as keyof typeof found].set(formatMailbox(mailbox.value), mailbox.value);
    else faults.push({ id: "SMR0504", with: [address.text], at: address.at });
  }
  if (faults.length > 0) return err(faults);
  const of = (role: keyof typeof found): readonly Mailbox[] => [...found[role].values()];
  const recipients = { to: of("*PRI"), cc: of("*CC"), bcc: of("*BCC") };
  const none = recipients.to.length + recipients.cc.length + recipients.bcc.length === 0;
  return none ? err([{ id: "SMR0013", with: [keyword, "Recipient"], at: args.at(keyword) }]) : ok(recipients);
}

async function readAttachments(
  operations: Operations,
  args: Arguments,
): Promise<Result<readonly Attachment[], Answer>> {
  const attachments: Attachment[] = [];
  let left = sizeMaxOctets(operations);
  for (const [path, type, form] of args.rows("ATTACH")) {
    if (!path || path.special || !type) continue;
    const octets = await operations.readAttachment(path.text, left);
    if (!octets.ok) return err(say("SMR0505", path.text, octets.error));
    left -= octets.value.length;
    const standard = form?.text === "*TXT" && type.text === "*OCTET" ? "text/plain" : undefined;
    attachments.push({
      name: nameOf(path.text),
      type:
        standard ??
        (type.special || type.text.startsWith("*")
          ? (ATTACHMENT_TYPES[type.text] ?? "application/octet-stream")
          : mediaType(type.text)),
      octets: octets.value,
    });
  }
  return ok(attachments);
}

/** The last part of the path, without characters that could begin a header field of their own. */
function nameOf(path: string): string {
  return oneLine(path.replace(/^.*\//, "")) || "attachment";
}

function mediaType(text: string): string {
  return /^[\w.+-]{1,63}\/[\w.+-]{1,63}$/.test(text) ? text.toLowerCase() : "application/octet-stream";
}

/** Header fields are one line: what would begin another is a blank. */
function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").trim();
}

export function sizeMaxOctets(operations: Operations): number {
  return operations.policy.attributes().MAXEMMSIZE * 1_024;
}

interface Draft {
  readonly recipients: Recipients;
  readonly subject: string;
  readonly body: OwnMail["body"];
  readonly attachments: readonly Attachment[];
}

async function submit(context: CommandContext, draft: Draft): Promise<Answer> {
  const { operations, by } = context;
  const { hostname } = operations.server.status();
  const sender = senderOf(by, hostname);
  if (!sender.ok) return say("SMR0509", by, hostname, PATH_FAULTS[sender.error]);
  const { to, cc, bcc } = draft.recipients;
  const octets = await operations.composer.compose({
    from: formatMailbox(sender.value),
    to: to.map(formatMailbox),
    cc: cc.map(formatMailbox),
    subject: oneLine(draft.subject),
    date: context.now,
    messageId: newMessageId(context, hostname),
    body: draft.body,
    attachments: draft.attachments,
    headers: [],
  });
  if (octets.length > sizeMaxOctets(operations)) return tooLarge(sizeMaxOctets(operations));
  const everyone = new Map([...to, ...cc, ...bcc].map((mailbox) => [formatMailbox(mailbox), mailbox]));
  const envelope = envelopeOf(sender.value, [...everyone.values()]);
  return submitAnswer(await operations.submit.submit({ envelope, content: contentOf(octets), by }), everyone.size);
}

/** The user of the command at this host: it cannot be chosen, so that nobody can send as somebody else. */
export function senderOf(by: string, hostname: string): ReturnType<typeof parseMailbox> {
  const user = by.replace(/^.*[:\\/]/, "");
  return parseMailbox(`${user}@${hostname}`);
}

function newMessageId(context: CommandContext, hostname: string): string {
  const chance = encodeHex(context.operations.cryptography.randomOctets(12));
  return `<${context.now.toString(36)}.${chance}@${hostname}>`;
}

export function envelopeOf(reversePath: ReversePath, recipients: readonly Mailbox[]): Envelope {
  const all = [...(reversePath ? [reversePath] : []), ...recipients].map(formatMailbox).join("");
  return {
    reversePath,
    recipients: recipients.map((forwardPath) => ({ forwardPath })),
    body: "7BIT",

    smtpUtf8: /[^\u0000-\u007f]/.test(all),
  };
}

/** A message that is in memory as a whole. */
export function contentOf(octets: Uint8Array): MemoryContent {
  return { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: hasDotLines(octets) };
}

export function tooLarge(octetsMax: number): Answer {
  return say("SMR0506", formatCount(octetsMax / 1_024));
}

export function submitAnswer(submitted: SubmitAnswer, recipients: number): Answer {
  const refused = submitted.refused.map(({ recipient, reply }) => message("SMR0502", recipient, describeReply(reply)));
  const list = submitted.refused.map(({ recipient, reply }) => ({ recipient, reply: describeReply(reply) }));
  if (submitted.kind === "refused") {
    const why = refused.length > 0 ? "no recipient was accepted." : describeReply(submitted.reply);
    return answer([...refused, message("SMR0503", why)], "", {
      queued: null,
      refused: list,
    });
  }
  const id = formatQueueId(submitted.id);
  const taken = counted(recipients - refused.length, "recipient");
  return answer([...refused, message("SMR0501", id, taken)], "", { queued: id, refused: list });
}
