/**
 * Passwords and content of messages are in no log, no journal, no answer to an operator, no command line. What is looked for is found in the
 * one place where it must be, the spool: a search that finds nothing anywhere would prove nothing.
 */
import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { Relay } from "../peers/relay.ts";

const RIGHT = "Rechtes-Kennwort-4711";
const WRONG = "Falsches-Kennwort-0815";
const UPSTREAM = "Smarthost-Kennwort-2323";
const CONTENT = "Inhalt-der-Nachricht-9999";
const SUBJECT = "Betreff-der-Nachricht-7777";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const plain = (password: string): string => base64(`\0user\0${password}`);

/** Every spelling in which a secret could show: as it is, in base64 as AUTH carries it, and within base64 of PLAIN. */
const PASSWORDS = [RIGHT, WRONG, UPSTREAM].flatMap((word) => [word, base64(word), plain(word)]);
const CONTENTS = [CONTENT, SUBJECT];

test("no secret and no content leaves by log, journal, displays or command lines; files are their owner's", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-secrets-"));
  const secretFile = join(directory, "upstream");
  await writeFile(secretFile, `${UPSTREAM}\n`);
  await chmod(secretFile, 0o600);
  const relay = await Relay.start({
    listeners: [{ tls: "starttls", auth: "always" }],
    localDomains: ["inside.example"],
    policy: ["CHGSMTPA ALWRLY(*LIST) ALWAUTH(*RELAY)"],
    // Nothing listens there: deliveries fail, and are told of.
    delivery: { mode: "smarthost", smarthost: "127.0.0.1:1" },
    users: { user: RIGHT },
    env: {
      RELAYKEEPER_LOG_LEVEL: "debug",
      RELAYKEEPER_DELIVERY_USER: "upstream",
      RELAYKEEPER_DELIVERY_PASSWORD_FILE: secretFile,
      RELAYKEEPER_DELIVERY_TLS: "require",
    },
  });
  t.after(() => relay.stop());
  await talk(relay.port);
  await relay.command(["send", "--to", "u@outside.example", "--subject", SUBJECT, "--body", CONTENT]);

  const shown = new Map<string, string>([
    ["command line", readFileSync(`/proc/${relay.pid}/cmdline`, "latin1")],
    ["explain", (await relay.command(["explain", "--client", "127.0.0.9", "--to", "a@b.example", "--json"])).output],
  ]);
  for (const args of [
    ["status", "--json"],
    ["status"],
    ["queue", "list", "--json"],
    ["policy", "export", "--all"],
    ["policy", "history", "--json"],
    ["user", "list", "--json"],
    ["cl", "DSPSMTPJRN"],
    ["cl", "DSPSMTPA"],
    ["cl", "WRKSMTPEMM"],
    ["cl", "WRKACTJOB"],
    ["store", "check"],
  ])
    shown.set(args.join(" "), (await relay.command(args)).output);
  for (const file of files(relay.dataDirectory)) {
    assert.equal(lstatSync(file).mode & 0o077, 0, `${file} is its owner's alone`);
    const isSocket = lstatSync(file).isSocket();
    if (!isSocket && !lstatSync(file).isDirectory()) shown.set(file, readFileSync(file, "latin1"));
  }
  shown.set("log", relay.log);

  const holding = (words: readonly string[]): string[] =>
    [...shown].filter(([, text]) => words.some((word) => text.includes(word))).map(([where]) => where);
  assert.deepEqual(holding(PASSWORDS), []);
  const withContent = holding(CONTENTS);
  assert.ok(
    withContent.length > 0 && withContent.every((where) => /\/(?:relaykeeper\.db(?:-wal)?|segments\/\d+)$/.test(where)),
    withContent.join(),
  );
  assert.ok(
    relay.log.length > 100 && shown.get("cl DSPSMTPJRN")?.includes("outside.example"),
    "there was something to tell",
  );
});

/** All that a client may say of a password, where it belongs and where it does not, and a message. */
async function talk(port: number): Promise<void> {
  for (const lines of [
    [`AUTH PLAIN ${plain(WRONG)}`, "AUTH LOGIN", base64("user"), base64(WRONG), `AUTH NONE ${base64(WRONG)}`],
    // Typed where no password is asked for.
    [RIGHT, base64(RIGHT), `EHLO ${WRONG}!`, `PASS ${RIGHT}`, `AUTH PLAIN =${RIGHT}`, "AUTH PLAIN", "*"],
    [`AUTH PLAIN ${plain(RIGHT)}`, "MAIL FROM:<a@inside.example>", "RCPT TO:<v@outside.example>", "DATA"],
    ["AUTH LOGIN", base64("user"), base64(RIGHT), "MAIL FROM:<a@inside.example>", "RCPT TO:<u@inside.example>", "DATA"],
  ]) {
    using dialogue = await Dialogue.connect({ port, localAddress: "127.0.0.9" });
    await dialogue.answer();
    assert.equal((await dialogue.say("EHLO client.example")).code, 250);
    let code = 0;
    for (const line of lines) ({ code } = await dialogue.say(line));
    if (lines.at(-1) !== "DATA") continue;
    assert.equal(code, 354, lines.join());
    assert.equal((await dialogue.say(`Subject: ${SUBJECT}\r\n\r\n${CONTENT}\r\n.`)).code, 250);
  }
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => join(directory, name));
}
