import { NO_ACCESS_TOKENS } from "../../src/adapters/memory/access-tokens.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { SmtpTransport, type TransportOptions } from "../../src/adapters/smtp-client/transport.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import type { Envelope } from "../../src/core/mail/envelope.ts";
import { ipv4, IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";
import type { Mailbox } from "../../src/core/mail/mailbox.ts";
import { describeReply } from "../../src/core/mail/reply.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import type { NextHop, OutgoingMessage, TransportResult } from "../../src/flows/ports.ts";

export const LOOPBACK_2 = ipv4(0x7f000002);

export function transport(options: Partial<TransportOptions> = {}): SmtpTransport {
  return new SmtpTransport({
    hostname: "relay.example" as Domain,
    limits: DEFAULT_LIMITS,
    clock: new WallClock(),
    readFile: async function* () {
      yield* [];
    },
    tokens: NO_ACCESS_TOKENS,
    ...options,
  });
}

export function hop(port: number, given: Partial<NextHop> = {}): NextHop {
  return {
    key: `smarthost:mx.example:${port}`,
    servers: [{ host: "mx.example", address: IPV4_LOOPBACK, port }],
    tls: "may",
    credentials: null,
    localAddresses: [],
    rewriting: null,
    ...given,
  };
}

export function mailbox(text: string): Mailbox {
  const at = text.lastIndexOf("@");
  return { localPart: text.slice(0, at), host: { kind: "domain", domain: text.slice(at + 1) as Domain } };
}

export function mail(
  text: string,
  recipients: readonly string[] = ["u@example.net"],
  envelope: Partial<Envelope> = {},
): OutgoingMessage {
  const octets = Buffer.from(text, "latin1");
  return {
    id: 1 as QueueId,
    envelope: { reversePath: mailbox("sender@example.com"), body: "7BIT", smtpUtf8: false, ...envelope },
    recipients: recipients.map((recipient) => ({ forwardPath: mailbox(recipient) })),
    front: new Uint8Array(0),
    skipOctets: 0,
    content: {
      kind: "memory",
      chunks: [octets],
      sizeOctets: octets.length,
      dotLines: /(^|\n)\./.test(text),
    },
  };
}

/** The replies as text, and in front whether the route was in trouble. */
export function words(result: TransportResult): string[] {
  return [...(result.routeTrouble ? ["ROUTE"] : []), ...result.replies.map(describeReply)];
}
