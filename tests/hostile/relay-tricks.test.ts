import assert from "node:assert/strict";
import test from "node:test";
import { formatMailbox } from "../../src/core/mail/mailbox.ts";
import { Client } from "../dialogs/client.ts";
import { LOOPBACK } from "../dialogs/scene.ts";
import { World, type WorldOptions } from "../dialogs/world.ts";
import { codeOf, octetsOf, readSections, type Row, type Section } from "./table.ts";

/** On no list. */
const STRANGER = "127.0.0.9";
const ALWRLY = ["*NONE", "*LIST", "*NEAR", "*BOTH", "*ALL"];

const sections = readSections("relay-tricks.md");

test("relay-tricks.md is there", () => {
  assert.ok(sections.length >= 10 && sections.every(({ rows }) => rows.length > 0));
});

for (const section of sections) {
  for (const relay of ALWRLY) {
    test(`${section.title}, ALWRLY(${relay})`, async () => {
      const column = section.columns.find((name) => name.replaceAll("\\", "").split(", ").includes(relay));
      assert.ok(column !== undefined);
      const world = await World.open(optionsOf(section));
      try {
        world.policy.run(`CHGSMTPA ALWRLY(${relay})`);
        for (const command of section.commands) world.policy.run(command);
        const wrong: string[] = [];
        for (const row of section.rows) {
          const found = await tryOut(world, section, row);
          const expected = expectedOf(section, row, column);
          if (found !== expected) wrong.push(`relay-tricks.md:${row.line} ${expected}, not ${found}`);
        }
        assert.deepEqual(wrong, []);
        assert.deepEqual(world.faults, []);
      } finally {
        await world.close();
      }
    });
  }
}

function optionsOf({ columns }: Section): WorldOptions {
  if (columns.includes("client")) return { listener: { proxyFrom: [LOOPBACK] } };
  return columns.includes("before") ? { listener: { auth: "always" }, users: [["user", "secret"]] } : {};
}

/** What the row promises, as `tryOut` tells it. */
function expectedOf(section: Section, row: Row, column: string): string {
  const heard = row.cell(column).split(" & ");
  const reached = recipientsOf(section, row).filter((recipient, i) => recipient !== "" && heard[i] === "250");
  const before = section.columns.includes("before") ? `${row.cell("hears")}, then ` : "";
  return `${before}${heard.join(" & ")} -> ${reached.length === 0 ? "nothing" : reached.join(" & ")}`;
}

/** What the client heard, and what reached the spool of it. */
async function tryOut(world: World, section: Section, row: Row): Promise<string> {
  const client = await Client.connect(world.port, STRANGER);
  const before = world.accepted.length;
  try {
    if (section.columns.includes("client")) await client.say(proxyHeader(row.cell("client")));
    const greeting = await client.reply();
    let heard = "";
    if (!greeting.startsWith("220")) heard = codeOf(greeting);
    else {
      if (section.columns.includes("before")) heard = `${await prepare(client, row.cell("before"))}, then `;
      heard += (await greets(client)) ? (await send(client, section, row)).join(" & ") : "closed";
    }
    const messages = world.accepted
      .slice(before)
      .map(({ envelope }) => envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath)).join(" & "));
    return `${heard} -> ${messages.length === 0 ? "nothing" : messages.join(" and ")}`;
  } finally {
    client.destroy();
  }
}

/** Says the lines; what the last of them was answered. */
async function prepare(client: Client, lines: string): Promise<string> {
  let last = "";
  for (const line of lines.split(" / ")) {
    await client.say(Buffer.concat([octetsOf(line), Buffer.from("\r\n")]));
    last = await client.reply();
  }
  return codeOf(last);
}

/** Whether the session goes on. */
async function greets(client: Client): Promise<boolean> {
  await client.say("EHLO client.example\r\n");
  for (;;) {
    const reply = await client.reply();
    if (reply.includes("<closed>") || reply.startsWith("421")) return false;
    if (reply.startsWith("250")) return true;
  }
}

/** One transaction, to its end where a recipient was taken; what each recipient heard. */
async function send(client: Client, section: Section, row: Row): Promise<string[]> {
  const sender = section.columns.includes("MAIL FROM") ? row.cell("MAIL FROM") : "<s@client.example>";
  const international = section.title.includes("SMTPUTF8") ? " SMTPUTF8" : "";
  const paths = section.columns.includes("RCPT TO") ? row.cell("RCPT TO").split(" & ") : ["<v@outside.example>"];
  assert.match(await client.ask(`MAIL FROM:${sender}${international}`), /^250/);
  const heard: string[] = [];
  for (const path of paths) {
    await client.say(Buffer.concat([Buffer.from("RCPT TO:"), octetsOf(path), Buffer.from("\r\n")]));
    const reply = codeOf(await client.reply());
    heard.push(reply.startsWith("250") ? "250" : reply);
  }
  const begun = await client.ask("DATA");
  assert.equal(begun.slice(0, 3), heard.includes("250") ? "354" : "554");
  if (begun.startsWith("354")) assert.match(await client.ask("Subject: x\r\n\r\nx\r\n."), /^250/);
  return heard;
}

/** What each recipient is in the spool, where it was taken. */
function recipientsOf(section: Section, row: Row): readonly string[] {
  if (!section.columns.includes("reaches the spool")) return ["v@outside.example"];
  return row
    .cell("reaches the spool")
    .split("&")
    .map((recipient) => octetsOf(recipient.trim()).toString());
}

function proxyHeader(client: string): string {
  const [protocol, own] = client.includes(":") ? ["TCP6", "2001:db8::25"] : ["TCP4", "192.0.2.25"];
  return `PROXY ${protocol} ${client} ${own} 4000 25\r\n`;
}
