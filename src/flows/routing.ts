import type { Domain } from "../core/mail/domain.ts";
import { parseHostPort, type HostPort } from "../core/mail/host-port.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import { parseMailboxHost } from "../core/mail/path.ts";
import { DEFAULT_ATTRIBUTES, type Attributes } from "../core/policy/policy.ts";
import { retryPlan, type RetryPlan } from "../core/queue/backoff.ts";
import type { QueuedMessage } from "../core/queue/message.ts";
import { routeOf, type RoutingRules } from "../core/queue/route.ts";

/** What the queue asks of the compiled policy. */
export interface DeliveryPolicy {
  readonly version: number;
  readonly attributes: Attributes;
  isLocal(domain: Domain, localAddress: IpAddress | null): boolean;
  isNear(domain: Domain): boolean;
}

/** `[delivery]` of the configuration, parsed. */
export interface DeliveryConfiguration {
  readonly mode: "mx" | "smarthost" | "capture";
  readonly smarthost: HostPort | null;
  readonly local: HostPort | null;
}

/** The routes and retries of this moment: the configuration with the policy over it. */
export class Routing {
  readonly #configuration: DeliveryConfiguration;
  readonly #policy: () => DeliveryPolicy | null;
  readonly #isOwnAddress: (address: IpAddress) => boolean;
  /** 0 while there is no policy. */
  #version = 0;
  #rules: RoutingRules;
  #plan: RetryPlan;
  #attributes: Attributes = DEFAULT_ATTRIBUTES;
  /** Called when the policy is another than before. */
  onChange: () => void = () => {};

  constructor(
    configuration: DeliveryConfiguration,
    policy: () => DeliveryPolicy | null,
    isOwnAddress: (address: IpAddress) => boolean,
  ) {
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
    if (recipients.length === 1 && recipients[0]) return [routeOf(recipients[0].forwardPath.host, this.#rules).key];
    return recipients.map((recipient) => routeOf(recipient.forwardPath.host, this.#rules).key);
  }

  /** The key of the route to a host, as `hostOf` wrote it; null where that is no host. */
  keyOfHost(host: string): string | null {
    this.refresh();
    const parsed = parseMailboxHost(host);
    return parsed.ok ? routeOf(parsed.value, this.#rules).key : null;
  }

  /** Looks whether the policy changed. Without one, mail that was accepted flows by the defaults (law 7). */
  refresh(): void {
    const policy = this.#policy();
    const version = policy?.version ?? 0;
    if (version === this.#version) return;
    this.#version = version;
    this.#attributes = policy?.attributes ?? DEFAULT_ATTRIBUTES;
    this.#rules = this.#rulesOf(policy);
    this.#plan = planOf(this.#attributes);
    this.onChange();
  }

  #rulesOf(policy: DeliveryPolicy | null): RoutingRules {
    const router = policy?.attributes.MAILROUTER ?? null;
    const parsed = router === null ? null : parseHostPort(router);
    return {
      ...this.#configuration,
      mailRouter: parsed?.ok ? parsed.value : null,
      firewall: policy?.attributes.FIREWALL === "*YES",
      isLocal: (domain) => policy?.isLocal(domain, null) ?? false,
      isNear: (domain) => policy?.isNear(domain) ?? false,
      isOwnAddress: this.#isOwnAddress,
    };
  }
}

function planOf(attributes: Attributes): RetryPlan {
  return retryPlan(attributes.RTYMIN, attributes.RTYHOUR, attributes.RTYDAY);
}
