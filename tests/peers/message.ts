/** Messages to send, and the comparison to the octet. */
import assert from "node:assert/strict";

/** A message of text with CRLF line ends. What trips relays is in it: lines of dots, blanks at line ends, long and empty lines. */
export function sampleMessage(subject: string, more: readonly string[] = []): Buffer {
  return Buffer.from(
    [
      "From: Sender <sender@client.example>",
      "To: <rcpt@far.example>",
      `Subject: ${subject}`,
      "Date: Thu, 01 Jan 2026 00:00:00 +0000",
      `Message-ID: <${subject.replaceAll(/[^a-z0-9]/gi, "-")}@client.example>`,
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=us-ascii",
      "X-Folded: one",
      "\ttwo",
      "",
      "A first line.",
      ".",
      "..",
      ".a line that begins with a dot",
      "a blank at the end ",
      "From the start of a line",
      "",
      "a".repeat(900),
      "\tlast",
      ...more,
      "",
    ].join("\r\n"),
    "latin1",
  );
}

/** The content without its first `count` Received fields, which must be the first thing in it. */
export function withoutReceived(content: Uint8Array, count = 1): Buffer {
  let rest = Buffer.from(content);
  for (let i = 0; i < count; i++) {
    const text = rest.toString("latin1");
    const field = /^Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/.exec(text);
    assert.ok(field, `content begins with a Received field: ${text.slice(0, 200)}`);
    rest = rest.subarray(field[0].length);
  }
  return rest;
}

/** The first Received field, unfolded. */
export function receivedField(content: Uint8Array): string {
  const text = Buffer.from(content).toString("latin1");
  const field = /^Received: ([^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)/.exec(text)?.[1];
  assert.ok(field !== undefined, `content begins with a Received field: ${text.slice(0, 200)}`);
  return field.replaceAll(/\r\n[ \t]+/g, " ").trim();
}

/** Asserts that the sink has what was sent, to the octet, behind `received` Received fields. */
export function assertUnchanged(sunk: Uint8Array, sent: Uint8Array, received = 1): void {
  const rest = withoutReceived(sunk, received);
  if (rest.equals(sent)) return;
  let at = 0;
  while (at < rest.length && rest[at] === sent[at]) at++;
  const around = (octets: Uint8Array) =>
    JSON.stringify(Buffer.from(octets.subarray(Math.max(0, at - 40), at + 40)).toString("latin1"));
  assert.fail(
    `content changed at octet ${at} (sent ${sent.length}, sunk ${rest.length}):\nsent ${around(sent)}\nsunk ${around(rest)}`,
  );
}
