import { createResolver, type ClosableResolver } from "../../src/adapters/dns/resolver.ts";
import { systemClock } from "../../src/adapters/node/clock.ts";
import { systemRandom } from "../../src/adapters/node/random.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";

/** The resolver as the program has it, asking one name server on loopback and no file. */
export function resolverAt(port: number): ClosableResolver {
  return createResolver({
    servers: [{ address: IPV4_LOOPBACK, port }],
    isTrusted: false,
    limits: DEFAULT_LIMITS,
    hostsFile: "/nonexistent",
    resolvConf: "/nonexistent",
    clock: systemClock,
    random: systemRandom(),
  });
}
