/**
 * A host on *ACCEPT sends at full speed while 2,000 hostile clients crowd the door of the real program: none of its sessions is turned
 * away, and it is answered within 100 ms. Of 500 sessions strangers have 450; with all of them, the host hears 421 and the test fails.
 * `RELAYKEEPER_CROWD_SECONDS` makes it longer than CI's few seconds.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { Relay } from "../peers/relay.ts";

const SECONDS = Number(process.env["RELAYKEEPER_CROWD_SECONDS"] ?? 3);
const LISTED = "127.0.0.2";
const CLIENTS = 2_000;
const MESSAGE = `Subject: x\r\n\r\n${`${"y".repeat(76)}\r\n`.repeat(50)}.\r\n`;

interface Heard {
  readonly sessions: number;
  readonly messages: number;
  /** Milliseconds of every answer, ascending. */
  readonly waits: readonly number[];
  readonly greetingsMs: readonly number[];
}

/** Four sessions at once, again and again, each with ten messages as fast as they are taken. */
async function sendAtFullSpeed(port: number): Promise<Heard> {
  const until = performance.now() + SECONDS * 1_000;
  const heard = { sessions: 0, messages: 0, waits: new Array<number>(), greetingsMs: new Array<number>() };
  const session = async (): Promise<void> => {
    const begin = performance.now();
    using dialogue = await Dialogue.connect({ port, localAddress: LISTED });
    const greeting = await dialogue.answer();
    assert.equal(greeting.code, 220, greeting.text);
    heard.greetingsMs.push(performance.now() - begin);
    heard.sessions++;
    assert.equal((await dialogue.say("HELO erp.example")).code, 250);
    for (let i = 0; i < 10; i++) {
      const sent = performance.now();
      dialogue.write("MAIL FROM:<a@inside.example>\r\nRCPT TO:<v@outside.example>\r\nDATA\r\n");
      for (const code of [250, 250, 354]) assert.equal((await dialogue.answer()).code, code);
      dialogue.write(MESSAGE);
      assert.equal((await dialogue.answer()).code, 250);
      heard.waits.push(performance.now() - sent);
      heard.messages++;
    }
    await dialogue.say("QUIT");
  };
  const line = async (): Promise<void> => {
    while (performance.now() < until) await session();
  };
  await Promise.all([line(), line(), line(), line()]);
  heard.waits.sort((a, b) => a - b);
  heard.greetingsMs.sort((a, b) => a - b);
  return heard;
}

for (const addresses of [1, CLIENTS]) {
  test(`2,000 hostile clients from ${addresses} address${addresses > 1 ? "es" : ""} do not slow down a host on *ACCEPT`, async (t) => {
    await using relay = await Relay.start({
      localDomains: ["inside.example"],
      policy: ["CHGSMTPA ALWRLY(*LIST) MAXINEMM(500)", `ADDSMTPLE TYPE(*ACCEPT) INTNETADR('${LISTED}')`],
    });
    await gather(t, relay.port, addresses);
    const { sessions, messages, waits, greetingsMs } = await sendAtFullSpeed(relay.port);
    const at = (values: readonly number[], part: number): number =>
      Math.round(values[Math.floor(values.length * part)] ?? NaN);
    t.diagnostic(
      `${sessions} sessions, ${messages} messages in ${SECONDS} s; greeted within ${at(greetingsMs, 0.5)} ms (p50), ${at(greetingsMs, 0.95)} ms (p95); ` +
        `a message takes ${at(waits, 0.5)} ms (p50), ${at(waits, 0.95)} ms (p95)`,
    );
    const open = JSON.parse((await relay.command(["status", "--json"])).stdout) as { sessions?: { in?: number } };
    t.diagnostic(`${JSON.stringify(open.sessions ?? {})} sessions are open`);
    assert.ok(messages > 50, `${messages} messages`);
    assert.ok(at(greetingsMs, 0.9) < 100, "greeted within 100 ms");
    assert.ok(at(waits, 0.5) < 100, "a whole message within 100 ms");
  });
}

/** The crowd is there when it returns. */
async function gather(t: TestContext, port: number, addresses: number): Promise<void> {
  const args = [join(import.meta.dirname, "crowd.ts"), String(port), String(CLIENTS), String(addresses)];
  const crowd = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  t.after(async () => {
    crowd.stdin.end();
    await once(crowd, "exit");
  });
  await once(crowd.stdout, "data");
}
