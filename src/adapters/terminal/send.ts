import { EXIT, readInput, report, reportUnreachable, reportUsage, say, type Runner } from "./caller.ts";
import { askTerms, tooLarge } from "./hand-in-terms.ts";
import { encodedWords, formatFrom, scanLocalHeader, withField } from "./mail-header.ts";

/** send: a whole message from standard input, or one that is made of --subject and --body. */
export const send: Runner = async (call, caller, relay) => {
  const { options } = call;
  const to = options.texts("to");
  const cc = options.texts("cc");
  const recipients = [...to, ...cc, ...options.texts("bcc")];
  if (recipients.length === 0) return reportUsage("send needs --to ADDRESS", caller);
  const from = options.text("from");
  const subject = options.text("subject");
  const body = options.text("body");
  const terms = await askTerms(relay);
  if (!terms.ok) return reportUnreachable(terms.error, caller);
  const input = body === undefined ? await readInput(caller.input, terms.value.messageOctetsMax) : Buffer.from(body);
  if (input === null) {
    say(caller, `SMR0506 ${tooLarge(terms.value)}`);
    return EXIT.refused;
  }
  const made = subject !== undefined || body !== undefined;
  const message = made ? makeMessage({ to, cc, subject, text: input }) : input;
  const sender = from === undefined || from === "" ? `${caller.user}@${terms.value.hostname}` : oneLine(from);
  const whole = scanLocalHeader(message).hasFrom ? message : withField(message, formatFrom(sender, null));
  return report(await relay.send({ from: from ?? null, to: recipients }, whole), call, caller);
};

interface Draft {
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string | undefined;
  readonly text: Buffer;
}

/** Plain text (RFC 5322, RFC 2045) without its From field. Date and Message-ID are the relay's to add. */
export function makeMessage({ to, cc, subject, text }: Draft): Buffer {
  const plain = /^[\x01-\x7f]*$/s.test(text.toString("latin1")) && longestLine(text) <= 998;
  const header = [
    ...(to.length === 0 ? [] : [`To: ${to.map(oneLine).join(",\n ")}`]),
    ...(cc.length === 0 ? [] : [`Cc: ${cc.map(oneLine).join(",\n ")}`]),
    ...(subject === undefined ? [] : [`Subject: ${formatText(oneLine(subject))}`]),
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Transfer-Encoding: ${plain ? "7bit" : "base64"}`,
  ];
  const body = plain ? text : Buffer.from(text.toString("base64").replaceAll(/.{1,76}/g, "$&\n"));
  return Buffer.concat([Buffer.from(`${header.join("\n")}\n\n`), body]);
}

function longestLine(text: Buffer): number {
  let longest = 0;
  let from = 0;
  for (let at = text.indexOf(0x0a); at >= 0; at = text.indexOf(0x0a, from)) {
    longest = Math.max(longest, at - from);
    from = at + 1;
  }
  return Math.max(longest, text.length - from);
}

/** What would begin another field is a blank. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ").trim();
}

function formatText(text: string): string {
  return /^[\x20-\x7e]{0,900}$/.test(text) ? text : encodedWords(text);
}
