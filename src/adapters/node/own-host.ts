import { networkInterfaces } from "node:os";
import { IPV4_LOOPBACK, parseIpAddress, sameAddress, type IpAddress } from "../../core/mail/ip.ts";
import type { OwnHost } from "../../flows/find-servers.ts";
import type { Clock } from "../../flows/ports.ts";

/** Interfaces come and go; this old an answer is good enough to tell a loop. */
const FRESH_MS = 10_000;

export interface OwnHostOptions {
  readonly hostname: string;
  readonly clock: Clock;
  /** Where our listeners are bound now: `127.0.0.1:2525`, `[::]:25`; `""` for one that is closed. */
  readonly bound: () => readonly string[];
}

/** Who we are, so that mail is never sent to ourselves. */
export function createOwnHost(options: OwnHostOptions): OwnHost {
  let addresses: readonly IpAddress[] = [];
  let readAt = -Infinity;
  const own = (): readonly IpAddress[] => {
    const now = options.clock.now();
    if (Math.abs(now - readAt) > FRESH_MS) {
      addresses = machineAddresses();
      readAt = now;
    }
    return addresses;
  };
  const isOwnAddress = (address: IpAddress): boolean =>
    isLoopback(address) || own().some((one) => sameAddress(one, address));
  return {
    isOwnName: (host) => host.toLowerCase().replace(/\.$/, "") === options.hostname,
    isOwnAddress,
    isOwnListener: (address, port) => options.bound().some((bound) => answersAt(bound, address, port, isOwnAddress)),
  };
}

function isLoopback(address: IpAddress): boolean {
  if (address.family === 4) return address.bits >>> 24 === IPV4_LOOPBACK.bits >>> 24;
  return address.words.join() === "0,0,0,1";
}

function machineAddresses(): readonly IpAddress[] {
  return Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .map(({ address }) => parseIpAddress(address))
    .flatMap((parsed) => (parsed.ok ? [parsed.value] : []));
}

function answersAt(bound: string, address: IpAddress, port: number, isOwn: (address: IpAddress) => boolean): boolean {
  const parts = /^\[?([^\]]+?)\]?:(\d+)$/.exec(bound);
  if (!parts || Number(parts[2]) !== port) return false;
  const host = parseIpAddress(parts[1] ?? "");
  if (!host.ok) return false;
  const isWildcard = host.value.family === 4 ? host.value.bits === 0 : host.value.words.every((word) => word === 0);
  return isWildcard ? isOwn(address) : sameAddress(host.value, address);
}
