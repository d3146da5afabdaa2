/** Text of strangers on its way through the program: envelope, header, answers of a next hop; to the log, the queue, the journal, a DSN. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ScriptedServer, type Client } from "../smtp-client/scripted-server.ts";
import { Dialogue } from "./dialogue.ts";
import { eventually } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

const ESC = "\x1b";
const HOSTILE = `${ESC}[31mred${ESC}]0;title\x07 \x08\x7f\x9b31m \xe2\x80\xae \xff <img src=x onerror=alert(1)>`;

/** A next hop that answers what no terminal should see. */
async function answerHostile(client: Client): Promise<void> {
  client.send(`220-${HOSTILE}\r\n220 mx.example ${HOSTILE}\r\n`);
  for (let line = await client.line(); line !== ""; line = await client.line()) {
    if (line.startsWith("EHLO"))
      client.send(`250-${HOSTILE}\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250-DSN\r\n250 8BITMIME\r\n`);
    else if (line.startsWith("RCPT") && line.includes("later"))
      client.send(`451-4.7.1 ${HOSTILE}\r\n451 4.7.1 X-Injected: yes\rX-Injected: yes\r\n`);
    else if (line.startsWith("RCPT"))
      client.send(`550-5.1.1 ${HOSTILE}\r\n550 5.1.1 X-Injected: yes\rX-Injected: yes\r\n`);
    else if (line.startsWith("DATA")) client.send("354 Go\r\n");
    else client.send(`250 2.0.0 ${HOSTILE}\r\n`);
  }
}

/** Nothing but printable characters and line ends: no control, no C1, nothing that turns the direction of writing. */
function assertShown(what: string, text: string): void {
  assert.notEqual(text, "", what);
  const found = /[^\n]{0,40}[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069][^\n]{0,40}/.exec(
    text,
  )?.[0];
  assert.equal(found, undefined, `${what} shows ${JSON.stringify(found)}`);
}

const ENVELOPE = [
  `EHLO x"><script>alert(1)</script>`,
  `MAIL FROM:<"<img src=x onerror=alert(1)>"@client.example> SMTPUTF8 RET=HDRS ENVID=a+0D+0AX-Injected:+20yes`,
  `RCPT TO:<u\u202e\u00fc@far.example> NOTIFY=FAILURE ORCPT=rfc822;u+0D+0AX-Injected:+20yes+1B[31m`,
  `RCPT TO:<"later ; =cmd()"@far.example> NOTIFY=FAILURE`,
];
const CONTENT = `Subject: ${HOSTILE}\r\nX-Long: ${"y".repeat(3_000)}\r\n\r\n${HOSTILE}\r\n.`;

/** A relay whose next hop answers with hostile text; mail for client.example goes home. */
async function relayToHostile(t: TestContext, home: Sink): Promise<Relay> {
  const hostile = await ScriptedServer.start(answerHostile);
  t.after(async () => await hostile.close());
  return await Relay.start({
    localDomains: ["client.example"],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${hostile.port}`, local: `127.0.0.1:${home.port}` },
    policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
  });
}

test("what strangers say is shown escaped everywhere, and injects nothing", async (t) => {
  await using home = await Sink.start();
  await using relay = await relayToHostile(t, home);
  {
    using dialogue = await Dialogue.connect({ port: relay.port });
    await dialogue.answer();
    for (const line of [...ENVELOPE, "DATA", CONTENT]) {
      dialogue.write(Buffer.from(`${line}\r\n`, line === CONTENT ? "latin1" : "utf8"));
      const { code, text } = await dialogue.answer();
      assert.ok(code === 250 || code === 354, text);
      assertShown(`the answer to ${line.slice(0, 20)}`, text);
    }
  }
  const queued = await eventually(async () => {
    const [message] = (await relay.queue()) as { readonly id: string }[];
    assert.match(JSON.stringify(message), /X-Injected/);
    return message?.id ?? "";
  });
  for (const args of [
    ["queue", "list"],
    ["queue", "show", queued],
    ["cl", "WRKSMTPEMM OUTPUT(*PRINT)"],
    ["cl", "DSPSMTPJRN OUTPUT(*PRINT)"],
    ["cl", "WRKACTJOB SBS(QSYSWRK) OUTPUT(*PRINT)"],
    ["status"],
  ])
    assertShown(args.join(" "), (await relay.command(args)).output);
  for (const args of [
    ["queue", "show", queued, "--json"],
    ["queue", "list", "--json"],
  ]) {
    const { stdout, code } = await relay.command(args);
    assert.equal(code, 0);
    assertShown(args.join(" "), stdout);
    JSON.parse(stdout);
  }
  // What will not be delivered is reported when the rest has gone.
  await relay.command(["queue", "remove", queued]);
  await relay.clDone("CHGSMTPA ALWRLY(*LIST)");
  assertShown("the log", relay.log);
  assert.ok(!relay.log.includes("<script>"), "the log tells nothing of envelopes");
});

test("a DSN about hostile answers has the fields that we write, and no others", async (t) => {
  await using home = await Sink.start();
  await using relay = await relayToHostile(t, home);
  using dialogue = await Dialogue.connect({ port: relay.port });
  await dialogue.answer();
  for (const line of [
    ENVELOPE[0],
    "MAIL FROM:<s@client.example> RET=HDRS ENVID=a+0D+0AX-Injected:+20yes",
    ENVELOPE[2]?.replace(/u\u202e\u00fc/, "u"),
    "DATA",
    CONTENT,
  ])
    assert.match(String((await dialogue.say(line ?? "")).code), /^(250|354)$/);
  const { content, reversePath } = await home.to("s@client.example");
  assert.equal(reversePath.address, "");
  const text = content.toString("utf8");
  assert.match(text, /^Auto-Submitted: auto-replied\r$/m);
  const [, status = ""] = /^Content-Type: message\/delivery-status\r\n[^]*?\r\n\r\n([^]*?)\r\n--/m.exec(text) ?? [];
  assert.match(status, /^Diagnostic-Code: smtp; 550-5\.1\.1 /m);
  assert.match(status, /^Original-Recipient: rfc822; /m);
  assert.doesNotMatch(text, /^X-Injected/m);
  const [report = ""] = text.split(/^Content-Type: (?:message|text)\/(?:rfc822|global-headers)/m);
  assertShown("the report", report.replaceAll("\r\n", "\n"));
});
