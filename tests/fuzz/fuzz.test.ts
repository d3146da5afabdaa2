import assert from "node:assert/strict";
import test from "node:test";
import { Chance } from "../sim/chance.ts";
import { growthFault } from "./growth.ts";
import { faultOf, fuzz } from "./run.ts";
import { asLine, readCorpus } from "./target.ts";
import { BUGS, TARGETS } from "./targets.ts";

// What comes from strangers never throws, never costs more than its length, and means the same wherever it is cut. A finding goes
// into `corpus/TARGET/found.txt` as the line that the failure names. `npm run soak:fuzz [minutes] [seed] [target]` goes on for longer.

const SEED = Number(process.env["RELAYKEEPER_FUZZ_SEED"] ?? 1);
const FOR_MS = 1_000;

for (const target of TARGETS) {
  test(`${target.name}: the corpus`, async () => {
    const corpus = readCorpus(target);
    assert.ok(corpus.length >= 5, "a corpus is there");
    for (const input of corpus)
      for (let cutBy = 0; cutBy < 6; cutBy++)
        assert.equal(await faultOf(target, input, cutBy), null, asLine(input).slice(0, 1_000));
  });

  test(`${target.name}: seed ${SEED}`, async () => {
    const { cases, finding } = await fuzz(target, { seed: SEED, casesMax: 20_000, forMs: FOR_MS });
    assert.equal(finding && `${finding.fault}\n${asLine(finding.input)}`, null);
    assert.ok(cases > 20, `${cases} cases`);
  });
}

// The same with a mistake of ours built in: what does not find these finds nothing.
for (const { what, target } of BUGS) {
  test(`${target.name}: found: ${what}`, async () => {
    for (let seed = 1; seed < 20; seed++) {
      const { finding } = await fuzz(target, { seed, casesMax: 4_000, forMs: 10_000 });
      if (finding !== null) return;
    }
    assert.fail("not found");
  });
}

test("an input is found superlinear where it is, and only there", () => {
  const chance = new Chance(1);
  const input = Buffer.from("x");
  const linear = (octets: Uint8Array): void => {
    let sum = 0;
    for (let round = 0; round < 400; round++) for (const octet of octets) sum += octet;
    assert.ok(sum > 0);
  };
  const quadratic = (octets: Uint8Array): void => {
    let sum = 0;
    for (let i = 0; i < octets.length; i += 8) for (let j = 0; j < i; j++) sum += octets[j] as number;
    assert.ok(sum > 0);
  };
  assert.equal(growthFault(linear, input, chance), null);
  assert.match(growthFault(quadratic, input, chance) ?? "", /^superlinear/);
});

test("a case survives the way into the corpus and back", () => {
  for (const target of TARGETS)
    for (const input of readCorpus(target)) assert.ok(asLine(input) === "" || asLine(input).length >= input.length);
});
