import type { Instant } from "../core/base/time.ts";
import type { Domain } from "../core/mail/domain.ts";
import { formatIpAddress } from "../core/mail/ip.ts";
import { reply, type Reply } from "../core/mail/reply.ts";
import type { Caller } from "./receive-transaction.ts";
import type { Reception } from "./reception.ts";

/** Makes mail for a domain due, for whom; how many messages wait. */
export type StartQueue = (domain: Domain, subdomains: boolean, by: string) => number;

interface Asked {
  readonly domain: Domain;
  readonly subdomains: boolean;
}

/** Domains that were asked for lately and are remembered. */
const REMEMBERED_MAX = 10_000;

/**
 * ETRN (RFC 1985): a site that is connected now and then asks for its mail. It goes where the routes lead, never to who asks. Only clients
 * that the relay knows may ask, and only for domains on *ETRNSVR: the answer tells whether mail waits.
 */
export class EtrnDesk {
  readonly #intervalMs: number;
  readonly #startQueue: StartQueue;
  readonly #startedAt = new Map<string, Instant>();

  constructor(intervalMs: number, startQueue: StartQueue) {
    this.#intervalMs = intervalMs;
    this.#startQueue = startQueue;
  }

  start(receiver: Reception, { client, now, session }: Caller, { domain, subdomains }: Asked): Reply {
    const isKnown = session.user !== null || !receiver.isStranger(client);
    if (!isKnown || receiver.policy()?.hasEtrn(domain, now) !== true) return NOT_ALLOWED(domain);
    const key = `${subdomains ? "@" : ""}${domain}`;
    const before = this.#startedAt.get(key) ?? -Infinity;
    if (before <= now && now < before + this.#intervalMs) return STARTED(domain);
    if (this.#startedAt.size >= REMEMBERED_MAX) this.#startedAt.clear();
    this.#startedAt.set(key, now);
    const by = session.user ?? formatIpAddress(client);
    return this.#startQueue(domain, subdomains, by) === 0 ? NOTHING_WAITS(domain) : STARTED(domain);
  }
}

// RFC 1985 §5.3.

const STARTED = (domain: Domain): Reply => reply(250, "2.0.0", `OK, queuing for node ${domain} started`);
const NOTHING_WAITS = (domain: Domain): Reply => reply(251, "2.0.0", `OK, no messages waiting for node ${domain}`);
const NOT_ALLOWED = (domain: Domain): Reply => reply(459, "4.7.1", `Node ${domain} not allowed`);
