/** The schedule with a million items deferred: what one message costs while they wait, and what they cost in memory. */
import { Schedule } from "../../src/core/queue/schedule.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import { SeededRandom } from "../../src/adapters/memory/random.ts";

const random = new SeededRandom(1);
const create = (): Schedule => new Schedule(100, { windowOf: () => 20, paceOf: () => null, random });

/** ns for add, start, worked and settle of one message. */
function costOf(schedule: Schedule, firstId: number): number {
  const count = 100_000;
  const begun = performance.now();
  for (let i = 0; i < count; i++) {
    schedule.add((firstId + i) as QueueId, "smarthost:sink.example:25", 0, 0, 0, 0);
    const slot = schedule.start(0);
    schedule.worked(slot, 0);
    schedule.settle(slot);
  }
  return ((performance.now() - begun) / count) * 1e6;
}

const empty = create();
costOf(empty, 1);
const alone = costOf(empty, 1e9);

globalThis.gc?.();
const before = process.memoryUsage();
const full = create();
const begun = performance.now();
for (let i = 0; i < 1_000_000; i++) {
  full.add((1e12 + i) as QueueId, `mx:d${i % 10_000}.example`, 0, 1, 1 + (random.uint32() % 1e9), 0);
}
const filledMs = performance.now() - begun;
const after = process.memoryUsage();
const octets = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
costOf(full, 1);
const crowded = costOf(full, 1e9);

const drainBegun = performance.now();
let drained = 0;
for (let slot = full.start(2e9); slot >= 0; slot = full.start(2e9)) {
  full.worked(slot, 0);
  full.settle(slot);
  drained++;
}
const drainNs = ((performance.now() - drainBegun) / drained) * 1e6;

console.log(`one message, nothing deferred       ${alone.toFixed(0)} ns`);
console.log(`one message, 1,000,000 deferred     ${crowded.toFixed(0)} ns`);
console.log(`a million taken in                  ${filledMs.toFixed(0)} ms, ${(octets / 1e6).toFixed(0)} MB`);
console.log(`a million become due and are done   ${drainNs.toFixed(0)} ns each (${drained})`);
