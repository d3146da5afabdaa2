import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IdTable } from "./id-table.ts";

test("IdTable finds what a Map finds, whatever is set and deleted", () => {
  // Ids of few low bits, so that they crowd in the same places.
  const idOf = (n: number): number => (n % 40) * 2 ** 40 + Math.floor(n / 40) * 64;
  const step = fc.record({ set: fc.boolean(), n: fc.nat(199) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500 }), (steps) => {
      const ids = Array.from({ length: 200 }, (_, n) => idOf(n));
      const table = new IdTable((slot) => ids[slot] ?? -1);
      const model = new Map<number, number>();
      for (const { set, n } of steps) {
        if (set) {
          table.set(idOf(n), n);
          model.set(idOf(n), n);
        } else {
          table.delete(idOf(n));
          model.delete(idOf(n));
        }
        assert.equal(table.size, model.size);
      }
      for (let n = 0; n < 200; n++) assert.equal(table.get(idOf(n)), model.get(idOf(n)) ?? -1);
    }),
    { numRuns: 300 },
  );
});
