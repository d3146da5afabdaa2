/**
 * A data directory that an earlier version left behind, as `kill -9` leaves one: what was in its queue is delivered, and policy,
 * users and journal are what they were. `fixtures/data-a3aa11d.tar.gz` was made by the commit of its name: five messages that found no
 * next hop, one of them large, one held; a policy of eight changes; a user.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { missing, run } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

const fixture = join(import.meta.dirname, "fixtures/data-a3aa11d.tar.gz");

const policy = [
  "CHGSMTPA ALWRLY(*LIST)",
  "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.2.0') SUBNETMASK('255.255.255.0') TEXT('ERP')",
  "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1') SUBNETMASK('255.255.255.255') TEXT('this machine')",
  "ADDSMTPLE TYPE(*REJECT) INTNETADR('198.51.100.8') SUBNETMASK('255.255.255.255')",
  "ADDSMTPLE TYPE(*NEAR) HOSTNAME('partner.example')",
];

/** What each message says, behind the Received field. */
const contents = {
  "small@far.example": "Subject: small\r\n\r\n.a line with a dot\r\n",
  "two@far.example": "Subject: two recipients\r\n\r\nx\r\n",
  "three@other.example": "Subject: two recipients\r\n\r\nx\r\n",
  "null@far.example": "Subject: null reverse-path\r\n\r\n\xfc\r\n",
  "large@far.example": `Subject: large\r\n\r\n${`${"0123456789abcdef".repeat(4).slice(0, -2)}\r\n`.repeat(5_000)}`,
};

test("a data directory of an earlier version: its mail is delivered, its policy and users are there", async (t) => {
  const reason = missing("tar");
  if (reason !== false) {
    t.skip(reason);
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-earlier-"));
  const unpacked = await run("tar", ["-xzf", fixture, "--no-same-owner", "-C", directory]);
  assert.equal(unpacked.code, 0, unpacked.output);
  await using sink = await Sink.start();
  const delivery = { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` } as const;
  const relay = await Relay.start({ directory, delivery, localDomains: ["home.example"] });
  try {
    const lines = (await relay.command(["policy", "export"])).stdout.trim().split("\n");
    assert.deepEqual(
      lines.filter((line) => !line.startsWith("/*")),
      policy,
    );
    assert.match((await relay.command(["user", "list"])).stdout, /\berp\b/);
    assert.match((await relay.command(["policy", "history"])).stdout, /198\.51\.100\.7/);
    await relay.command(["queue", "flush"]);
    for (const [recipient, content] of Object.entries(contents)) {
      const message = await sink.to(recipient);
      const text = message.content.toString("latin1");
      assert.ok(text.slice(text.indexOf("Subject:")) === content, recipient);
    }
    const held = (await relay.queue()) as readonly { readonly id: string; readonly state: string }[];
    assert.deepEqual(
      held.map(({ state }) => state),
      ["held"],
    );
    await relay.command(["queue", "release", held[0]?.id ?? ""]);
    await sink.to("held@far.example");
    assert.match((await relay.cl("DSPSMTPJRN")).stdout, /small@far\.example/);
  } finally {
    await relay.stop();
    await rm(directory, { recursive: true, force: true });
  }
});
