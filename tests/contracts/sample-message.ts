import { ok, type Result } from "../../src/core/base/result.ts";
import type { Content } from "../../src/core/mail/content.ts";
import { parseDomain, type Domain } from "../../src/core/mail/domain.ts";
import { parseIpAddress, type IpAddress } from "../../src/core/mail/ip.ts";
import type { Mailbox } from "../../src/core/mail/mailbox.ts";
import type { AcceptedMessage, QueueId } from "../../src/core/queue/message.ts";
import type { Outcome } from "../../src/core/queue/outcome.ts";

export const NOW = 1_767_225_600_000;

export function domain(text: string): Domain {
  return valueOf(parseDomain(text));
}

export function address(text: string): IpAddress {
  return valueOf(parseIpAddress(text));
}

export function mailbox(localPart: string, domainText: string): Mailbox {
  return { localPart, host: { kind: "domain", domain: domain(domainText) } };
}

/** Content in memory, in as many chunks as there are texts. */
export function textContent(...texts: string[]): Content {
  const chunks = texts.map((text) => Buffer.from(text, "latin1"));
  return { kind: "memory", chunks, sizeOctets: texts.join("").length, dotLines: texts.join("").includes("\r\n.") };
}

/** A message that has one of everything an envelope can have. */
export function sampleMessage(
  id: number,
  content: Content = textContent(`Subject: ${id}\r\n\r\nText\r\n`),
): AcceptedMessage {
  return {
    id: id as QueueId,
    acceptedAt: NOW + id,
    origin: { client: address("2001:db8::25"), helo: "client.example", user: "grüße", protocol: "ESMTPSA" },
    envelope: {
      reversePath: mailbox('"odd one"', "sender.example"),
      recipients: [
        { forwardPath: mailbox("ärger", "a.example"), notify: ["SUCCESS", "FAILURE"], originalRecipient: "rfc822;x@y" },
        { forwardPath: { localPart: "b", host: { kind: "literal", address: address("192.0.2.9") } }, notify: "NEVER" },
      ],
      body: "8BITMIME",
      smtpUtf8: true,
      ret: "HDRS",
      envelopeId: "QQ314159",
    },
    content,
  };
}

export function sampleOutcome(recipient: number, kind: Outcome["kind"], words = "Ok"): Outcome {
  return {
    kind,
    recipient,
    at: NOW + 60_000,
    nextHop: "mx:a.example",
    server: "mx1.a.example [192.0.2.1]",
    reply: {
      code: kind === "delivered" ? 250 : 450,
      enhanced: kind === "delivered" ? "2.0.0" : "4.2.0",
      text: [words],
    },
    tls: "TLSv1.3 TLS_AES_256_GCM_SHA384",
    ...(kind === "deferred" ? { retryAt: NOW + 360_000 } : {}),
  };
}

export async function octetsOf(
  content: Content,
  read: (file: Content & { kind: "file" }) => AsyncIterable<Uint8Array>,
) {
  if (content.kind === "memory") return Buffer.concat(content.chunks);
  const blocks: Uint8Array[] = [];
  for await (const block of read(content)) blocks.push(block);
  return Buffer.concat(blocks);
}

export const DONE: Result<void, never> = ok(undefined);

function valueOf<T, E>(result: Result<T, E>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}
