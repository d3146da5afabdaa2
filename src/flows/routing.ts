import type { Instant } from "../core/base/time.ts";
import type { Domain } from "../core/mail/domain.ts";
import { parseHostPort, type HostPort } from "../core/mail/host-port.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import type { MailboxHost } from "../core/mail/mailbox.ts";
import { parseMailboxHost } from "../core/mail/path.ts";
import { DEFAULT_ATTRIBUTES, type Attributes } from "../core/policy/policy.ts";
import type { RouteRule } from "../core/policy/route-rule.ts";
import { RouteTable, type RouteEntry, type RouteQuestion } from "../core/policy/route-table.ts";
import { retryPlan, type RetryPlan } from "../core/queue/backoff.ts";
import type { QueuedMessage } from "../core/queue/message.ts";
import { CAPTURE_KEY, routeOf, ruleOfKey, type ChosenRoute, type RoutingRules } from "../core/queue/route.ts";

/** What the queue asks of the compiled policy. */
export interface DeliveryPolicy {
  readonly version: number;
  readonly attributes: Attributes;
  isLocal(domain: Domain, localAddress: IpAddress | null): boolean;
  isNear(domain: Domain): boolean;
  readonly routes: RouteTable;
}

/** `[delivery]` of the configuration, parsed. */
export interface DeliveryConfiguration {
  readonly mode: "mx" | "smarthost" | "capture";
  readonly smarthost: HostPort | null;
  readonly local: HostPort | null;
  /** Towards `smarthost`. */
  readonly tls: "none" | "may" | "require" | "implicit";
  readonly credentials: { readonly user: string; readonly password: string } | null;
}

/** One under way over each connection and one behind it. */
const MESSAGES_PER_CONNECTION = 2;
/** Captures at once: they wait for the disk only, and share its syncs. */
const CAPTURE_WINDOW = 1_000;

const NO_POLICY = -1;

/** The routes and retries of this moment: the configuration with the policy over it. */
export class Routing {
  readonly #configuration: DeliveryConfiguration;
  readonly #policy: () => DeliveryPolicy | null;
  readonly #isOwnAddress: (address: IpAddress) => boolean;
  readonly #now: () => Instant;
  /** `NO_POLICY` while there is none; 0 is one that nobody changed yet. */
  #version = NO_POLICY;
  #rules: RoutingRules;
  #plan: RetryPlan;
  #attributes: Attributes = DEFAULT_ATTRIBUTES;
  #routes = RouteTable.EMPTY;
  /** When the next route ends: that changes the ways of mail as a new version does. */
  #routesEndAt: Instant = Infinity;
  /** Called when the policy is another than before, or one of its routes ended. */
  onChange: () => void = () => {};

  constructor(
    configuration: DeliveryConfiguration,
    policy: () => DeliveryPolicy | null,
    isOwnAddress: (address: IpAddress) => boolean,
    now: () => Instant,
  ) {
    this.#now = now;
    this.#configuration = configuration;
    this.#policy = policy;
    this.#isOwnAddress = isOwnAddress;
    this.#rules = this.#rulesOf(null);
    this.#plan = planOf(DEFAULT_ATTRIBUTES);
  }

  get plan(): RetryPlan {
    this.refresh();
    return this.#plan;
  }

  get attributes(): Attributes {
    this.refresh();
    return this.#attributes;
  }

  /** The key of each recipient's route, in order. */
  keysOf(message: QueuedMessage): readonly string[] {
    this.refresh();
    const recipients = message.envelope.recipients;
    if (this.#routes.size > 0) {
      return recipients.map(({ forwardPath }) => {
        const chosen = this.#chosen(message, forwardPath.host)?.route ?? null;
        return routeOf(forwardPath.host, this.#rules, chosen && released(message, chosen)).key;
      });
    }
    if (recipients.length === 1 && recipients[0]) return [routeOf(recipients[0].forwardPath.host, this.#rules).key];
    return recipients.map((recipient) => routeOf(recipient.forwardPath.host, this.#rules).key);
  }

  /** The route of the policy that each recipient goes by; none in mode `capture`, which is stronger than all of them. */
  chosenFor(message: QueuedMessage): readonly RouteEntry[] {
    this.refresh();
    if (this.#routes.size === 0 || this.#rules.mode === "capture") return [];
    return message.envelope.recipients.flatMap(({ forwardPath }) => this.#chosen(message, forwardPath.host) ?? []);
  }

  /** All routes that match the first recipient, the most specific first. */
  matchesFor(message: QueuedMessage): readonly RouteEntry[] {
    this.refresh();
    const recipient = message.envelope.recipients[0]?.forwardPath.host;
    return recipient === undefined ? [] : [...this.#routes.matches(questionOf(message, recipient), this.#now())];
  }

  #chosen(message: QueuedMessage, recipient: MailboxHost): RouteEntry | null {
    return this.#routes.match(questionOf(message, recipient), this.#now());
  }

  /** What the route of this key asks for. */
  ruleOf(key: string): RouteRule | null {
    const name = ruleOfKey(key);
    return name === null ? null : (this.#routes.find(name)?.route ?? null);
  }

  /** Attempts of one key at once; `connectionsMax` is for next hops that no route bounds. */
  attemptsAtOnce(key: string, connectionsMax: number): number {
    if (key === CAPTURE_KEY) return CAPTURE_WINDOW;
    return MESSAGES_PER_CONNECTION * (this.ruleOf(key)?.pace.connections ?? connectionsMax);
  }

  /** Whether the policy has routes; as of the last look at it. */
  get hasRoutes(): boolean {
    return this.#routes.size > 0;
  }

  get routes(): RouteTable {
    this.refresh();
    return this.#routes;
  }

  /**
   * The key of the route to a host, as `hostOf` wrote it; null where that is no host, or hangs on the sender, on the client, or on what
   * became of the message: then the message must be read.
   */
  keyOfHost(host: string): string | null {
    this.refresh();
    const parsed = parseMailboxHost(host);
    if (!parsed.ok) return null;
    const chosen = this.#routes.matchHost(parsed.value, this.#now());
    if (chosen === "unknown" || chosen?.route.action.kind === "hold") return null;
    return routeOf(parsed.value, this.#rules, chosen?.route ?? null).key;
  }

  /** Looks whether the policy changed, be it by an end that came. Without one, mail that was accepted flows by the defaults (law 7). */
  refresh(): void {
    const policy = this.#policy();
    const version = policy?.version ?? NO_POLICY;
    const hasEnded = this.#routesEndAt < Infinity && this.#routesEndAt <= this.#now();
    if (version === this.#version && !hasEnded) return;
    this.#version = version;
    this.#attributes = policy?.attributes ?? DEFAULT_ATTRIBUTES;
    this.#routes = policy?.routes ?? RouteTable.EMPTY;
    this.#routesEndAt = this.#routes.nextEnd(this.#now());
    this.#rules = this.#rulesOf(policy);
    this.#plan = planOf(this.#attributes);
    this.onChange();
  }

  #rulesOf(policy: DeliveryPolicy | null): RoutingRules {
    return {
      ...this.#configuration,
      mailRouter: hostOf(policy?.attributes.MAILROUTER ?? null),
      hub: hostOf(policy?.attributes.FWDHUBSVR ?? null),
      firewall: policy?.attributes.FIREWALL === "*YES",
      isLocal: (domain) => policy?.isLocal(domain, null) ?? false,
      isNear: (domain) => policy?.isNear(domain) ?? false,
      isOwnAddress: this.#isOwnAddress,
    };
  }
}

function questionOf({ envelope, origin }: QueuedMessage, recipient: MailboxHost): RouteQuestion {
  // A report of our own has no client.
  const client = origin.protocol === "report" ? null : origin.client;
  return { recipient, sender: envelope.reversePath, client };
}

/** Whoever releases a message answers for it: it goes as it would without the hold, with what else the route says. */
function released(message: QueuedMessage, chosen: ChosenRoute): ChosenRoute {
  return message.released === true && chosen.action.kind === "hold"
    ? { ...chosen, action: { kind: "default" } }
    : chosen;
}

function hostOf(text: string | null): HostPort | null {
  const parsed = text === null ? null : parseHostPort(text);
  return parsed?.ok ? parsed.value : null;
}

function planOf(attributes: Attributes): RetryPlan {
  return retryPlan(attributes.RTYMIN, attributes.RTYHOUR, attributes.RTYDAY);
}
