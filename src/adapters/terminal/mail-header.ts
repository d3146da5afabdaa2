import addressparser from "nodemailer/lib/addressparser";

/** A header field as it stands: its name, and its text with all its lines. */
interface Field {
  readonly name: string;
  readonly text: string;
}

/** A message of a local program, its header read. Header text is octets as characters (latin1), so that nothing of it is changed. */
export interface LocalMessage {
  readonly fields: readonly Field[];
  /** From the empty line on, or all of it where there is no header. */
  readonly body: Buffer;
}

/** A header larger than this is none. */
const HEADER_OCTETS_MAX = 1_048_576;

/** Parts header and body; a `From ` line of a mailbox file in front is dropped. Text that begins with no field is all body. */
export function readLocalMessage(octets: Buffer): LocalMessage {
  const text = octets.subarray(0, HEADER_OCTETS_MAX).toString("latin1");
  const fields: { name: string; text: string }[] = [];
  let at = /^>?From [^\n]*\n/.exec(text)?.[0].length ?? 0;
  while (at < text.length) {
    const end = text.indexOf("\n", at);
    const line = text.slice(at, end < 0 ? text.length : end + 1);
    const name = /^([!-9;-~]+)[ \t]*:/.exec(line)?.[1];
    const last = fields.at(-1);
    if (name !== undefined) fields.push({ name: name.toLowerCase(), text: line });
    else if (/^[ \t]/.test(line) && last && line.trim() !== "") last.text += line;
    else break;
    at += line.length;
  }
  return { fields, body: octets.subarray(at) };
}

/** The message again, with `more` fields in front. Bcc fields are left out where `withoutBcc`. */
export function writeLocalMessage(
  { fields, body }: LocalMessage,
  more: readonly string[],
  withoutBcc: boolean,
): Buffer {
  const kept = fields.filter(({ name }) => !withoutBcc || !BCC.has(name)).map(({ text }) => ended(text));
  const header = [...more.map((line) => `${line}\n`), ...kept].join("");
  // An empty line parts them, unless the body begins with its own.
  const gap = header === "" || /^\r?\n/.test(body.toString("latin1", 0, 2)) ? "" : "\n";
  return Buffer.concat([Buffer.from(header + gap, "latin1"), body]);
}

function ended(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}

const BCC = new Set(["bcc", "resent-bcc"]);
const RECIPIENTS = ["to", "cc", "bcc"];

/** The mailboxes of To, Cc and Bcc; of the Resent- fields where the message was sent again (RFC 5322 §3.6.6). */
export function recipientsOf({ fields }: LocalMessage): readonly string[] {
  const resent = fields.some(({ name }) => name.startsWith("resent-") && RECIPIENTS.includes(name.slice(7)));
  const wanted = new Set(RECIPIENTS.map((name) => (resent ? `resent-${name}` : name)));
  const lists = fields.filter(({ name }) => wanted.has(name)).map(({ text }) => bodyOf(text));
  const mailboxes = lists.flatMap((list) => addressparser(list, { flatten: true }).map(mailboxOf));
  return [...new Set(mailboxes.filter((mailbox) => mailbox !== ""))];
}

/** `To: root` is the user of that name, as cron writes it. */
function mailboxOf({ address, name }: { readonly address: string; readonly name: string }): string {
  return address === "" && /^[\w.+-]+$/.test(name) ? name : address;
}

export function hasField({ fields }: LocalMessage, name: string): boolean {
  return fields.some((field) => field.name === name);
}

/** What stands behind the colon, unfolded, as UTF-8 (RFC 6532). */
function bodyOf(text: string): string {
  const body = text.slice(text.indexOf(":") + 1).replaceAll(/\r?\n/g, "");
  return Buffer.from(body, "latin1").toString("utf8");
}

/** A From field (RFC 5322 §3.6.2); a name that is no plain words goes in quotes, or as encoded words where it is not ASCII. */
export function formatFrom(address: string, fullName: string | null): string {
  const name = (fullName ?? "").replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  if (name === "") return `From: ${address}`;
  return `From: ${formatPhrase(name)} <${address}>`;
}

function formatPhrase(name: string): string {
  if (/^[\w !#$%&'*+/=?^`{|}~-]+$/.test(name)) return name;
  if (/^[\x20-\x7e]+$/.test(name)) return `"${name.replaceAll(/["\\]/g, "\\$&")}"`;
  return encodedWords(name);
}

/** Text that is not ASCII as encoded words of at most 75 characters (RFC 2047 §2). */
export function encodedWords(text: string): string {
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (Buffer.byteLength(word + character) > 45) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  return [...words, word].map((part) => `=?utf-8?B?${Buffer.from(part).toString("base64")}?=`).join("\n ");
}
