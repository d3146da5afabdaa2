import type { Json } from "../core/base/json.ts";
import { printable } from "../core/base/printable.ts";
import { formatInstant } from "../core/base/time.ts";
import { counted, formatCount } from "../core/base/count.ts";
import { leader } from "../core/cl/layout.ts";
import type { CommandResult } from "./command-result.ts";
import type { Operations, QueueSummary, ServerStatus } from "./operations.ts";
import { describeRelay } from "./commands/attributes.ts";

/** status: is it up, on which addresses, with which ALWRLY, how much is queued, since when. */
export async function showStatus(operations: Operations): Promise<CommandResult> {
  const status = operations.server.status();
  const queue = await operations.queue.summary();
  return {
    ok: true,
    messages: [],
    output: await describeStatus(operations, status, queue),
    value: statusJson(operations, status, queue),
  };
}

async function describeStatus(operations: Operations, status: ServerStatus, queue: QueueSummary): Promise<string> {
  const { policy } = operations;
  const fact = (label: string, value: string): string =>
    `${label === "" ? "".padEnd(26) : leader(label, 26)}${printable(value, 200)}`;
  const facts = [
    fact("SMTP server", status.active ? "active" : "not active; STRTCPSVR SERVER(*SMTP) starts it"),
    ...status.listeners.map((listener) => fact("Listener", describeListener(listener))),
    fact("Name", status.hostname),
    fact("Local domains", status.localDomains.length === 0 ? "none" : status.localDomains.join(", ")),
    fact("Relay", `ALWRLY(${policy.attributes().ALWRLY}), policy version ${policy.version()}`),
    fact("", await describeRelay(policy)),
    fact("Delivery", status.deliveryMode),
    fact("Queue", describeQueue(queue)),
    ...describeHops(queue.hops).map((text) => fact("Next hops", text)),
    ...(queue.oldestAt === null ? [] : [fact("Oldest message", formatInstant(queue.oldestAt))]),
    ...(queue.reportsWithheld === 0
      ? []
      : [fact("Reports", `${formatCount(queue.reportsWithheld)} withheld since the start: too many in an hour`)]),
    fact("Sessions", `${operations.server.sessions().length} in, ${queue.connectionsOut} out`),
    fact("Certificate", status.certificate),
    ...(operations.tlsReports === null
      ? []
      : [fact("TLS reports", `daily, from ${operations.tlsReports.party.contact}`)]),
    fact("Data directory", status.dataDirectory),
    fact("Running since", `${formatInstant(status.startedAt)}, process ${status.pid}, version ${status.version}`),
    ...status.warnings.map((warning) => fact("Warning", warning)),
  ];
  return facts.join("\n");
}

function describeListener(listener: ServerStatus["listeners"][number]): string {
  const { configured, bound, tls, auth, legacyTlsFrom, plainAuthFrom } = listener;
  const where = bound === "" ? `${configured} (closed)` : bound;
  const secure = { none: "no TLS", starttls: "STARTTLS", implicit: "TLS" }[tls];
  const login = { off: "no AUTH", tls: "AUTH after TLS", always: "AUTH" }[auth];
  const legacy = legacyTlsFrom.length === 0 ? "" : `, TLS 1.0 FOR ${legacyTlsFrom.join(" ")}`;
  const plain = plainAuthFrom.length === 0 ? "" : `, AUTH WITHOUT TLS FOR ${plainAuthFrom.join(" ")}`;
  return `${where}, ${secure}, ${login}${legacy}${plain}`;
}

function describeQueue(queue: QueueSummary): string {
  const parts = (["ready", "active", "deferred", "held"] as const)
    .filter((state) => queue[state] > 0)
    .map((state) => `${formatCount(queue[state])} ${state}`);
  const waiting = `${counted(queue.queued, "message")}${parts.length === 0 ? "" : ` (${parts.join(", ")})`}`;
  return queue.captured === 0 ? waiting : `${waiting}, ${formatCount(queue.captured)} in the capture box`;
}

function describeHops({ open, slowed }: QueueSummary["hops"]): readonly string[] {
  const parts = [
    open === 0 ? "" : `${formatCount(open)} in trouble`,
    slowed === 0 ? "" : `${formatCount(slowed)} slowed down`,
  ];
  const text = parts.filter((part) => part !== "").join(", ");
  return text === "" ? [] : [`${text}: relaykeeper queue hops`];
}

function statusJson(operations: Operations, status: ServerStatus, queue: QueueSummary): Json {
  const { policy, server } = operations;
  return {
    pid: status.pid,
    version: status.version,
    hostname: status.hostname,
    startedAt: formatInstant(status.startedAt),
    active: status.active,
    listeners: status.listeners.map((listener) => ({ ...listener })),
    localDomains: status.localDomains,
    allowRelay: policy.attributes().ALWRLY,
    policyVersion: policy.version(),
    deliveryMode: status.deliveryMode,
    queue: { ...queue, oldestAt: queue.oldestAt === null ? null : formatInstant(queue.oldestAt) },
    sessions: server.sessions().length,
    tlsReports: operations.tlsReports !== null,
    certificate: status.certificate,
    certificateExpiresAt: formatInstant(status.certificateExpiresAt),
    dataDirectory: status.dataDirectory,
    warnings: status.warnings,
  };
}
