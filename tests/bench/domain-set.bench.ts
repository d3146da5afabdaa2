/** A match in sets of 10 to 100,000 names: `node tests/bench/domain-set.bench.ts`. Budget: 150 ns. */
import { parseDomain, type Domain } from "../../src/core/mail/domain.ts";
import { DomainSet } from "../../src/core/policy/domain-set.ts";
import { nanosPerCall } from "./policy-sample.ts";
import { seeded } from "./whole/entries.ts";

const FOREVER = { endOf: () => Infinity };
const random = seeded(7);

function name(limit: number): Domain {
  const parsed = parseDomain(`mail.n${Math.floor(random() * limit).toString(36)}.partner.example`);
  if (!parsed.ok) throw new Error("the names of the benchmark can be read");
  return parsed.value;
}

for (const count of [10, 1_000, 100_000]) {
  let set = DomainSet.EMPTY;
  for (let id = 1; set.size < count; id++) {
    const domain = name(1e9);
    set = set.with(id % 2 === 0 ? domain : (domain.slice(5) as Domain), id % 2 === 1, id, false);
  }
  const asked = Array.from({ length: 1_000 }, () => name(1e9));
  let next = 0;
  const nanos = nanosPerCall(
    () => asked[next++ % 1_000]!,
    (domain) => set.match(domain, 0, FOREVER),
    200_000,
  );
  process.stdout.write(`${String(count).padStart(9)} names: ${nanos.toFixed(0)} ns\n`);
}
