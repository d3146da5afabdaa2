/**
 * A reply of an SMTP server (RFC 5321 §4.2): code, enhanced status of RFC 3463 (`""` where none belongs, as in 220, 354 and EHLO)
 * and its text, one string a line without CRLF.
 */
export interface Reply {
  readonly code: number;
  readonly enhanced: string;
  readonly text: readonly string[];
}

export function reply(code: number, enhanced: string, ...text: string[]): Reply {
  return { code, enhanced, text };
}

/** 2, 3, 4 or 5: the first digit says what the client does next (RFC 5321 §4.2.1). */
export function replyClass(reply: Reply): number {
  return Math.floor(reply.code / 100);
}

/** On the wire, with CRLF. Each line carries the enhanced status (RFC 2034 §4). */
export function formatReply(reply: Reply): string {
  const status = reply.enhanced === "" ? "" : `${reply.enhanced} `;
  const last = reply.text.length - 1;
  let wire = "";
  for (let i = 0; i < last; i++) wire += `${reply.code}-${status}${reply.text[i]}\r\n`;
  return `${wire}${reply.code} ${status}${reply.text[last] ?? ""}\r\n`;
}

/** One line for people: `550 5.7.1 <user@example.net>: relay denied …`. */
export function describeReply(reply: Reply): string {
  return `${reply.code} ${reply.enhanced === "" ? "" : `${reply.enhanced} `}${reply.text.join(" ")}`;
}
