import { NO_ACCESS_TOKENS } from "../../src/adapters/memory/access-tokens.ts";
import { NO_TLS_RESULTS } from "../../src/adapters/memory/tls-policies.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { SmtpTransport, type TransportOptions } from "../../src/adapters/smtp-client/transport.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import type { Envelope } from "../../src/core/mail/envelope.ts";
import { ipv4, IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";
import type { Mailbox } from "../../src/core/mail/mailbox.ts";
import { describeReply } from "../../src/core/mail/reply.ts";
import { DEFAULT_ROUTE } from "../../src/core/policy/route-rule.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import { textOfDemand, type AppliedPolicy, type TlsDemand } from "../../src/core/tls-policy/demand.ts";
import type {
  NextHop,
  NextHopCredentials,
  NextHopServer,
  OutgoingMessage,
  TransportResult,
} from "../../src/flows/ports.ts";

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
    tlsResults: NO_TLS_RESULTS,
    ...options,
  });
}

/** What a test says of the servers of its next hop. */
export interface HopTls {
  readonly tls?: TlsDemand;
  readonly isImplicit?: boolean;
  readonly policy?: AppliedPolicy;
  readonly credentials?: NextHopCredentials | null;
}

export const VERIFY: TlsDemand = { kind: "verify", names: ["mx.example"] };

/** A server of a next hop, as a test says. */
export function serverAt(
  host: string,
  port: number,
  { tls = { kind: "may" }, isImplicit = false, policy, credentials = null }: HopTls = {},
): NextHopServer {
  return {
    host,
    address: IPV4_LOOPBACK,
    port,
    isImplicit,
    tls,
    isPublished: true,
    policy: policy ?? null,
    credentials,
  };
}

export function hop(port: number, given: Partial<NextHop> & HopTls = {}): NextHop {
  const { tls, isImplicit, policy, credentials, ...rest } = given;
  const server = serverAt("mx.example", port, {
    ...(tls ? { tls } : {}),
    ...(isImplicit ? { isImplicit } : {}),
    ...(policy ? { policy } : {}),
    ...(credentials ? { credentials } : {}),
  });
  const key = rest.key ?? `smarthost:mx.example:${port}`;
  return {
    key,
    connectionsKey: `${key} ${textOfDemand(server.tls)}`,
    route: null,
    auth: "auto",
    transport: "smtp",
    pace: DEFAULT_ROUTE.pace,
    localAddresses: [],
    rewriting: null,
    ...rest,
    servers: (rest.servers ?? [server]).map((each) => (credentials === undefined ? each : { ...each, credentials })),
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
