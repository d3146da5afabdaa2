import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Dialogue, tryToRelay } from "../peers/dialogue.ts";
import { eventually } from "../peers/programs.ts";
import { Relay, type RelayOptions } from "../peers/relay.ts";

/** Hits of the entries, by value, as `WRKSMTPLE` tells them. */
async function hits(relay: Relay): Promise<string> {
  const answer = await relay.command(["cl", "WRKSMTPLE OUTPUT(*PRINT)", "--json"]);
  assert.equal(answer.code, 0, answer.output);
  return answer.stdout;
}

test("policy, use of entries and journal are there after a restart", { timeout: 300_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-operator-"));
  try {
    const options: RelayOptions = { directory, policy: ["CHGSMTPA ALWRLY(*NONE)"] };
    const first = await Relay.start(options);
    await first.clDone("CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.2') TEXT('ERP')");
    for (let i = 0; i < 3; i++)
      assert.equal((await tryToRelay({ port: first.port, localAddress: "127.0.0.2" })).code, 250);
    const refused = await tryToRelay({ port: first.port, localAddress: "127.0.0.3" });
    const id = /\[(D-[0-9A-Z]+)\]/.exec(refused.text)?.[1];
    assert.ok(id !== undefined, refused.text);
    const exported = (await first.command(["policy", "export"])).stdout;
    await eventually(async () => {
      assert.match(await hits(first), /"hits": ?3\b/);
    });
    await first.stop();

    const second = await Relay.start(options);
    assert.equal((await second.command(["policy", "export"])).stdout, exported, "the initial script is not run again");
    assert.match(await hits(second), /"hits": ?3\b/);
    assert.equal((await tryToRelay({ port: second.port, localAddress: "127.0.0.2" })).code, 250);
    assert.equal((await tryToRelay({ port: second.port, localAddress: "127.0.0.3" })).code, 550);
    const explained = await second.command(["explain", id]);
    assert.equal(explained.code, 0, explained.output);
    assert.match(explained.stdout, /127\.0\.0\.3/);

    await second.clDone("CHGSMTPA ALWRLY(*NONE)");
    await second.kill();
    const third = await Relay.start(options);
    assert.equal(
      (await tryToRelay({ port: third.port, localAddress: "127.0.0.2" })).code,
      550,
      "a change survives kill -9",
    );
    await third.stop();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("a change is live for the next command of a session that is open", async () => {
  await using relay = await Relay.start();
  using dialogue = await Dialogue.connect({ port: relay.port, localAddress: "127.0.0.2" });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  await dialogue.say("MAIL FROM:<sender@client.example>");
  assert.equal((await dialogue.say("RCPT TO:<rcpt@far.example>")).code, 550);
  await dialogue.say("RSET");
  await relay.clDone("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.2')", "CHGSMTPA ALWRLY(*LIST)");
  await dialogue.say("MAIL FROM:<sender@client.example>");
  assert.equal((await dialogue.say("RCPT TO:<rcpt@far.example>")).code, 250);
  await relay.clDone("CHGSMTPA ALWRLY(*NONE)");
  assert.equal(
    (await dialogue.say("RCPT TO:<second@far.example>")).code,
    250,
    "one transaction is judged by one version of the policy",
  );
  await dialogue.say("RSET");
  await dialogue.say("MAIL FROM:<sender@client.example>");
  assert.equal((await dialogue.say("RCPT TO:<rcpt@far.example>")).code, 550);
});

test("policy apply makes the policy what the file says, or changes nothing", async () => {
  await using relay = await Relay.start();
  const file = join(relay.directory, "wanted.cl");
  const wanted = [
    "CHGSMTPA ALWRLY(*LIST)",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.2') SUBNETMASK('255.255.255.255') TEXT('ERP') EXPDATE(*NONE)",
    "ADDSMTPLE TYPE(*NEAR) HOSTNAME('partner.example')",
  ];
  await writeFile(file, `${wanted.join("\n")}\n`);
  const differing = await relay.command(["policy", "diff", file]);
  assert.match(differing.stdout, /partner\.example/);
  const applied = await relay.command(["policy", "apply", file]);
  assert.equal(applied.code, 0, applied.output);
  assert.equal((await tryToRelay({ port: relay.port, localAddress: "127.0.0.2" })).code, 250);
  const exported = (await relay.command(["policy", "export"])).stdout;
  await writeFile(file, exported);
  const same = await relay.command(["policy", "check", file]);
  assert.equal(same.code, 0, same.output);

  await writeFile(file, `${wanted.join("\n")}\nADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.999')\n`);
  const broken = await relay.command(["policy", "apply", file]);
  assert.equal(broken.code, 1, broken.output);
  assert.match(broken.output, /\b4\b/, "the line is named");
  assert.equal((await relay.command(["policy", "export"])).stdout, exported);
});
