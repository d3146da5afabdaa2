import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FileContent } from "../../src/core/mail/content.ts";
import type { DuePage } from "../../src/core/queue/due-page.ts";
import type { AcceptedMessage, QueueId } from "../../src/core/queue/message.ts";
import type { Spool } from "../../src/flows/ports.ts";
import { DONE, NOW, octetsOf, sampleMessage, sampleOutcome, textContent } from "./sample-message.ts";

function rowsOf(page: DuePage): object[] {
  return Array.from(page.ids, (number, i) => ({
    id: number,
    acceptedAt: page.acceptedAt[i] ?? NaN,
    dueAt: page.dueAt[i] ?? NaN,
    triedAt: page.triedAt[i] ?? NaN,
    host: page.hosts[page.host[i] ?? -1] ?? null,
    held: page.held[i] === 1,
    faults: page.faults[i] ?? NaN,
  }));
}

export interface SpoolUnderTest {
  readonly spool: Spool;
  close(): Promise<void>;
}

/** What the port Spool promises. `open` makes a new, empty one that keeps `capturedMax` captured messages. */
export function spoolContract(adapter: string, open: (capturedMax: number) => Promise<SpoolUnderTest>): void {
  const withSpool = (title: string, body: (spool: Spool) => Promise<void>): void => {
    test(title, async () => {
      const under = await open(3);
      try {
        await body(under.spool);
      } finally {
        await under.close();
      }
    });
  };
  const ids = (messages: readonly { readonly id: QueueId }[]): number[] => messages.map((message) => message.id);
  const id = (number: number): QueueId => number as QueueId;

  describe(`Spool of ${adapter}`, () => {
    withSpool("put() keeps everything of a message, and load() and find() give it back", async (spool) => {
      const message = sampleMessage(7);
      assert.deepEqual(await spool.put(message), DONE);
      const expected = {
        id: 7,
        acceptedAt: message.acceptedAt,
        origin: message.origin,
        envelope: message.envelope,
        sizeOctets: message.content.sizeOctets,
        outcomes: [null, null],
        attempts: 0,
        held: false,
      };
      assert.deepEqual(await spool.load(0, 10), [expected]);
      assert.deepEqual(await spool.find(id(7)), expected);
      assert.equal(await spool.find(id(8)), null);
    });

    withSpool(
      "content() gives the octets back, from several chunks, with every octet value and none",
      async (spool) => {
        const every = String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet));
        const contents = [textContent(every, "\r\n.dots\r\n", every), textContent(), textContent("\r\n..\r\n")];
        for (const [i, content] of contents.entries()) await spool.put(sampleMessage(i + 1, content));
        for (const [i, content] of contents.entries()) {
          const found = await spool.content(id(i + 1));
          assert.ok(found?.kind === "memory" && content.kind === "memory");
          assert.equal(found.sizeOctets, content.sizeOctets);
          assert.equal(found.dotLines, content.dotLines);
          assert.deepEqual(Buffer.concat(found.chunks), Buffer.concat(content.chunks));
        }
        assert.equal(await spool.content(id(9)), null);
      },
    );

    withSpool("put() takes concurrent messages in any order of id, and load() pages them in order", async (spool) => {
      const numbers = [5, 3, 9, 1, 7, 2, 8, 4, 6];
      const answers = await Promise.all(numbers.map((number) => spool.put(sampleMessage(number))));
      assert.ok(answers.every((answer) => answer.ok));
      assert.deepEqual(ids(await spool.load(0, 4)), [1, 2, 3, 4]);
      assert.deepEqual(ids(await spool.load(4, 4)), [5, 6, 7, 8]);
      assert.deepEqual(ids(await spool.load(8, 4)), [9]);
      assert.deepEqual(ids(await spool.load(9, 4)), []);
    });

    withSpool("put() refuses an id that is there as a bug, and keeps the others of its turn", async (spool) => {
      await spool.put(sampleMessage(1));
      const [second, again] = await Promise.allSettled([spool.put(sampleMessage(2)), spool.put(sampleMessage(1))]);
      assert.deepEqual(second, { status: "fulfilled", value: DONE });
      assert.equal(again.status, "rejected");
      assert.deepEqual(ids(await spool.load(0, 9)), [1, 2]);
    });

    withSpool("settle() keeps the latest outcome of each recipient and counts attempts", async (spool) => {
      await spool.put(sampleMessage(1));
      await spool.settle(id(1), [sampleOutcome(0, "deferred", "später"), sampleOutcome(1, "deferred")], "keep");
      await spool.settle(id(1), [sampleOutcome(1, "failed", "no")], "keep");
      await spool.settle(id(1), [], "keep");
      const found = await spool.find(id(1));
      assert.deepEqual(found?.outcomes, [sampleOutcome(0, "deferred", "später"), sampleOutcome(1, "failed", "no")]);
      assert.equal(found.attempts, 2);
      assert.deepEqual(await spool.load(0, 9), [found]);
    });

    withSpool("settle() with remove takes the message away; without the message it does nothing", async (spool) => {
      await spool.put(sampleMessage(1));
      await spool.settle(id(1), [sampleOutcome(0, "deferred")], "keep");
      await spool.settle(id(1), [sampleOutcome(0, "delivered")], "remove");
      assert.equal(await spool.find(id(1)), null);
      assert.equal(await spool.content(id(1)), null);
      await spool.settle(id(1), [sampleOutcome(0, "delivered")], "keep");
      await spool.settle(id(1), [sampleOutcome(0, "delivered")], "remove");
      await spool.settle(id(1), [sampleOutcome(0, "delivered")], "capture");
      assert.deepEqual(await spool.counts(), { queued: 0, captured: 0, octets: 0 });
    });

    withSpool("put() and settle() of one turn stay in order", async (spool) => {
      const [put] = await Promise.all([
        spool.put(sampleMessage(1)),
        spool.settle(id(1), [sampleOutcome(0, "delivered")], "remove"),
        spool.put(sampleMessage(2)),
        spool.settle(id(2), [sampleOutcome(0, "deferred")], "keep"),
      ]);
      assert.deepEqual(put, DONE);
      assert.deepEqual(ids(await spool.load(0, 9)), [2]);
    });

    withSpool("settle() with capture moves the message to the capture box, which keeps the newest", async (spool) => {
      for (const number of [1, 2, 3, 4, 5]) {
        await spool.put(sampleMessage(number));
        await spool.settle(id(number), [sampleOutcome(0, "delivered"), sampleOutcome(1, "delivered")], "capture");
      }
      assert.deepEqual(ids(await spool.captured(Number.MAX_SAFE_INTEGER, 9)), [5, 4, 3]);
      assert.deepEqual(ids(await spool.captured(5, 1)), [4]);
      assert.deepEqual(await spool.load(0, 9), []);
      assert.equal((await spool.find(id(5)))?.outcomes[0]?.kind, "delivered");
      assert.ok(await spool.content(id(3)));
      assert.equal(await spool.content(id(2)), null);
      assert.equal((await spool.counts()).captured, 3);
    });

    withSpool(
      "due() gives what the schedule needs: times, the host that all recipients share, what is held",
      async (spool) => {
        const single = (number: number): AcceptedMessage => {
          const { envelope, ...rest } = sampleMessage(number);
          return { ...rest, envelope: { ...envelope, recipients: envelope.recipients.slice(0, 1) } };
        };
        for (const number of [3, 1]) await spool.put(single(number));
        await spool.put(sampleMessage(2));
        await spool.put(single(4));
        await spool.settle(id(3), [sampleOutcome(0, "deferred")], "keep");
        await spool.settle(id(4), [sampleOutcome(0, "delivered")], "capture");
        await spool.hold([id(1)], true);
        const row = { dueAt: 0, triedAt: 0, host: "a.example" as string | null, held: false, faults: 0 };
        assert.deepEqual(rowsOf(await spool.due(0, 9)), [
          { ...row, id: 1, acceptedAt: NOW + 1, held: true },
          { ...row, id: 2, acceptedAt: NOW + 2, host: null },
          { ...row, id: 3, acceptedAt: NOW + 3, dueAt: NOW + 360_000, triedAt: NOW + 60_000 },
        ]);
        assert.deepEqual([...(await spool.due(1, 1)).ids], [2]);
        assert.deepEqual([...(await spool.due(3, 9)).ids], []);
      },
    );

    withSpool(
      "begin() counts attempts without an end until one is settled or the message is released",
      async (spool) => {
        const faults = async (): Promise<number[]> => [...(await spool.due(0, 9)).faults];
        for (const number of [1, 2, 3]) await spool.put(sampleMessage(number));
        await spool.begin(id(1), 0);
        await spool.begin(id(2), 1);
        await spool.begin(id(3), 2);
        await spool.begin(id(9), 0);
        assert.deepEqual(await faults(), [1, 2, 3]);
        await spool.settle(id(1), [sampleOutcome(0, "deferred")], "keep");
        await spool.hold([id(2)], true);
        await spool.hold([id(3)], false);
        assert.deepEqual(await faults(), [0, 2, 0]);
      },
    );

    withSpool("hold() marks messages and releases them", async (spool) => {
      for (const number of [1, 2, 3]) await spool.put(sampleMessage(number));
      await spool.hold([id(1), id(3), id(99)], true);
      assert.deepEqual(
        (await spool.load(0, 9)).map((message) => message.held),
        [true, false, true],
      );
      await spool.hold([id(3)], false);
      assert.deepEqual(
        (await spool.load(0, 9)).map((message) => message.held),
        [true, false, false],
      );
    });

    withSpool("remove() takes from queue and capture box and says how many were there", async (spool) => {
      for (const number of [1, 2, 3]) await spool.put(sampleMessage(number));
      await spool.settle(id(3), [sampleOutcome(0, "delivered")], "capture");
      assert.equal(await spool.remove([id(1), id(3), id(99)]), 2);
      assert.equal(await spool.remove([id(1)]), 0);
      assert.equal(await spool.remove([]), 0);
      assert.deepEqual(ids(await spool.load(0, 9)), [2]);
      assert.deepEqual(await spool.captured(Number.MAX_SAFE_INTEGER, 9), []);
    });

    withSpool("counts() follows every change", async (spool) => {
      assert.deepEqual(await spool.counts(), { queued: 0, captured: 0, octets: 0 });
      for (const number of [1, 2, 3, 4]) await spool.put(sampleMessage(number, textContent("x".repeat(number))));
      assert.deepEqual(await spool.counts(), { queued: 4, captured: 0, octets: 10 });
      await spool.settle(id(4), [sampleOutcome(0, "delivered")], "capture");
      await spool.settle(id(3), [sampleOutcome(0, "delivered")], "remove");
      assert.deepEqual(await spool.counts(), { queued: 2, captured: 1, octets: 7 });
      await spool.remove([id(4), id(1)]);
      assert.deepEqual(await spool.counts(), { queued: 1, captured: 0, octets: 2 });
    });

    withSpool("openContent() streams a file that goes with its message", async (spool) => {
      const opened = await spool.openContent();
      assert.ok(opened.ok);
      const blocks = Array.from({ length: 40 }, (_, i) => Buffer.alloc(10_000, i));
      for (const block of blocks) await opened.value.write(block);
      const file = await opened.value.finish(true);
      assert.ok(file.ok);
      assert.equal(file.value.sizeOctets, 400_000);
      assert.equal(file.value.dotLines, true);
      assert.deepEqual(await spool.put(sampleMessage(1, file.value)), DONE);
      const content = await spool.content(id(1));
      assert.deepEqual(content, file.value);
      assert.deepEqual(await octetsOf(file.value, (of) => spool.readFile(of)), Buffer.concat(blocks));
      assert.deepEqual(await spool.check(), []);
      await spool.settle(id(1), [sampleOutcome(0, "delivered")], "remove");
      assert.equal(await spool.content(id(1)), null);
      assert.equal((await spool.counts()).octets, 0);
    });

    withSpool("openContent() can be aborted, and names no file twice", async (spool) => {
      const names = new Set<string>();
      for (let i = 0; i < 5; i++) {
        const opened = await spool.openContent();
        assert.ok(opened.ok);
        await opened.value.write(Buffer.from("x"));
        if (i === 0) await opened.value.abort();
        else names.add(((await opened.value.finish(false)) as { value: FileContent }).value.name);
      }
      assert.equal(names.size, 4);
    });

    withSpool("check() finds nothing wrong in a spool at work", async (spool) => {
      for (const number of [1, 2, 3]) await spool.put(sampleMessage(number));
      await spool.settle(id(1), [sampleOutcome(0, "deferred")], "keep");
      await spool.settle(id(2), [sampleOutcome(0, "delivered")], "remove");
      assert.deepEqual(await spool.check(), []);
    });
  });
}
