import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_ACCESS_TOKENS } from "../../src/adapters/memory/access-tokens.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { NO_TLS_RESULTS } from "../../src/adapters/memory/tls-policies.ts";
import { SmtpRecipientProber } from "../../src/adapters/smtp-client/recipient-prober.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import { describeReply } from "../../src/core/mail/reply.ts";
import type { NextHop } from "../../src/flows/ports.ts";
import { type Client, ScriptedServer } from "./scripted-server.ts";
import { hop, mailbox } from "./sending.ts";

function recipientProber(): SmtpRecipientProber {
  return new SmtpRecipientProber({
    hostname: "relay.example" as Domain,
    limits: { ...DEFAULT_LIMITS, verifyTimeoutMs: 1_000 },
    clock: new WallClock(),
    readFile: async function* () {
      yield* [];
    },
    tokens: NO_ACCESS_TOKENS,
    tlsResults: NO_TLS_RESULTS,
  });
}

/** A server that answers each command by `answer`, until the connection ends. */
async function serve(client: Client, answer: (line: string) => string): Promise<void> {
  client.send("220 mx.example ready\r\n");
  for (let line = await client.line(); line !== ""; line = await client.line()) {
    if (line === "QUIT") return client.end();
    const said = answer(line);
    if (said === "") return client.cut();
    client.send(`${said}\r\n`);
  }
}

const KNOWS = (line: string): string => (line.includes("<un") ? "550 5.1.1 No such user" : "250 2.0.0 Ok");

async function ask(prober: SmtpRecipientProber, at: NextHop, recipient: string): Promise<string | null> {
  const answer = await prober.ask(at, mailbox(recipient));
  return answer && describeReply(answer);
}

test("questions come from the null reverse-path, over one connection, and nothing is sent", async () => {
  const lines: string[] = [];
  let connections = 0;
  const server = await ScriptedServer.start((client) => {
    connections++;
    return serve(client, (line) => {
      lines.push(line);
      return KNOWS(line);
    });
  });
  const prober = recipientProber();
  assert.equal(await ask(prober, hop(server.port), "known@inside.example"), "250 2.0.0 Ok");
  assert.equal(await ask(prober, hop(server.port), "unknown@inside.example"), "550 5.1.1 No such user");
  const question = (recipient: string): string[] => ["MAIL FROM:<>", `RCPT TO:<${recipient}@inside.example>`, "RSET"];
  assert.deepEqual(lines, ["EHLO relay.example", ...question("known"), ...question("unknown")]);
  assert.equal(connections, 1);
  prober.close();
  await server.close();
});

test("many questions share two connections, and a server that knows few of them sees new ones in time", async () => {
  let open = 0;
  let most = 0;
  let refusals = 0;
  let worst = 0;
  const server = await ScriptedServer.start(async (client) => {
    most = Math.max(most, ++open);
    let here = 0;
    await serve(client, (line) => {
      const said = KNOWS(line);
      if (said.startsWith("5")) {
        refusals++;
        worst = Math.max(worst, ++here);
      }
      return said;
    });
    open--;
  });
  const prober = recipientProber();
  const asked = Array.from({ length: 40 }, (_, i) => ask(prober, hop(server.port), `unknown${i}@inside.example`));
  for (const answer of await Promise.all(asked)) assert.equal(answer, "550 5.1.1 No such user");
  assert.equal(refusals, 40);
  assert.ok(worst <= 5, `${worst} refusals over one connection`);
  // One that takes its leave may still be there while the next one comes.
  assert.ok(most <= 4, `${most} connections at once`);
  prober.close();
  await server.close();
});

test("a kept connection that was closed meanwhile is no trouble: a new one is asked", async () => {
  let connections = 0;
  const server = await ScriptedServer.start((client) => {
    const isFirst = ++connections === 1;
    let rcpts = 0;
    return serve(client, (line) => {
      if (isFirst && line.startsWith("RCPT") && ++rcpts === 2) return "421 4.3.2 Leaving";
      return KNOWS(line);
    });
  });
  const prober = recipientProber();
  assert.equal(await ask(prober, hop(server.port), "one@inside.example"), "250 2.0.0 Ok");
  assert.equal(await ask(prober, hop(server.port), "unknown@inside.example"), "550 5.1.1 No such user");
  assert.equal(connections, 2);
  prober.close();
  await server.close();
});

const troubles: readonly (readonly [string, (line: string) => string])[] = [
  [
    "550 to MAIL from the null reverse-path",
    (line) => (line.startsWith("MAIL") ? "550 5.7.1 No reports" : KNOWS(line)),
  ],
  ["421 to RCPT", (line) => (line.startsWith("RCPT") ? "421 4.7.0 Too many" : KNOWS(line))],
  ["554 to EHLO and HELO", () => "554 5.3.2 No"],
  ["hangs up at RCPT", (line) => (line.startsWith("RCPT") ? "" : KNOWS(line))],
  ["no SMTP", (line) => (line.startsWith("RCPT") ? "\x01\x02\x03" : KNOWS(line))],
];

for (const [name, answer] of troubles) {
  test(`trouble of the next hop is no word on a recipient: ${name}`, async () => {
    const server = await ScriptedServer.start((client) => serve(client, answer));
    const prober = recipientProber();
    assert.equal(await ask(prober, hop(server.port), "unknown@inside.example"), null);
    prober.close();
    await server.close();
  });
}

test("a server that says nothing ends a question in its time", async () => {
  const server = await ScriptedServer.start((client) => client.closed());
  const prober = recipientProber();
  assert.equal(await ask(prober, hop(server.port), "u@inside.example"), null);
  prober.close();
  await server.close();
});
