/**
 * File descriptors used up: surplus clients are told so, those that are connected and the operator are served, mail flows, and when
 * nothing can be opened any more nobody's mail is lost and nothing ends. With a reserve (`spareDescriptors`) of one the first test
 * fails: the large message finds no descriptor for its file and hears 451. Without any, surplus clients hear nothing.
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { missing, run } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

const skip = process.platform === "linux" ? missing("prlimit") : "needs the descriptor limits of Linux";
const clients = 60;
const large = `Subject: large\r\n\r\n${`${"x".repeat(76)}\r\n`.repeat(20_000)}.\r\n`;

async function startWith64(sink: Sink): Promise<Relay> {
  return await Relay.start({
    under: ["prlimit", "--nofile=64:64"],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
  });
}

/** Sends a message in a session that was greeted; the code of the last reply. */
async function send(dialogue: Dialogue, recipient: string, content: string): Promise<string> {
  await dialogue.say("EHLO client.example");
  dialogue.write(`MAIL FROM:<sender@client.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
  for (const expected of [250, 250, 354]) assert.equal((await dialogue.answer()).code, expected);
  dialogue.write(content);
  return (await dialogue.answer()).text.slice(0, 9);
}

/** Seconds of processor time of a process. */
async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

test("surplus clients hear 421 4.3.2, the others and the operator are served", { skip }, async () => {
  await using sink = await Sink.start();
  await using relay = await startWith64(sink);
  const served: Dialogue[] = [];
  for (let i = 0; i < clients; i++) {
    const dialogue = await Dialogue.connect({ port: relay.port });
    const { code, text } = await dialogue.answer();
    if (code === 220) served.push(dialogue);
    else {
      assert.match(text, /^421 4\.3\.2 /, `client ${i}`);
      await dialogue.closed();
    }
  }
  assert.ok(served.length >= 5 && served.length < clients, `${served.length} of ${clients} clients were served`);
  const before = await processorSeconds(relay.pid);
  const begun = performance.now();
  for (let i = 0; i < 3; i++) assert.ok((await relay.status()).active, "the operator gets through");
  const share = (await processorSeconds(relay.pid)) - before;
  assert.ok(share < (performance.now() - begun) / 2_000, `${share} s of processor time while nothing was to be done`);
  const [first, second] = served;
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(await send(first, "small@far.example", "Subject: x\r\n\r\nx\r\n.\r\n"), "250 2.0.0");
  assert.equal(await send(second, "large@far.example", large), "250 2.0.0");
  await sink.to("small@far.example");
  await sink.to("large@far.example");
  assert.equal(relay.log.split("file descriptors run short").length, 2, `said once:\n${relay.log}`);
  for (const dialogue of served.slice(1)) dialogue.cut();
  first.cut();
  using again = await Dialogue.connect({ port: relay.port });
  assert.equal((await again.answer()).code, 220, "with room again, everybody is served");
});

test("without any descriptor left, what needs one is put off and goes through later", { skip }, async () => {
  await using sink = await Sink.start();
  await using relay = await startWith64(sink);
  using dialogue = await Dialogue.connect({ port: relay.port });
  await dialogue.answer();
  const limit = async (count: number) => {
    const done = await run("prlimit", ["--pid", String(relay.pid), `--nofile=${count}:64`]);
    assert.equal(done.code, 0, done.output);
  };
  // From here on nothing can be opened: every number below it is in use.
  await limit((await readdir(`/proc/${relay.pid}/fd`)).length - 1);
  assert.equal(await send(dialogue, "large@far.example", large), "451 4.3.0");
  assert.equal(await send(dialogue, "small@far.example", "Subject: x\r\n\r\nx\r\n.\r\n"), "250 2.0.0");
  using surplus = await Dialogue.connect({ port: relay.port });
  assert.equal((await surplus.answer()).code, 0, "nothing can be said to it");
  await limit(64);
  assert.equal(await send(dialogue, "large@far.example", large), "250 2.0.0");
  await relay.command(["queue", "flush"]);
  await sink.to("small@far.example");
  await sink.to("large@far.example");
});
