/** Networks, addresses and names for the benchmarks of the policy: random, always the same. */
import { ipv4, type IpAddress } from "../../src/core/mail/ip.ts";
import { formatNetwork, networkOf, type Network } from "../../src/core/mail/network.ts";
import { seeded } from "./whole/entries.ts";

const random = seeded(20_050_920);

function word(): number {
  return Math.floor(random() * 0x1_0000_0000);
}

/** IPv4 and IPv6 by turns; hosts and the sizes that lists have, none so wide that it alone would take in most clients. */
export function sampleNetwork(): Network {
  const choice = Math.floor(random() * 8);
  if (random() < 0.5) return networkOf(ipv4(word()), [32, 32, 32, 32, 24, 24, 28, 22][choice] ?? 32);
  const words = [0x20010000 + (word() >>> 16), word(), word(), word()] as const;
  return networkOf({ family: 6, words }, [128, 128, 128, 64, 64, 56, 48, 48][choice] ?? 128);
}

export function sampleNetworks(count: number): Network[] {
  const networks = new Map<string, Network>();
  while (networks.size < count) {
    const network = sampleNetwork();
    networks.set(formatNetwork(network), network);
  }
  return Array.from(networks.values());
}

/** A client of whom nothing is known. */
export function stranger(): IpAddress {
  if (random() < 0.5) return ipv4(word());
  return { family: 6, words: [0x20010000 + (word() >>> 16), word(), word(), word()] };
}

/** Clients at work, each within one of the networks, one after the other by chance. They are kept small: to remember them is no part of a decision. */
export function membersOf(networks: readonly Network[]): () => IpAddress {
  const clients = new Uint32Array(5 * networks.length);
  for (const [i, network] of networks.entries()) {
    const client = memberOf(network);
    clients.set(client.family === 4 ? [4, client.bits] : [6, ...client.words], 5 * i);
  }
  return () => {
    const at = 5 * (word() % networks.length);
    if (clients[at] === 4) return ipv4(clients[at + 1]!);
    const words = [clients[at + 1]!, clients[at + 2]!, clients[at + 3]!, clients[at + 4]!] as const;
    return { family: 6, words };
  };
}

/** A client within the network. */
function memberOf(network: Network): IpAddress {
  const { base, prefixBits } = network;
  if (base.family === 4) return ipv4(base.bits | (prefixBits === 32 ? 0 : word() >>> prefixBits));
  const [a, b, c, d] = base.words;
  return {
    family: 6,
    words: prefixBits === 128 ? base.words : [a, b, prefixBits > 64 ? c : word(), prefixBits > 96 ? d : word()],
  };
}

/**
 * Nanoseconds for one call of `once`, the best of some runs, without what the loop and the making of the argument take. Of this process's
 * own processor time: what others do meanwhile is not counted, though they share the caches.
 */
export function nanosPerCall<T>(make: () => T, once: (argument: T) => unknown, calls: number, runs = 12): number {
  const measure = (task: (argument: T) => unknown): number => {
    let best = Infinity;
    for (let run = 0; run < runs; run++) {
      const begun = process.cpuUsage();
      for (let i = 0; i < calls; i++) if (task(make()) === -1) throw new Error("never");
      const { user, system } = process.cpuUsage(begun);
      best = Math.min(best, ((user + system) * 1_000) / calls);
    }
    return best;
  };
  const idle = measure((argument) => argument === null);
  return Math.max(0, measure(once) - idle);
}

export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
