import assert from "node:assert/strict";
import { test } from "node:test";
import { connectTo, open } from "./scene.ts";

test("a stranger learns nothing by ETRN: a domain that is served and one that is not have one answer", async (t) => {
  const world = await open(t);
  world.policy.run("ADDSMTPLE TYPE(*ETRNSVR) HOSTNAME('waiting.example')");
  world.policy.run("CHGSMTPA ETRNSVR(*YES)");
  const answers = [];
  for (const [from, name] of [
    ["127.0.0.9", "waiting"],
    ["127.0.0.9", "other"],
    ["127.0.0.1", "waiting"],
  ] as const) {
    const client = await connectTo(world, from);
    assert.match(await client.reply(), /^220 /);
    await client.ask("EHLO client.example");
    answers.push((await client.ask(`ETRN ${name}.example`)).replace(`${name}.`, ""));
  }
  assert.equal(answers[0], answers[1]);
  assert.match(answers[0] ?? "", /^459 4\.7\.1 Node example not allowed/);
  assert.match(answers[2] ?? "", /^250 2\.0\.0 /);
});
