import assert from "node:assert/strict";
import test from "node:test";
import { formatMailbox } from "../../src/core/mail/mailbox.ts";
import { Client } from "../dialogs/client.ts";
import { World } from "../dialogs/world.ts";
import { codeOf, octetsOf, readSections, type Row } from "./table.ts";

const TO_US = "MAIL FROM:<s@client.example>\r\nRCPT TO:<u@inside.example>\r\n";
const TO_OTHERS = "MAIL FROM:<s@client.example>\r\nRCPT TO:<v@outside.example>\r\n";
const SMUGGLED = "MAIL FROM:<smuggled@inside.example>\r\nRCPT TO:<w@inside.example>\r\nDATA\r\nSubject: y\r\n\r\ny\r\n";

const [ends, ...dialogues] = readSections("framing.md");

test("framing.md is there", () => {
  assert.ok(ends !== undefined && ends.rows.length > 20);
  assert.ok(dialogues.length >= 4 && dialogues.every(({ rows }) => rows.length > 4));
});

/** Whole, and octet by octet. */
const WAYS = [false, true];

for (const bareLf of ["*NO", "*YES"]) {
  for (const command of ["DATA", "BDAT"]) {
    test(`${ends?.title}: ${command}, ALWBARELF(${bareLf})`, async () => {
      const wrong: string[] = [];
      await inWorld(async (world) => {
        world.policy.run(`CHGSMTPA ALWBARELF(${bareLf})`);
        for (const row of ends?.rows ?? []) {
          const expected = row.cell(`ALWBARELF(\\${bareLf})`);
          for (const byOctet of WAYS) {
            const found = await smuggle(world, row, command, byOctet);
            if (found !== expected) wrong.push(`framing.md:${row.line} ${expected}, not ${found}`);
          }
        }
      });
      assert.deepEqual(wrong, []);
    });
  }
}

for (const section of dialogues) {
  test(section.title, async () => {
    const wrong: string[] = [];
    await inWorld(async (world) => {
      for (const row of section.rows) {
        const expected = `${octetsOf(row.cell("hears")).toString()}; ${row.cell("messages")} messages, ${row.cell("then")}`;
        for (const byOctet of WAYS) {
          if (byOctet && (section.title.includes("in one piece") || isLong(row))) continue;
          const found = await converse(world, row, byOctet);
          if (found !== expected) wrong.push(`framing.md:${row.line} ${expected}\n          not ${found}`);
        }
      }
    });
    assert.deepEqual(wrong, []);
  });
}

function isLong(row: Row): boolean {
  return octetsOf(row.cell("the client says")).length > 5_000;
}

async function inWorld(body: (world: World) => Promise<void>): Promise<void> {
  const world = await World.open();
  try {
    await body(world);
    assert.deepEqual(world.faults, []);
  } finally {
    await world.close();
  }
}

/** What the client hears at the true end; with a word more where anything of what stands behind the octets was obeyed. */
async function smuggle(world: World, row: Row, command: string, byOctet: boolean): Promise<string> {
  const before = world.accepted.length;
  const content = Buffer.concat([
    Buffer.from("Subject: x\r\n\r\ntext"),
    octetsOf(row.cell("octets")),
    Buffer.from(SMUGGLED),
  ]);
  const client = await Client.connect(world.port);
  try {
    await client.reply();
    await client.ask("HELO client.example");
    await client.say(TO_US);
    await client.reply();
    await client.reply();
    if (command === "DATA") {
      await client.ask("DATA");
      await client.say(Buffer.concat([content, Buffer.from(".\r\n")]), byOctet);
    } else await client.say(Buffer.concat([Buffer.from(`BDAT ${content.length} LAST\r\n`), content]), byOctet);
    const heard = codeOf(await client.reply());
    const next = codeOf(await client.ask("VRFY x"));
    const messages = world.accepted.slice(before);
    const found = heard.startsWith("250") ? "250" : heard;
    if (next !== "252 2.5.2") return `${found}, then ${next}`;
    if (messages.length !== (found === "250" ? 1 : 0)) return `${found} and ${messages.length} messages`;
    for (const message of messages) {
      const { reversePath, recipients } = message.envelope;
      const to = recipients.map(({ forwardPath }) => formatMailbox(forwardPath)).join();
      const text = await world.contentOf(message);
      if (reversePath === null || formatMailbox(reversePath) !== "s@client.example" || to !== "u@inside.example")
        return `${found} for ${to}`;
      if (!text.includes("MAIL FROM:<smuggled@inside.example>")) return `${found} without the text`;
      if (/(?<!\r)\n|\r(?!\n)/.test(text)) return `${found} with a line end that is none`;
    }
    return found;
  } finally {
    client.destroy();
  }
}

/** All that is heard, what reached the spool, and whether the session goes on. */
async function converse(world: World, row: Row, byOctet: boolean): Promise<string> {
  const before = world.accepted.length;
  const client = await Client.connect(world.port);
  try {
    await client.reply();
    await client.ask("HELO client.example");
    const said = row
      .cell("the client says")
      .replaceAll("{to us}", () => TO_US)
      .replaceAll("{to others}", () => TO_OTHERS);
    await client.say(octetsOf(said), byOctet);
    const wanted = octetsOf(row.cell("hears")).toString().split(" / ");
    const heard: string[] = [];
    for (const code of wanted) heard.push(codeOf(await client.reply()).slice(0, code.length));
    const then = await goesOn(client, row.cell("then"));
    return `${heard.join(" / ")}; ${world.accepted.length - before} messages, ${then}`;
  } finally {
    client.destroy();
  }
}

async function goesOn(client: Client, expected: string): Promise<string> {
  if (expected === "closed") return (await client.closed()) === "" ? "closed" : `more: ${client.receivedSoFar}`;
  // What waits within content takes this for content.
  await client.say("VRFY x\r\n");
  if (expected === "waits") {
    client.end();
    const last = await client.closed();
    return last === "" ? "waits" : `more: ${last}`;
  }
  const next = codeOf(await client.reply());
  return next === "252 2.5.2" ? "open" : `more: ${next}`;
}
