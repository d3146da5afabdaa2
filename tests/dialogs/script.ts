/**
 * Dialogues as a mail administrator would write them down. A file has dialogues, each under a `== title`:
 *
 *   # a remark
 *   @ listener tls=starttls auth=tls     what the door is like; also `limits NAME=NUMBER …`, `user NAME PASSWORD`,
 *                                        `dns-list NAME` (names every client), `once` (not octet by octet), `local DOMAIN`
 *   P: CHGSMTPA ALWRLY(*LIST)            a command of the operator, before the connection or in its midst
 *   C: EHLO client.example               the client says a line; lines in a row go out in one piece
 *   C> \r\n.\n                           the same without CRLF at the end
 *   S: 250 2.1.0 Ok                      the server answers; `*` stands for anything
 *   C: <tls>                             the client begins the handshake; also <end> (no more is sent) and <reset>
 *   S: <closed>                          the server has closed
 *   Q: <a@b.example> to <c@d.example>    a message was queued, and
 *   | Subject: x                         has these lines behind our Received field; `Q: none` says that nothing was;
 *                                      ` requiretls` or ` tls optional` stands behind the recipients where the envelope has it
 *
 * `\r \n \t \0 \xHH \\` are escapes in what the client says.
 */
export interface Dialogue {
  readonly title: string;
  readonly settings: readonly string[];
  readonly steps: readonly Step[];
}

export type Step = { readonly line: number } & (
  | { readonly kind: "say"; readonly octets: Buffer }
  | { readonly kind: "act"; readonly what: "tls" | "end" | "reset" }
  | { readonly kind: "expect"; readonly pattern: string }
  | { readonly kind: "closed" }
  | { readonly kind: "policy"; readonly command: string }
  | { readonly kind: "queued"; readonly envelope: string; readonly content: string[] }
);

export function parseDialogues(text: string): Dialogue[] {
  const dialogues: { title: string; settings: string[]; steps: Step[] }[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    if (raw.trim() === "" || raw.startsWith("#")) continue;
    if (raw.startsWith("== ")) {
      dialogues.push({ title: raw.slice(3), settings: [], steps: [] });
      continue;
    }
    const dialogue = dialogues.at(-1);
    if (dialogue === undefined) throw new Error(`line ${line}: a dialogue begins with "== title"`);
    if (raw.startsWith("@ ")) dialogue.settings.push(raw.slice(2));
    else readStep(raw, line, dialogue.steps);
  }
  return dialogues;
}

function readStep(raw: string, line: number, steps: Step[]): void {
  const text = raw.slice(3);
  const last = steps.at(-1);
  switch (raw.slice(0, 2)) {
    case "C:":
      if (text === "<tls>" || text === "<end>" || text === "<reset>") {
        steps.push({ kind: "act", line, what: text.slice(1, -1) as "tls" | "end" | "reset" });
        return;
      }
      return say(steps, line, Buffer.concat([unescape(text), Buffer.from("\r\n")]));
    case "C>":
      return say(steps, line, unescape(text));
    case "S:":
      steps.push(text === "<closed>" ? { kind: "closed", line } : { kind: "expect", line, pattern: text });
      return;
    case "P:":
      steps.push({ kind: "policy", line, command: text });
      return;
    case "Q:":
      steps.push({ kind: "queued", line, envelope: text, content: [] });
      return;
    case "| ":
    case "|":
      if (last?.kind !== "queued") throw new Error(`line ${line}: content belongs to a "Q:"`);
      last.content.push(raw.slice(2));
      return;
    default:
      throw new Error(`line ${line}: not a step: ${raw}`);
  }
}

/** What the client says in a row goes out in one piece. */
function say(steps: Step[], line: number, octets: Buffer): void {
  const last = steps.at(-1);
  if (last?.kind === "say") steps[steps.length - 1] = { ...last, octets: Buffer.concat([last.octets, octets]) };
  else steps.push({ kind: "say", line, octets });
}

function unescape(text: string): Buffer {
  const parts = text.split(/(\\x[0-9a-f]{2}|\\[rnt0\\])/i).map((part) => {
    if (part.startsWith("\\x")) return Buffer.from([parseInt(part.slice(2), 16)]);
    const escapes: Record<string, string> = { "\\r": "\r", "\\n": "\n", "\\t": "\t", "\\0": "\0", "\\\\": "\\" };
    return Buffer.from(escapes[part] ?? part, "utf8");
  });
  return Buffer.concat(parts);
}
