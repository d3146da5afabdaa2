import { formatIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import { isUnusable } from "../../core/queue/route.ts";
import type { Result } from "../../core/base/result.ts";
import type { Clock, Resolver } from "../../flows/ports.ts";

/** How web servers are reached. */
export interface ReachOptions {
  readonly clock: Clock;
  readonly resolver: Pick<Resolver, "addresses">;
  /** Where a web server is reached; null where it must not be. By default port 443 of what is neither loopback nor multicast. */
  readonly reach?: (address: IpAddress) => Target | null;
  /** Authorities besides those that Node trusts, PEM. */
  readonly ca?: string | readonly string[];
}

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** What is said of a host that gives no answer. */
export type Fail<T, E> = (why: string) => Result<T, E>;

/** The time for asking a host: when it is up `cancel` is called, which the request under way sets. */
export class Deadline {
  isUp = false;
  cancel: () => void = () => {};

  end(): void {
    this.isUp = true;
    this.cancel();
  }
}

const HTTPS_PORT = 443;
const ADDRESSES_MAX = 4;

/** Asks the addresses of a host one after the other, within the time for all of them, until one gives an answer that is good. */
export async function overAddresses<T, E>(
  host: string,
  { clock, resolver, reach = reachPublic }: ReachOptions,
  { deadline, timeoutMs }: { readonly deadline: Deadline; readonly timeoutMs: number },
  fail: Fail<T, E>,
  ask: (target: Target) => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  const timer = clock.after(timeoutMs, () => deadline.end());
  try {
    const answer = await resolver.addresses(host);
    if (answer.kind !== "addresses") {
      const why = answer.kind === "none" ? "it has no address" : `it cannot be looked up now: ${answer.reason}`;
      return fail(`the address of ${host} cannot be found: ${why}`);
    }
    let last = fail(`${host} has no address that can be used`);
    for (const address of answer.addresses.slice(0, ADDRESSES_MAX)) {
      const target = reach(address);
      if (target === null) continue;
      if (deadline.isUp) return fail(lateWords(host));
      last = await ask(target);
      if (last.ok) break;
    }
    return last;
  } finally {
    timer.cancel();
  }
}

export function lateWords(host: string): string {
  return `${host} did not answer in time`;
}

/** For every request: a connection of its own, whose certificate is for the name. */
export function requestTo(host: string, { host: address, port }: Target, ca: ReachOptions["ca"]): object {
  return {
    host: address,
    port,
    servername: host,
    agent: false,
    minVersion: "TLSv1.2",
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
  };
}

function reachPublic(address: IpAddress): Target | null {
  return isUnusable(address) ? null : { host: formatIpAddress(address), port: HTTPS_PORT };
}
