import type { Json } from "../core/base/json.ts";
import { printable } from "../core/base/printable.ts";
import type { Instant } from "../core/base/time.ts";
import { table, type Column } from "../core/cl/layout.ts";
import { message } from "../core/cl/messages.ts";
import type { ReversePath } from "../core/mail/envelope.ts";
import { formatHostPort } from "../core/mail/host-port.ts";
import { formatIpAddress, IPV4_LOOPBACK, parseIpAddress, type IpAddress } from "../core/mail/ip.ts";
import type { Mailbox } from "../core/mail/mailbox.ts";
import { parseMailbox } from "../core/mail/path.ts";
import { describeReply } from "../core/mail/reply.ts";
import { formatEntryId } from "../core/policy/coverage.ts";
import type { RouteEntry } from "../core/policy/route-table.ts";
import { describeRoute } from "../core/policy/route-words.ts";
import type { QueuedMessage, QueueId } from "../core/queue/message.ts";
import { parseRouteKey } from "../core/queue/route.ts";
import type { Found } from "./find-next-hop.ts";
import { refused, type CommandResult } from "./command-result.ts";
import type { NextHop, NextHopServer } from "./ports.ts";

export interface TestWords {
  /** "" and `<>` are the null reverse-path, as of a report. */
  readonly from?: string | undefined;
  readonly to: string;
  /** The machine itself where nobody is said. */
  readonly client?: string | undefined;
}

/** What there is to know of the way of a message without asking anybody. */
export interface RouteWays {
  keysOf(message: QueuedMessage): readonly string[];
  /** The routes that match its first recipient, the most specific first. */
  matchesOf(message: QueuedMessage): readonly RouteEntry[];
  readonly isCapturing: boolean;
  find(key: string): Promise<Found>;
}

const COLUMNS: readonly Column[] = [
  { heading: "Server" },
  { heading: "Address" },
  { heading: "TLS" },
  { heading: "As", max: 60 },
];

/** route test, TSTSMTPRTE: the route that mail would take, why, and where that leads now. Names are looked up, and nothing is connected to. */
export async function testRoute(ways: RouteWays, now: Instant, words: TestWords): Promise<CommandResult> {
  const from = readSender(words.from);
  const to = parseMailbox(words.to);
  const client =
    words.client === undefined ? { ok: true as const, value: IPV4_LOOPBACK } : parseIpAddress(words.client);
  if (from === "faulty") return refused(message("SMR0899", printable(words.from ?? "", 400)));
  if (!to.ok) return refused(message("SMR0899", printable(words.to, 400)));
  if (!client.ok) return refused(message("SMR0112", printable(words.client ?? "", 400), "the client"));
  const asked = testMessage(from, to.value, client.value, now);
  const matches = ways.matchesOf(asked);
  const key = ways.keysOf(asked)[0] ?? "";
  const route = parseRouteKey(key);
  const found = ["capture", "hold", "refuse"].includes(route.kind) ? null : await ways.find(key);
  const [chosen, ...others] = matches;
  const why = whyOf(ways, chosen, route.rule);
  const lines = [
    ` Way       ${key}`,
    ` Route     ${chosen === undefined ? "none matches" : `${nameOf(chosen)}: ${describeRoute(chosen.route)}`}`,
    ...(others.length === 0 ? [] : [` Others    ${others.map(nameOf).join(", ")}: less specific`]),
    ...(why === "" ? [] : [` Note      ${why}`]),
  ].map((line) => printable(line, 1_000));
  const failure = found !== null && found.kind !== "hop" ? found : null;
  const hop = found?.kind === "hop" ? found.hop : null;
  return {
    ok: failure === null,
    messages: [
      failure === null
        ? message("SMR0893", printable(key))
        : message("SMR0894", printable(key), describeReply(failure.reply)),
      ...(hop !== null && tellsWhoever(hop) ? [message("SMR0154", printable(key))] : []),
    ],
    output: [lines.join("\n"), ...(hop === null ? [] : [describeHop(hop)])].join("\n\n"),
    value: {
      key,
      kind: route.kind,
      route: chosen?.route.name ?? null,
      others: others.map((each) => each.route.name),
      note: why,
      refusal: failure === null ? null : describeReply(failure.reply),
      hop: hop === null ? null : hopJson(hop),
    },
  };
}

/** What is stronger than the route that matches. */
function whyOf(ways: RouteWays, chosen: RouteEntry | undefined, rule: string | null): string {
  if (ways.isCapturing)
    return "delivery.mode is capture, which is stronger than every route: nothing leaves this machine";
  if (chosen === undefined || chosen.route.action.kind === "capture" || rule !== null) return "";
  return "The recipient is local, and a route for every recipient leaves mail for local domains to delivery.local";
}

function nameOf({ entry, route }: RouteEntry): string {
  return `${route.name} (${formatEntryId(entry.id)})`;
}

function describeHop(hop: NextHop): string {
  const { pace, auth, transport } = hop;
  const bounds = [
    pace.connections === null ? "" : `${pace.connections} connections at once`,
    pace.messagesPerConnection === null ? "" : `${pace.messagesPerConnection} messages a connection`,
    pace.perSecond === null ? "" : `${pace.perSecond} a second`,
    pace.perMinute === null ? "" : `${pace.perMinute} a minute`,
    pace.perDay === null ? "" : `${pace.perDay} a day`,
  ].filter((text) => text !== "");
  const rows = hop.servers.map((server) => [
    formatHostPort(server),
    formatIpAddress(server.address),
    describeTls(server),
    server.credentials === null ? "" : `${server.credentials.user}, ${accountOf(server)}`,
  ]);
  const more = [
    ` AUTH ${auth}, ${transport === "graph" ? "Microsoft Graph" : "SMTP"}; pace: ${bounds.join(", ") || "as the limits say"}`,
  ];
  return [table(COLUMNS, rows), ...more].join("\n");
}

/** Whether credentials go to a server that proves nothing. */
export function tellsWhoever({ servers, auth }: NextHop): boolean {
  return auth !== "none" && servers.some(({ credentials, tls }) => credentials !== null && tls.kind === "encrypt");
}

function describeTls({ tls, isImplicit, policy }: NextHopServer): string {
  const published = policy === null || policy.type === "no-policy-found" ? "" : ` (${policy.type} of ${policy.domain})`;
  return `${tls.kind}${isImplicit ? ", from the first octet" : ""}${published}`;
}

/** Where the secret comes from; never the secret. */
function accountOf({ credentials }: NextHopServer): string {
  return credentials?.kind === "token" ? `account ${credentials.account}` : "a password";
}

function hopJson({ servers, auth, transport, pace }: NextHop): Json {
  return {
    servers: servers.map((server) => ({
      host: server.host,
      address: formatIpAddress(server.address),
      port: server.port,
      tls: server.tls.kind,
      implicit: server.isImplicit,
      user: server.credentials?.user ?? null,
      account: server.credentials?.kind === "token" ? server.credentials.account : null,
    })),
    auth,
    transport,
    pace: { ...pace },
  };
}

function readSender(text: string | undefined): Mailbox | null | "faulty" {
  if (text === undefined || text === "" || text === "<>") return null;
  const parsed = parseMailbox(text);
  return parsed.ok ? parsed.value : "faulty";
}

/** Stands for mail that is asked about. */
export function testMessage(from: ReversePath, to: Mailbox, client: IpAddress, now: Instant): QueuedMessage {
  return {
    id: 0 as QueueId,
    acceptedAt: now,
    origin: { client, helo: "", user: null, protocol: "ESMTP" },
    envelope: { reversePath: from, recipients: [{ forwardPath: to }], body: "7BIT", smtpUtf8: false },
    sizeOctets: 0,
    outcomes: [null],
    attempts: 0,
    held: false,
  };
}
