/** What is measured, by name: the head of `whole-relay.ts` says it in words. */
import type { Scenario } from "./scenarios.ts";

const relay = { kind: "relay", keepSessions: false, sizeOctets: 4_096, entries: 10_000, needs: [] } as const;
const refuse = { kind: "refuse", keepSessions: false, sizeOctets: 0, needs: [] } as const;
export const scenarios: readonly Scenario[] = [
  { ...relay, name: "A", title: "4 KB, one message a connection" },
  { ...relay, name: "B", title: "4 KB, many messages a session", keepSessions: true },
  { ...relay, name: "A100", title: "100 KB, one message a connection", sizeOctets: 102_400 },
  { ...relay, name: "L", title: "4 KB, kept sessions: from end of data to 250", kind: "latency", keepSessions: true },
  { ...refuse, name: "C10", title: "a stranger is refused, 10 networks on the list", entries: 10 },
  { ...refuse, name: "C10k", title: "a stranger is refused, 10,000 networks", entries: 10_000 },
  { ...refuse, name: "C100k", title: "a stranger is refused, 100,000 networks", entries: 100_000 },
  { ...refuse, name: "C1M", title: "a stranger is refused, 1,000,000 networks", entries: 1_000_000 },
  { ...relay, name: "TLS", title: "4 KB, one message a connection, STARTTLS, resumed", needs: ["tls"] },
  { ...relay, name: "AUTH", title: "the same with AUTH PLAIN", needs: ["tls", "auth"] },
  { ...relay, name: "DKIM", title: "A, signed by RSA of 2,048 bits", needs: ["dkim"] },
  { ...relay, name: "IDLE", title: "2,000 sessions that only stay", kind: "idle", idle: 2_000 },
  { ...relay, name: "IDLETLS", title: "2,000 sessions in TLS", kind: "idle", idle: 2_000, needs: ["tls"] },
  { ...refuse, name: "CB", title: "many refusals in a session", entries: 10_000, keepSessions: true },
];
