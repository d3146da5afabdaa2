import { randomBytes } from "node:crypto";
import { MemorySpool } from "../../src/adapters/memory/spool.ts";
import { MemoryUserStore } from "../../src/adapters/memory/user-store.ts";
import { createCryptography } from "../../src/adapters/node/cryptography.ts";
import { systemClock } from "../../src/adapters/node/clock.ts";
import { createListeners, type ListenerOptions, type SmtpListeners } from "../../src/adapters/smtp-server/listeners.ts";
import { makeSelfSigned } from "../../src/adapters/tls/self-signed.ts";
import { createServerContext } from "../../src/adapters/tls/server-context.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/base/limits.ts";
import type { Result } from "../../src/core/base/result.ts";
import type { AcceptedMessage } from "../../src/core/queue/message.ts";
import { createQueueIds } from "../../src/core/queue/queue-ids.ts";
import { createVerifier, Credentials } from "../../src/flows/credentials.ts";
import type { Clock, Resolver, Spool, SpoolFault } from "../../src/flows/ports.ts";
import { Receiver, type ReceiverOptions } from "../../src/flows/receive.ts";
import type { DecisionEvent } from "../../src/flows/record.ts";
import { domain, TestPolicy } from "./policy.ts";

const pair = makeSelfSigned("relay.example", Date.now() - 86_400_000, Date.now() + 86_400_000);

/** On a free port of loopback, without TLS, AUTH and anybody whom it believes. */
export const BARE_LISTENER: ListenerOptions = {
  address: "127.0.0.1:0",
  tls: "none",
  auth: "off",
  bareLf: false,
  proxyFrom: [],
  legacyTlsFrom: [],
  plainAuthFrom: [],
  secureContext: () => null,
};

export interface WorldOptions {
  readonly listener?: Partial<ListenerOptions>;
  /** More doors, after the first. */
  readonly others?: readonly Partial<ListenerOptions>[];
  readonly limits?: Partial<Limits>;
  readonly users?: readonly (readonly [name: string, password: string])[];
  readonly dnsLists?: readonly string[];
  readonly localDomains?: readonly string[];
  readonly clock?: Clock;
  readonly spool?: Pick<Spool, "put" | "openContent">;
  readonly listed?: Resolver["listed"];
  readonly verifier?: (world: World) => ReceiverOptions["verifier"];
  readonly crash?: (fault: unknown) => void;
}

/** A receiving server with a real door on the loopback and everything behind it in memory. */
export class World {
  readonly policy: TestPolicy;
  readonly spool = new MemorySpool();
  readonly accepted: AcceptedMessage[] = [];
  readonly decisions: DecisionEvent[] = [];
  /** TLS of each accepted message, as the journal has it. */
  readonly journalled: string[] = [];
  readonly hits: number[] = [];
  readonly faults: unknown[] = [];
  /** What the doors told the operator. */
  readonly reports: string[] = [];
  readonly users = new MemoryUserStore();
  receiver!: Receiver;
  listeners!: SmtpListeners;
  port = 0;
  /** Of every door, in order. */
  ports: readonly number[] = [];

  private constructor(policy: TestPolicy) {
    this.policy = policy;
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const localDomains = options.localDomains ?? ["inside.example"];
    const world = new World(new TestPolicy(localDomains));
    const clock = options.clock ?? systemClock;
    const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
    const cryptography = createCryptography(randomBytes(32));
    for (const [name, password] of options.users ?? []) {
      const verifier = await createVerifier(cryptography, password);
      if (verifier !== null) await world.users.put(name, verifier, clock.now());
    }
    let decisionId = 0;
    world.receiver = new Receiver({
      hostname: "relay.example",
      postmasterDomain: domain(localDomains[0] ?? "inside.example"),
      policy: world.policy,
      recorder: {
        decisionIdFor: () => ++decisionId,
        decision: (event) => void world.decisions.push(event),
        accepted: ({ tls }) => void world.journalled.push(tls),
      },
      use: { count: (entryId) => void world.hits.push(entryId) },
      spool: options.spool ?? world.spool,
      queue: {
        accept: (message) => void world.accepted.push(message),
        startQueue: (domain) => (domain === "waiting.example" ? 3 : 0),
      },
      queuedMessages: () => 0,
      nextQueueId: createQueueIds(clock, 0),
      credentials: new Credentials(world.users, cryptography, clock, limits),
      resolver: {
        listed:
          options.listed ?? (async (_client, list) => (options.dnsLists?.includes(list) ? "listed" : "not-listed")),
      },
      verifier: options.verifier?.(world) ?? null,
      clock,
      limits,
      report: (fault) => void world.faults.push(fault),
      crash:
        options.crash ??
        ((fault) => {
          throw fault;
        }),
    });
    const listeners = [options.listener ?? {}, ...(options.others ?? [])].map((wanted): ListenerOptions => {
      const contexts = { modern: createServerContext(pair), legacy: createServerContext(pair, "legacy") };
      return { ...BARE_LISTENER, secureContext: (age) => contexts[age], ...wanted };
    });
    world.listeners = createListeners({
      receiver: world.receiver,
      listeners,
      clock,
      bindAddresses: () => [],
      report: (text) => void world.reports.push(text),
      reloadTls: async () => ({ ok: true, value: undefined }),
      sweepMs: 20,
    });
    const opened = await world.listeners.open();
    if (!opened.ok) throw new Error(opened.error);
    world.ports = world.listeners.state().map(({ bound }) => Number(bound.split(":").at(-1)));
    world.port = world.ports[0] ?? 0;
    return world;
  }

  async close(): Promise<void> {
    await this.listeners.close(0);
  }

  /** Content without our Received field, lines as they are. */
  async contentOf(message: AcceptedMessage): Promise<string> {
    const parts: Uint8Array[] = [];
    if (message.content.kind === "memory") parts.push(...message.content.chunks);
    else for await (const part of this.spool.readFile(message.content)) parts.push(part);
    const text = Buffer.concat(parts).toString("latin1");
    const received = /^Received: .*(\r\n\t.*)*\r\n/.exec(text);
    return text.slice(received?.[0].length ?? 0);
  }
}

/** A spool whose puts wait until they are told how to end. */
export class HeldSpool implements Pick<Spool, "put" | "openContent"> {
  readonly puts: { readonly message: AcceptedMessage; settle(result: Result<void, SpoolFault>): void }[] = [];
  readonly #memory = new MemorySpool();
  #onPut: (() => void) | null = null;

  put(message: AcceptedMessage): Promise<Result<void, SpoolFault>> {
    const { promise, resolve } = Promise.withResolvers<Result<void, SpoolFault>>();
    this.puts.push({ message, settle: resolve });
    this.#onPut?.();
    return promise;
  }

  openContent(): ReturnType<Spool["openContent"]> {
    return this.#memory.openContent();
  }

  async putsAre(count: number): Promise<void> {
    while (this.puts.length < count) await new Promise<void>((resolve) => (this.#onPut = resolve));
  }
}
