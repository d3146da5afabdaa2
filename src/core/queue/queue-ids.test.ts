import { test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { createQueueIds } from "./queue-ids.ts";
import { formatQueueId, parseQueueId } from "./message.ts";

test("createQueueIds() only grows when the clock stands, jumps forwards or is set back", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4_102_444_800_000 }), { minLength: 1 }), (instants) => {
      let now = 0;
      const next = createQueueIds({ now: () => now }, 0);
      let last = 0;
      for (now of instants) {
        const id = next();
        assert.ok(id > last && Number.isSafeInteger(id));
        assert.deepEqual(parseQueueId(formatQueueId(id)), { ok: true, value: id });
        last = id;
      }
    }),
  );
});

test("createQueueIds() starts above the highest id of the store when the clock went back", () => {
  const next = createQueueIds({ now: () => 1_000 }, 5_000_000);
  assert.equal(next(), 5_000_001);
  assert.equal(next(), 5_000_002);
});

test("createQueueIds() gives the time of the clock when it is ahead", () => {
  const next = createQueueIds({ now: () => 10 }, 3);
  assert.equal(next(), 10_240);
  assert.equal(next(), 10_241);
});
