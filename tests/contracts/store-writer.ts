/**
 * A program for crash tests: `node store-writer.ts DIRECTORY [SEED]`. Twenty writers put messages, each of its own size and
 * octets, and settle some of them. Every promise that came true is told as a line on standard output before anything else
 * happens: `put ID`, `settled ID`; before settling it tells `settling ID`. It runs until it is
 * killed or something is refused, which it tells as `refused FAULT`.
 */
import { writeSync } from "node:fs";
import { SeededRandom } from "../../src/adapters/memory/random.ts";
import { createQueueIds } from "../../src/core/queue/queue-ids.ts";
import { openTestStore } from "./open-store.ts";
import { contentFor } from "./content-for.ts";
import { sampleMessage, sampleOutcome } from "./sample-message.ts";

const [directory, seed] = process.argv.slice(2);
const random = new SeededRandom(Number(seed ?? 1));
const store = await openTestStore(directory ?? "");
const nextId = createQueueIds({ now: () => Date.now() }, store.highestQueueId);
const tell = (line: string): void => void writeSync(1, `${line}\n`);

tell(`open ${store.highestQueueId}`);

async function writer(): Promise<never> {
  for (;;) {
    const id = nextId();
    const octets = contentFor(id);
    const answer =
      random.uint32() % 8 === 0
        ? await putFile(id, octets)
        : await store.spool.put(sampleMessage(id, inMemory(octets)));
    if (!answer.ok) {
      tell(`refused ${answer.error}`);
      process.exit(0);
    }
    tell(`put ${id}`);
    if (random.uint32() % 2 === 0) {
      tell(`settling ${id}`);
      await store.spool.settle(id, [sampleOutcome(0, "delivered")], "remove").catch(() => {
        tell("refused broken");
        process.exit(0);
      });
      tell(`settled ${id}`);
    }
  }
}

function inMemory(octets: Buffer) {
  return { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false } as const;
}

async function putFile(id: number, octets: Buffer) {
  const opened = await store.spool.openContent();
  if (!opened.ok) return opened;
  await opened.value.write(octets);
  const file = await opened.value.finish(false);
  return file.ok ? store.spool.put(sampleMessage(id, file.value)) : file;
}

await Promise.all(Array.from({ length: 20 }, writer));
