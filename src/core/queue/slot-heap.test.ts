import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SlotHeap } from "./slot-heap.ts";

test("SlotHeap gives the earliest first, whatever is added and removed", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "add", "remove", "pop"),
    slot: fc.nat(199),
    due: fc.nat(50),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const heap = new SlotHeap();
      const model = new Map<number, number>();
      for (const { what, slot, due } of steps) {
        if (what === "add" && !model.has(slot)) {
          heap.add(slot, due);
          model.set(slot, due);
        } else if (what === "remove") {
          heap.remove(slot);
          model.delete(slot);
        } else if (what === "pop") {
          const first = heap.pop();
          assert.equal(first < 0, model.size === 0);
          assert.equal(model.get(first), first < 0 ? undefined : Math.min(...model.values()));
          model.delete(first);
        }
        assert.equal(heap.size, model.size);
        assert.equal(heap.has(slot), model.has(slot));
        assert.equal(heap.firstDueAt, Math.min(Infinity, ...model.values()));
      }
    }),
    { numRuns: 300 },
  );
});
