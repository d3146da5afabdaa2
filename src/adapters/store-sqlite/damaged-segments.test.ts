/**
 * Damage to the log of mail at any place, as a killed relay left it: the store opens, what is not touched flows, and nothing that
 * is touched is taken for whole. `RELAYKEEPER_EVERY_OCTET=1` tries each octet.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeDirectory, openTestStore } from "../../../tests/contracts/open-store.ts";
import { DONE, octetsOf, sampleMessage, textContent } from "../../../tests/contracts/sample-message.ts";
import { SeededRandom } from "../memory/random.ts";

const IDS = [1, 2, 3, 4, 5];
const EVERY_OCTET = process.env["RELAYKEEPER_EVERY_OCTET"] === "1";
const PLACES = 6;

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

function newDirectory(): string {
  const directory = makeDirectory();
  directories.push(directory);
  return directory;
}

function textOf(id: number): string {
  return `Subject: ${id}\r\n\r\n${`message ${id} `.repeat(20)}\r\n`;
}

/** A data directory as it is when the relay is killed right behind its answers; the tables know nothing of the messages yet. */
let killed = "";
/** The octets of its segment, and for each message where its record ends. */
let segment: Buffer = Buffer.alloc(0);
let ends: readonly number[] = [];

before(async () => {
  const directory = newDirectory();
  killed = newDirectory();
  const store = await openTestStore(directory);
  for (const id of IDS) assert.deepEqual(await store.spool.put(sampleMessage(id, textContent(textOf(id)))), DONE);
  cpSync(directory, killed, { recursive: true });
  await store.close();
  segment = readFileSync(segmentIn(killed));
  ends = IDS.map((id) => segment.indexOf(textOf(id)) + textOf(id).length);
  assert.ok(ends.every((end, index) => end > (ends[index - 1] ?? 100)));
});

function segmentIn(directory: string): string {
  const folder = join(directory, "segments");
  const [name] = readdirSync(folder).filter((one) => /^[0-9]+$/.test(one));
  assert.ok(name !== undefined);
  return join(folder, name);
}

interface Opened {
  readonly whole: readonly number[];
  readonly reports: readonly string[];
  /** What is in the folder of segments after a clean stop. */
  readonly left: readonly string[];
}

/** Opens a copy whose segment was damaged, and says which messages are whole; others must not look as if they were. */
async function openedAfter(damage: (path: string) => void): Promise<Opened> {
  const directory = newDirectory();
  cpSync(killed, directory, { recursive: true });
  damage(segmentIn(directory));
  const reports: string[] = [];
  const store = await openTestStore(directory, { report: (text) => reports.push(text) });
  const whole: number[] = [];
  for (const { id } of await store.spool.load(0, 100)) {
    const content = await store.spool.content(id);
    if (content === null) continue;
    const octets = await octetsOf(content, (file) => store.spool.readFile(file));
    assert.equal(octets.toString("latin1"), textOf(id));
    whole.push(id);
  }
  assert.deepEqual(await store.spool.put(sampleMessage(100)), DONE);
  await store.close();
  return { whole, reports, left: readdirSync(join(directory, "segments")) };
}

function places(): number[] {
  const all = [...segment.subarray(0, ends.at(-1)).keys()];
  if (EVERY_OCTET) return all;
  const random = new SeededRandom(20_261_124);
  const borders = ends.slice(0, -1).flatMap((end) => [end - 1, end]);
  return [0, ...borders, ...Array.from({ length: PLACES }, () => random.uint32() % all.length)];
}

test("cut off at any octet: every message before it is there", { timeout: 3_600_000 }, async () => {
  for (const place of places()) {
    const { whole } = await openedAfter((path) => truncateSync(path, place));
    const before = IDS.filter((_, index) => (ends[index] ?? 0) <= place);
    assert.deepEqual(whole, before, `cut off at ${place}`);
  }
});

test(
  "a flipped bit at any octet: every message that it is not in is there, and it is told",
  { timeout: 3_600_000 },
  async () => {
    for (const place of places()) {
      const { whole, reports } = await openedAfter((path) => {
        const octets = Buffer.from(segment);
        octets.writeUInt8(octets.readUInt8(place) ^ (1 << (place % 8)), place);
        writeFileSync(path, octets);
      });
      const others = IDS.filter((_, index) => place < (ends[index - 1] ?? 24) || place >= (ends[index] ?? 0));
      assert.deepEqual(
        others.filter((id) => !whole.includes(id)),
        [],
        `a bit of octet ${place} flipped`,
      );
      // Behind the last sound record nobody can tell damage from a write that was under way.
      if (whole.length < IDS.length && whole.at(-1) === IDS.at(-1)) assert.notDeepEqual(reports, []);
    }
  },
);

test("a damaged segment is kept aside: what is in it is not lost for ever", async () => {
  const { whole, left } = await openedAfter((path) => {
    const octets = Buffer.from(segment);
    octets.fill(0, (ends[0] ?? 0) + 1, ends[1]);
    writeFileSync(path, octets);
  });
  assert.deepEqual(whole, [1, 3, 4, 5]);
  assert.deepEqual(left.filter((name) => name.endsWith(".damaged")).length, 1, left.join(" "));
});

const IN_ITS_PLACE: Readonly<Record<string, (path: string) => void>> = {
  "a folder": (path) => {
    rmSync(path);
    mkdirSync(path);
  },
  "a symbolic link": (path) => {
    renameSync(path, `${path}.other`);
    symlinkSync(`${path}.other`, path);
  },
  "a second link to a file": (path) => linkSync(path, `${path}.other`),
  "a queue of the kernel": (path) => {
    rmSync(path);
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
  },
  "a segment of another version": (path) => {
    const octets = Buffer.from(segment);
    octets.write("RELAYLOH");
    octets.fill(0x55, 24, 44);
    writeFileSync(path, octets);
  },
  "nothing at all": (path) => truncateSync(path, 0),
  "two gigabytes": (path) => truncateSync(path, 2 ** 31),
};

for (const [name, put] of Object.entries(IN_ITS_PLACE)) {
  test(`${name} in the place of a segment: the store opens and takes mail`, async () => {
    const { whole } = await openedAfter(put);
    if (name === "a second link to a file" || name === "two gigabytes") assert.deepEqual(whole, IDS);
  });
}
