import { formatMailbox, type Mailbox } from "../core/mail/mailbox.ts";
import { parseMailbox } from "../core/mail/path.ts";
import type { Domain } from "../core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../core/mail/ip.ts";
import { describeReply, type Reply } from "../core/mail/reply.ts";
import { adviceOn, type Advice } from "../core/queue/advice.ts";
import { formatHostPort } from "../core/mail/host-port.ts";
import type { CommandResult } from "./command-result.ts";
import { tellsWhoever, testMessage, testRoute, type RouteWays, type TestWords } from "./test-route.ts";
import type { Clock, NextHop, ProbeStep, RouteProber } from "./ports.ts";

export interface RouteQuestion {
  /** A key, such as `mx:example.net`; null asks for the way of `to`. */
  readonly key: string | null;
  readonly to: Mailbox | null;
  readonly from: Mailbox | null;
}

export interface RouteCheckStep extends Omit<ProbeStep, "name"> {
  readonly name: "name" | ProbeStep["name"];
}

export interface RouteCheck {
  readonly key: string;
  /** What MAIL and RCPT said. */
  readonly from: string;
  readonly to: string;
  readonly steps: readonly RouteCheckStep[];
  /** null where every step went well. */
  readonly refusal: Reply | null;
  readonly advice: Advice | null;
  /** Credentials go to whoever answers. */
  readonly isUnproven: boolean;
}

export interface RouteCheckerOptions {
  readonly hostname: Domain;
  readonly clock: Clock;
  /** The keys of the ways of a message, and where one leads now. */
  readonly ways: RouteWays;
  readonly prober: RouteProber;
}

/** Walks the way of mail, from the name to RCPT, as a delivery would; nothing is sent, and nothing is written. */
export class RouteChecker {
  readonly #options: RouteCheckerOptions;

  constructor(options: RouteCheckerOptions) {
    this.#options = options;
  }

  test(words: TestWords): Promise<CommandResult> {
    return testRoute(this.#options.ways, this.#options.clock.now(), words);
  }

  async check(question: RouteQuestion): Promise<RouteCheck> {
    const { clock, ways, prober } = this.#options;
    const from = question.from ?? this.#postmaster();
    const to = question.to ?? from;
    const key = question.key ?? ways.keysOf(testMessage(from, to, IPV4_LOOPBACK, clock.now()))[0] ?? "";
    const begunAt = clock.now();
    const found = await ways.find(key);
    const tookMs = Math.max(0, clock.now() - begunAt);
    if (found.kind !== "hop") {
      const words = describeReply(found.reply);
      const step: RouteCheckStep = { name: "name", server: "", tookMs, words, reply: found.reply };
      return verdictOf(key, from, to, [step], false);
    }
    const { hop } = found;
    const sender = question.from ?? senderOf(hop) ?? from;
    const recipient = question.to ?? sender;
    const named: RouteCheckStep = { name: "name", server: "", tookMs, words: describeServers(hop), reply: null };
    const walked = await prober.probe(hop, sender, recipient);
    return verdictOf(key, sender, recipient, [named, ...walked], tellsWhoever(hop));
  }

  #postmaster(): Mailbox {
    return { localPart: "postmaster", host: { kind: "domain", domain: this.#options.hostname } };
  }
}

function verdictOf(
  key: string,
  from: Mailbox,
  to: Mailbox,
  steps: readonly RouteCheckStep[],
  isUnproven: boolean,
): RouteCheck {
  const last = steps.at(-1);
  const refusal = last?.reply ?? null;
  return {
    key,
    from: formatMailbox(from),
    to: formatMailbox(to),
    steps,
    refusal,
    isUnproven,
    advice: refusal === null ? null : adviceOn(refusal, last?.server ?? ""),
  };
}

/** Who the next hop lets send: the sender that the route writes, or whose credentials it has. */
function senderOf({ rewriting, servers }: NextHop): Mailbox | null {
  if (rewriting?.rewrite.sender) return rewriting.rewrite.sender;
  const credentials = servers[0]?.credentials ?? null;
  const user = credentials === null ? null : parseMailbox(credentials.user);
  return user?.ok ? user.value : null;
}

const SERVERS_NAMED_MAX = 5;

function describeServers({ servers }: NextHop): string {
  const named = [...new Set(servers.map(formatHostPort))];
  const more = named.length > SERVERS_NAMED_MAX ? ` and ${named.length - SERVERS_NAMED_MAX} more` : "";
  return `${named.slice(0, SERVERS_NAMED_MAX).join(", ")}${more}`;
}
