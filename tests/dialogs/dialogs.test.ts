import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import type { ListenerOptions } from "../../src/adapters/smtp-server/listeners.ts";
import type { Limits } from "../../src/core/base/limits.ts";
import { formatMailbox } from "../../src/core/mail/mailbox.ts";
import { parseCidr } from "../../src/core/mail/network.ts";
import { Client } from "./client.ts";
import { parseDialogues, type Dialogue, type Step } from "./script.ts";
import { World, type WorldOptions } from "./world.ts";

const folder = import.meta.dirname;
const files = readdirSync(folder).filter((name) => name.endsWith(".smtp"));

for (const file of files) {
  for (const dialogue of parseDialogues(readFileSync(join(folder, file), "utf8"))) {
    test(`${file}: ${dialogue.title}`, async () => {
      await run(file, dialogue, false);
      if (!dialogue.settings.includes("once")) await run(file, dialogue, true);
    });
  }
}

test("the dialogues are there", () => {
  assert.ok(files.length >= 5);
});

async function run(file: string, dialogue: Dialogue, octetByOctet: boolean): Promise<void> {
  const world = await World.open(optionsOf(dialogue.settings));
  let client: Client | null = null;
  let seen = 0;
  try {
    for (const step of dialogue.steps) {
      if (step.kind === "policy") world.policy.run(step.command);
      else if (step.kind === "queued") seen += await checkQueued(world, seen, step, file);
      else {
        client ??= await Client.connect(world.port);
        await take(client, step, octetByOctet, file);
      }
    }
    assert.deepEqual(world.faults, []);
  } finally {
    client?.destroy();
    await world.close();
  }
}

async function take(
  client: Client,
  step: Exclude<Step, { kind: "policy" | "queued" }>,
  octetByOctet: boolean,
  file: string,
): Promise<void> {
  const where = `${file}:${step.line}${octetByOctet ? " (octet by octet)" : ""}`;
  switch (step.kind) {
    case "say":
      return client.say(step.octets, octetByOctet);
    case "act":
      if (step.what === "tls") return client.startTls();
      if (step.what === "end") client.end();
      else client.reset();
      return;
    case "closed":
      assert.equal(await client.closed(), "", `${where}: expected to be closed`);
      return;
    case "expect": {
      const line = (await client.line()) ?? "<closed>";
      assert.ok(matches(step.pattern, line), `${where}\n  expected ${step.pattern}\n  heard    ${line}`);
    }
  }
}

function matches(pattern: string, line: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(line);
}

/** How many messages the step has seen. */
async function checkQueued(
  world: World,
  seen: number,
  step: Extract<Step, { kind: "queued" }>,
  file: string,
): Promise<number> {
  const where = `${file}:${step.line}`;
  const message = world.accepted[seen];
  if (step.envelope === "none") {
    assert.equal(message, undefined, where);
    return 0;
  }
  assert.ok(message, `${where}: nothing was queued`);
  const { reversePath, recipients, requireTls } = message.envelope;
  const tls = requireTls === undefined ? "" : requireTls ? " requiretls" : " tls optional";
  const to = recipients.map(({ forwardPath }) => formatMailbox(forwardPath)).join(",");
  assert.equal(`<${reversePath === null ? "" : formatMailbox(reversePath)}> to <${to}>${tls}`, step.envelope, where);
  if (step.content.length > 0) {
    const lines = step.content.map((line) => `${line}\r\n`).join("");
    assert.equal(await world.contentOf(message), lines, where);
  }
  return 1;
}

function optionsOf(settings: readonly string[]): WorldOptions {
  const listener: { -readonly [Key in keyof ListenerOptions]?: ListenerOptions[Key] } = {};
  const limits: Partial<Limits> = {};
  const users: [string, string][] = [];
  const dnsLists: string[] = [];
  const localDomains: string[] = [];
  for (const setting of settings) {
    const [word, ...rest] = setting.split(" ");
    if (word === "user") users.push([rest[0] ?? "", rest.slice(1).join(" ")]);
    else if (word === "dns-list") dnsLists.push(...rest);
    else if (word === "local") localDomains.push(...rest);
    else
      for (const pair of rest) {
        const [key = "", value = ""] = pair.split("=");
        if (word === "limits") Object.assign(limits, { [key]: Number(value) });
        else if (key === "bareLf") listener.bareLf = value === "yes";
        else if (key === "proxyFrom") {
          const network = parseCidr(value);
          assert.ok(network.ok);
          listener.proxyFrom = [network.value];
        } else Object.assign(listener, { [key]: value });
      }
  }
  return { listener, limits, users, dnsLists, ...(localDomains.length > 0 ? { localDomains } : {}) };
}
