import assert from "node:assert/strict";
import { err, ok } from "../../../src/core/base/result.ts";
import { formatMailbox, type Mailbox } from "../../../src/core/mail/mailbox.ts";
import { parseMailbox } from "../../../src/core/mail/path.ts";
import { ipv4, IPV4_LOOPBACK } from "../../../src/core/mail/ip.ts";
import { reply } from "../../../src/core/mail/reply.ts";
import type { HopView } from "../../../src/core/queue/hop-line.ts";
import type { QueuedMessage, QueueId } from "../../../src/core/queue/message.ts";
import { MemoryJournal } from "../../../src/adapters/memory/journal.ts";
import { MemoryUserStore } from "../../../src/adapters/memory/user-store.ts";
import type { CommandResult } from "../../../src/flows/command-result.ts";
import { runCommand, runScript } from "../../../src/flows/operate.ts";
import type {
  ExplainOperations,
  Operations,
  PolicyOperations,
  QueueEntry,
  QueueFilter,
  QueueOperations,
  QueueSummary,
  ServerStatus,
  Submission,
} from "../../../src/flows/operations.ts";
import type { OwnMail } from "../../../src/core/mail/own-mail.ts";

/** When the tests play. */
export const NOW = Date.UTC(2026, 10, 24, 4, 20, 35);

/** The domains that are ours by the configuration file. */
export const LOCAL_DOMAINS: readonly string[] = ["example.com"];

/** A house around the real command layer: the policy is handed in, the rest is as simple as can be and can be looked into. */
export class TestHouse {
  readonly journal = new MemoryJournal();
  readonly queue = new FakeQueue();
  readonly submissions: Submission[] = [];
  readonly composed: OwnMail[] = [];
  readonly files = new Map<string, Uint8Array>();
  /** Recipients that are refused with 550. */
  readonly refused = new Set<string>();
  now = NOW;
  active = true;
  readonly operations: Operations;

  constructor(policy: PolicyOperations, explain: ExplainOperations) {
    this.operations = {
      policy,
      explain,
      queue: this.queue,
      submit: { submit: async (submission) => this.#submit(submission) },
      journal: this.journal,
      users: new MemoryUserStore(),
      dkim: noKeys,
      oauth: noAccounts,
      tlsReports: null,
      routes: {
        check: async () => assert.fail("no golden test walks to a next hop"),
        test: async () => assert.fail("no golden test asks for a way"),
      },
      cryptography: fakeCryptography,
      server: {
        status: () => this.#status(),
        sessions: () => [],
        jobs: () => this.#jobs(),
        start: async () => {
          this.active = true;
          return ok(undefined);
        },
        stop: async () => {
          this.active = false;
        },
      },
      composer: {
        compose: async (mail) => {
          this.composed.push(mail);
          return new TextEncoder().encode(`Subject: ${mail.subject}\r\n\r\n${mail.body.text}\r\n`);
        },
      },
      readAttachment: async (path, octetsMax) => {
        const octets = this.files.get(path);
        if (!octets) return err("no such file");
        return octets.length > octetsMax ? err("it is too large") : ok(octets);
      },
      now: () => this.now,
      pause: async () => undefined,
    };
  }

  run(text: string, by = "ops"): Promise<CommandResult> {
    return runCommand(this.operations, text, by);
  }

  script(text: string, by = "ops"): Promise<CommandResult> {
    return runScript(this.operations, text, by);
  }

  /** What an operator sees: messages, then what was printed. */
  async show(text: string): Promise<string> {
    const { messages, output } = await this.run(text);
    return [...messages.map((message) => `${message.id} ${message.text}`), ...(output === "" ? [] : [output])].join("\n");
  }

  #submit(submission: Submission): Awaited<ReturnType<Operations["submit"]["submit"]>> {
    this.submissions.push(submission);
    const refusal = reply(550, "5.7.1", "relay denied for 127.0.0.1 [D-1]");
    const recipients = submission.envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath));
    const refused = recipients.filter((recipient) => this.refused.has(recipient)).map((recipient) => ({ recipient, reply: refusal }));
    if (refused.length === recipients.length) return { kind: "refused", refused, reply: refusal };
    return { kind: "queued", id: 4_711 as QueueId, refused };
  }

  #status(): ServerStatus {
    return {
      pid: 42,
      version: "0.1.0",
      hostname: "relay.example.com",
      startedAt: NOW - 3_600_000,
      active: this.active,
      listeners: [{ configured: "127.0.0.1:2525", bound: this.active ? "127.0.0.1:2525" : "", tls: "starttls", auth: "tls", legacyTlsFrom: [], plainAuthFrom: [] }],
      deliveryMode: "capture",
      dataDirectory: "data",
      localDomains: LOCAL_DOMAINS,
      certificate: "self-signed",
      certificateExpiresAt: NOW + 315_360_000_000,
      warnings: [],
    };
  }

  #jobs(): ReturnType<Operations["server"]["jobs"]> {
    const row = (name: string, type: string, role: string, status: string, cpuPermille = 0) => ({
      name,
      user: "QTCP",
      type,
      cpuPermille,
      function: role,
      status,
    });
    const client = [row("QTSMTPCLTD", "BCH", "", "DEQW"), row("QTSMTPSTR", "BCH", "", "DEQW", 3)];
    return this.active ? [row("QTSMTPSRVD", "BCH", "", "SELW", 12), row("QTSMTPSRVP", "PJ", "10.100.1.2", "SELW"), ...client] : client;
  }
}

/** Sealing that can be read in a golden file; the rest of cryptography is none. */
const noKeys: Operations["dkim"] = {
  list: () => [],
  isReadable: () => false,
  create: async () => err({ kind: "too-many" }),
  look: async () => [],
  use: async () => err({ kind: "not-found" }),
  remove: async () => err({ kind: "not-found" }),
};

const noAccounts: Operations["oauth"] = {
  list: () => [],
  find: () => null,
  add: async () => err({ kind: "too-many" }),
  renew: async () => err({ kind: "not-found" }),
  remove: async () => err({ kind: "not-found" }),
  check: async () => err("there is no account"),
  login: async () => err({ kind: "not-found" }),
  loginState: async () => ({ kind: "none" }),
};

const fakeCryptography: Operations["cryptography"] = {
  randomOctets: (count) => new Uint8Array(count).fill(7),
  sha256: () => new Uint8Array(32),
  hmacSha256: () => () => new Uint8Array(32),
  pbkdf2Sha256: async () => new Uint8Array(32),
  equal: () => false,
  seal: (secret) => `sealed-${secret.length}`,
  unseal: (sealed) => (sealed.startsWith("sealed-") ? "secret" : null),
};

/** Messages that stay where they are put. */
export class FakeQueue implements QueueOperations {
  entries: QueueEntry[] = [];
  readonly acts: string[] = [];

  async list(filter: QueueFilter, limit: number): Promise<readonly QueueEntry[]> {
    return this.#matching(filter).slice(0, limit);
  }
  async find(id: QueueId): Promise<QueueEntry | null> {
    return this.entries.find(({ message }) => message.id === id) ?? null;
  }
  async content(): Promise<Uint8Array | null> {
    return null;
  }
  hold = this.#act("hold");
  release = this.#act("release");
  retry = this.#act("retry");
  remove = this.#act("remove");

  async summary(): Promise<QueueSummary> {
    const count = (state: QueueEntry["state"]): number => this.entries.filter((entry) => entry.state === state).length;
    return {
      queued: this.entries.length - count("captured"),
      ready: count("ready"),
      active: count("active"),
      deferred: count("deferred"),
      held: count("held"),
      captured: count("captured"),
      oldestAt: this.entries[0]?.message.acceptedAt ?? null,
      connectionsOut: 0,
    reportsWithheld: 0,
      hops: { open: 0, slowed: 0 },
    };
  }

  hops(): readonly HopView[] {
    return [];
  }

  #act(name: string) {
    return async (filter: QueueFilter, by: string): Promise<number> => {
      const matching = this.#matching(filter);
      this.acts.push(`${name} ${matching.map(({ message }) => message.id).join(",")} by ${by}`);
      return matching.length;
    };
  }

  #matching(filter: QueueFilter): readonly QueueEntry[] {
    return this.entries.filter(
      ({ message, state, nextHops }) =>
        (!filter.states || filter.states.includes(state)) &&
        (!filter.ids || filter.ids.includes(message.id)) &&
        (filter.nextHop === undefined || nextHops.includes(filter.nextHop)) &&
        (filter.reversePath === undefined || reversePathOf(message) === filter.reversePath) &&
        (filter.recipient === undefined || recipientsOf(message).includes(filter.recipient)) &&
        (filter.from === undefined || message.acceptedAt >= filter.from) &&
        (filter.to === undefined || message.acceptedAt < filter.to),
    );
  }
}

function reversePathOf({ envelope }: QueuedMessage): string {
  return envelope.reversePath === null ? "" : formatMailbox(envelope.reversePath);
}

function recipientsOf({ envelope }: QueuedMessage): readonly string[] {
  return envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath));
}

/** A message of the queue that was tried once and deferred. */
export function deferredMessage(id: number, from: string, to: string, local = false): QueueEntry {
  const outcome = {
    kind: "deferred",
    recipient: 0,
    at: NOW - 60_000,
    nextHop: "mx1.example.net:25",
    server: "mx1.example.net [192.0.2.25]",
    reply: reply(451, "4.7.500", "Server busy, try again \u001b[31mlater"),
    tls: "",
    retryAt: NOW + 1_740_000,
  } as const;
  return {
    state: "deferred",
    nextHops: ["mx:example.net"],
    dueAt: NOW + 1_740_000,
    waitsFor: null,
    message: {
      id: id as QueueId,
      acceptedAt: NOW - 120_000,
      origin: { client: local ? IPV4_LOOPBACK : ipv4(0x0a640102), helo: "erp", user: null, protocol: local ? "local" : "ESMTP" },
      envelope: {
        reversePath: from === "" ? null : mailbox(from),
        recipients: [{ forwardPath: mailbox(to) }],
        body: "7BIT",
        smtpUtf8: false,
      },
      sizeOctets: 4_096,
      outcomes: [outcome],
      attempts: 1,
      held: false,
    },
  };
}

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}
