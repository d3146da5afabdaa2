import type { Measures } from "../../flows/measure.ts";

/** The text format of Prometheus, version 0.0.4. Every label is one of a few words of our own. */
export function formatMetrics({ status, queue, policyVersion, sessions }: Measures): string {
  const states = ["ready", "active", "deferred", "held", "captured"] as const;
  return [
    gauge("up", "Whether SMTP is served.", [["", status.active ? 1 : 0]]),
    gauge("start_time_seconds", "When the program was started, in Unix time.", [["", status.startedAt / 1_000]]),
    gauge("certificate_expiry_seconds", "When the certificate of the listeners ends, in Unix time.", [
      ["", status.certificateExpiresAt / 1_000],
    ]),
    gauge("policy_version", "The version of the policy.", [["", policyVersion]]),
    gauge("sessions", "SMTP sessions open now.", [["", sessions]]),
    gauge("connections_out", "Connections to next hops open now.", [["", queue.connectionsOut]]),
    gauge(
      "queue_messages",
      "Messages of the queue and of the capture box.",
      states.map((state) => [`state="${state}"`, queue[state]]),
    ),
    gauge("queue_oldest_seconds", "When the oldest message of the queue was accepted, in Unix time; 0 for none.", [
      ["", (queue.oldestAt ?? 0) / 1_000],
    ]),
    gauge("next_hops", "Next hops that are not as they should be.", [
      [`state="open"`, queue.hops.open],
      [`state="slowed"`, queue.hops.slowed],
    ]),
    gauge("warnings", "Warnings in status.", [["", status.warnings.length]]),
  ].join("");
}

function gauge(name: string, help: string, values: readonly (readonly [labels: string, value: number])[]): string {
  const full = `relaykeeper_${name}`;
  const lines = values.map(([labels, value]) => `${full}${labels === "" ? "" : `{${labels}}`} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} gauge\n${lines.join("")}`;
}
