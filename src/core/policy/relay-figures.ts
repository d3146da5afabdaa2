import type { Steps } from "../base/steps.ts";
import type { Instant } from "../base/time.ts";
import { countAddresses } from "./address-count.ts";
import type { CompiledPolicy } from "./compile.ts";

/** Who may relay by one list. */
export interface RelayFigures {
  /** Whether nothing is on the list, or nothing that has not ended. */
  readonly empty: boolean;
  /** Names that have not ended. */
  readonly domains: number;
  /** Addresses that are on the list and not on *REJECT; each counts once. */
  readonly addresses: bigint;
  /** From this instant on they may be others, for an entry has ended. */
  readonly until: Instant;
}

const LISTED = 1;
const REJECTED = 2;

/** The figures of *ACCEPT or *NEAR at `now`. */
export function* relayFigures(policy: CompiledPolicy, list: "*ACCEPT" | "*NEAR", now: Instant): Steps<RelayFigures> {
  const { table, reject, nearDomains } = policy;
  const set = list === "*ACCEPT" ? policy.accept : policy.nearNetworks;
  const listed = { set, ends: table, flag: LISTED };
  const counted = yield* countAddresses(
    [listed, { set: reject, ends: table, flag: REJECTED }],
    now,
    (flags) => flags === LISTED,
  );
  let { until } = counted;
  let domains = 0;
  if (list === "*NEAR") {
    for (const id of nearDomains.ids()) {
      const end = table.endOf(id);
      if (end <= now) continue;
      domains++;
      until = Math.min(until, end);
    }
  }
  const empty = domains === 0 && counted.addresses === 0n && !(yield* anyCounts(policy, list, now));
  return { empty, domains, addresses: counted.addresses, until };
}

/** Whether a network of the list has not ended, though *REJECT has all of its addresses. */
function* anyCounts({ table, accept, nearNetworks }: CompiledPolicy, list: string, now: Instant): Steps<boolean> {
  const layer = { set: list === "*ACCEPT" ? accept : nearNetworks, ends: table, flag: LISTED };
  const { addresses } = yield* countAddresses([layer], now, (flags) => flags === LISTED);
  return addresses > 0n;
}
