import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createTransport } from "nodemailer";
import { makeCertificate } from "./certificate.ts";
import { Dialogue } from "./dialogue.ts";
import { assertUnchanged, receivedField, sampleMessage } from "./message.ts";
import { eventually, missing, run } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

const user = "erp";
const password = "correct horse battery staple";
const from = "sender@client.example";

const starttls = 0;
const implicit = 1;
const inClear = 2;

test("TLS and AUTH", async (t) => {
  await using sink = await Sink.start();
  await using relay = await Relay.start({
    listeners: [
      { tls: "starttls", auth: "tls" },
      { tls: "implicit", auth: "tls" },
      { tls: "none", auth: "always" },
    ],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    // No client is on the list: who relays has authenticated.
    policy: ["CHGSMTPA ALWRLY(*LIST) ALWAUTH(*RELAY)"],
    users: { [user]: password },
  });
  const messageFile = join(relay.directory, "message");
  const message = sampleMessage("under TLS");
  await writeFile(messageFile, message);
  const port = relay.portOf(starttls);

  const swaksFile = `@${messageFile}`;
  const swaks = async (to: string, ...args: string[]) =>
    await run("swaks", [
      ...["--server", "127.0.0.1", "--ehlo", "client.example", "--from", from, "--to", to, "--data", swaksFile],
      ...args,
    ]);
  /** The message of `to` came under authentication, with what RFC 3848 calls it. */
  const arrived = async (to: string, protocol: string) => {
    const sunk = await sink.to(to);
    assert.match(receivedField(sunk.content), new RegExp(` with ${protocol} `));
    return sunk;
  };

  for (const mechanism of ["PLAIN", "LOGIN"]) {
    await t.test(`swaks authenticates by ${mechanism} after STARTTLS`, { skip: missing("swaks") }, async () => {
      const to = `swaks-${mechanism}@far.example`;
      const args = ["--port", String(port), "--tls", "--auth", mechanism, "--auth-user", user];
      const sent = await swaks(to, ...args, "--auth-password", password);
      assert.equal(sent.code, 0, sent.output);
      await arrived(to, "ESMTPSA");
    });

    await t.test(`swaks hears 535 for a wrong password by ${mechanism}`, { skip: missing("swaks") }, async () => {
      const args = ["--port", String(port), "--tls", "--auth", mechanism, "--auth-user", user];
      const sent = await swaks("nobody@far.example", ...args, "--auth-password", "wrong");
      assert.notEqual(sent.code, 0);
      assert.match(sent.output, /535 5\.7\.8/);
    });
  }

  await t.test("swaks speaks TLS from the first octet", { skip: missing("swaks") }, async () => {
    const args = ["--port", String(relay.portOf(implicit)), "--tls-on-connect", "--auth", "PLAIN", "--auth-user", user];
    const sent = await swaks("implicit@far.example", ...args, "--auth-password", password);
    assert.equal(sent.code, 0, sent.output);
    await arrived("implicit@far.example", "ESMTPSA");
  });

  await t.test(
    "swaks without authentication is refused as by any other policy",
    { skip: missing("swaks") },
    async () => {
      const sent = await swaks("nobody@far.example", "--port", String(port), "--tls");
      assert.equal(sent.code, 24, sent.output);
      assert.match(sent.output, /550 5\.7\.1 <nobody@far\.example>: relay denied for 127\.0\.0\.1 \[D-/);
    },
  );

  for (const [scheme, listener] of [
    ["smtp", starttls],
    ["smtps", implicit],
  ] as const) {
    await t.test(`curl authenticates over ${scheme}`, { skip: missing("curl") }, async () => {
      const to = `curl-${scheme}@far.example`;
      const sent = await run("curl", [
        ...["--silent", "--show-error", "--verbose", "--noproxy", "*", "--ssl-reqd", "--insecure"],
        ...["--user", `${user}:${password}`, "--mail-from", from, "--mail-rcpt", to, "--upload-file", messageFile],
        `${scheme}://127.0.0.1:${relay.portOf(listener)}/client.example`,
      ]);
      assert.equal(sent.code, 0, sent.output);
      assertUnchanged((await arrived(to, "ESMTPSA")).content, message);
    });
  }

  for (const mechanism of ["plain", "login", "scram-sha-256"]) {
    await t.test(`msmtp authenticates by ${mechanism}`, { skip: missing("msmtp") }, async () => {
      const to = `msmtp-${mechanism}@far.example`;
      const sent = await run(
        "msmtp",
        [
          ...["--host=127.0.0.1", `--port=${port}`, "--domain=client.example", `--from=${from}`],
          ...["--tls=on", "--tls-starttls=on", "--tls-certcheck=off", `--auth=${mechanism}`, `--user=${user}`],
          ...["--passwordeval=printenv MAIL_PASSWORD", "--set-date-header=off", "--set-msgid-header=off", "--", to],
        ],
        { input: message.toString("latin1").replaceAll("\r\n", "\n"), env: { MAIL_PASSWORD: password } },
      );
      assert.equal(sent.code, 0, sent.output);
      await arrived(to, "ESMTPSA");
    });
  }

  await t.test("python's smtplib authenticates after STARTTLS", { skip: missing("python3") }, async () => {
    const script = [
      "import smtplib, ssl, os, sys",
      "context = ssl._create_unverified_context()",
      `client = smtplib.SMTP("127.0.0.1", ${port}, "client.example")`,
      "client.starttls(context=context)",
      `client.login("${user}", os.environ["MAIL_PASSWORD"])`,
      `client.sendmail("${from}", ["python@far.example"], sys.stdin.buffer.read())`,
      "client.quit()",
    ];
    const sent = await run("python3", ["-c", script.join("\n")], { input: message, env: { MAIL_PASSWORD: password } });
    assert.equal(sent.code, 0, sent.output);
    await arrived("python@far.example", "ESMTPSA");
  });

  await t.test("nodemailer authenticates in clear where the listener says always", async () => {
    const transport = createTransport({
      ...{ host: "127.0.0.1", port: relay.portOf(inClear), ignoreTLS: true, name: "client.example" },
      auth: { user, pass: password },
    });
    await transport.sendMail({ envelope: { from, to: ["clear@far.example"] }, raw: message });
    transport.close();
    await arrived("clear@far.example", "ESMTPA");
  });

  await t.test("AUTH is neither offered nor taken before TLS", async () => {
    using dialogue = await Dialogue.connect({ port });
    await dialogue.answer();
    const ehlo = await dialogue.say("EHLO client.example");
    assert.match(ehlo.text, /STARTTLS/);
    assert.doesNotMatch(ehlo.text, /AUTH/);
    const plain = Buffer.from(`\0${user}\0${password}`).toString("base64");
    const answer = await dialogue.say(`AUTH PLAIN ${plain}`);
    assert.ok([503, 530, 538].includes(answer.code), answer.text);
  });

  await t.test("what was said in the clear behind STARTTLS is forgotten", async () => {
    using dialogue = await Dialogue.connect({ port });
    await dialogue.answer();
    await dialogue.say("EHLO client.example");
    dialogue.write("STARTTLS\r\nMAIL FROM:<injected@evil.example>\r\n");
    const go = await dialogue.answer();
    if (go.code !== 220) return; // Refusing altogether is as good.
    await dialogue.startTls();
    const ehlo = await dialogue.say("EHLO client.example");
    assert.equal(ehlo.code, 250, ehlo.text);
    assert.doesNotMatch(ehlo.text, /STARTTLS/);
    const rcpt = await dialogue.say("RCPT TO:<rcpt@far.example>");
    assert.equal(rcpt.code, 503, "there is no transaction: MAIL was dropped");
  });

  const openssl = async (listener: number, ...args: string[]) => {
    const onStarttls = listener === starttls ? ["-starttls", "smtp"] : [];
    return await run(
      "openssl",
      [
        "s_client",
        ...onStarttls,
        "-connect",
        `127.0.0.1:${relay.portOf(listener)}`,
        "-servername",
        "relay.test",
        ...args,
      ],
      { input: "QUIT\r\n" },
    );
  };
  for (const [version, accepted] of [
    ["tls1_3", true],
    ["tls1_2", true],
    ["tls1_1", false],
    ["tls1", false],
  ] as const) {
    for (const listener of [starttls, implicit]) {
      const name = `openssl s_client ${accepted ? "agrees on" : "is refused with"} ${version} at listener ${listener}`;
      await t.test(name, { skip: missing("openssl") }, async () => {
        // Security level 0: the client would take it, the server must not.
        const result = await openssl(listener, `-${version}`, "-cipher", "DEFAULT@SECLEVEL=0");
        if (accepted) assert.match(result.output, /Cipher is (?!\(NONE\))/, result.output);
        else assert.match(result.output, /Cipher is \(NONE\)|alert protocol version/, result.output);
      });
    }
  }

  await t.test("the password is nowhere in the log", () => {
    assert.doesNotMatch(relay.log, /battery/);
    assert.ok(!relay.log.includes(Buffer.from(`\0${user}\0${password}`).toString("base64")));
  });
});

test("an operator's certificate is presented, and SIGHUP re-reads it", { skip: missing("openssl") }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "relaykeeper-certificate-"));
  await makeCertificate("DNS:first.test", folder);
  await using relay = await Relay.start({
    listeners: [{ tls: "starttls" }],
    moreConfig: `[tls]\ncertificate = "${folder}/certificate.pem"\nkey = "${folder}/key.pem"`,
  });
  const presented = async () => {
    const args = ["s_client", "-starttls", "smtp", "-connect", `127.0.0.1:${relay.port}`];
    const result = await run("openssl", args, { input: "QUIT\r\n" });
    return /subject=CN\s*=\s*(\S+)/.exec(result.output)?.[1] ?? result.output;
  };
  assert.equal(await presented(), "first.test");
  await makeCertificate("DNS:second.test", folder);
  relay.child.kill("SIGHUP");
  await eventually(async () => assert.equal(await presented(), "second.test"));
  await rm(folder, { recursive: true });
});
