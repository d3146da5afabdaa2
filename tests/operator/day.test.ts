/**
 * The operator's day: what an iSeries security article of 2005 taught operators to do by hand, typed word for word. The
 * addresses of the article reach the relay as a load balancer would present them, by a PROXY header; 127.0.0.x as themselves.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tryToRelay, type Answer } from "../peers/dialogue.ts";
import { withoutReceived } from "../peers/message.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

test("the operator's day", { timeout: 600_000 }, async (t) => {
  await using sink = await Sink.start();
  await using relay = await Relay.start({
    listeners: [{ proxyProtocolFrom: ["127.0.0.1/32"] }, {}],
    localDomains: ["home.example"],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${sink.port}` },
  });

  /** What the client hears that tries to relay to `recipient`; its address is the source, or what the proxy says. */
  const hears = async (client: string, recipient = "rcpt@far.example"): Promise<Answer> =>
    client.startsWith("127.")
      ? await tryToRelay({ port: relay.portOf(1), localAddress: client, recipient })
      : await tryToRelay({ port: relay.portOf(0), header: `PROXY TCP4 ${client} 192.0.2.1 40000 25\r\n`, recipient });
  const relays = async (client: string, recipient?: string) => {
    const answer = await hears(client, recipient);
    assert.equal(answer.code, 250, `${client} relays: ${answer.text}`);
    await agrees(client, recipient, "relay");
  };
  const refused = async (client: string, recipient = "rcpt@far.example") => {
    const answer = await hears(client, recipient);
    assert.match(
      answer.text,
      new RegExp(`^550 5\\.7\\.1 <${recipient}>: relay denied for ${client} \\[D-[0-9A-Z]+\\]$`),
    );
    await agrees(client, recipient, "refuse");
  };
  /** `explain` says beforehand what the session heard. */
  const agrees = async (client: string, to: string | undefined, verdict: string) => {
    const answer = await relay.explain({ client, from: "sender@client.example", to: to ?? "rcpt@far.example" });
    assert.equal(answer.verdict, verdict, JSON.stringify(answer));
  };
  const localFlows = async (client: string) => {
    const answer = await hears(client, "user@home.example");
    assert.equal(answer.code, 250, `local mail of ${client}: ${answer.text}`);
  };

  await t.test("WRKACTJOB SBS(QSYSWRK): the SMTP jobs are active", async () => {
    const output = await relay.clDone("WRKACTJOB SBS(QSYSWRK)");
    assert.match(output, /QTSMTPSRVD/);
    assert.match(output, /QTSMTPCLTD/);
  });

  await t.test("CHGSMTPA ALWRLY(*NONE): every relay is refused, local mail still flows", async () => {
    await relay.clDone("CHGSMTPA ALWRLY(*NONE)");
    await refused("127.0.0.1");
    await refused("10.100.1.2");
    await localFlows("127.0.0.1");
    await localFlows("10.100.1.2");
  });

  await t.test("ADDSMTPLE TYPE(*ACCEPT) alone changes nothing under *NONE, and its answer says so", async () => {
    const answer = await relay.clDone("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2') SUBNETMASK('255.255.255.255')");
    assert.match(answer, /SMR0101/);
    assert.match(answer, /10\.100\.1\.2\/32 added to \*ACCEPT/);
    assert.match(answer, /Covers 1 address\b/);
    assert.match(answer, /Version \d+/);
    assert.match(answer, /ALWRLY/, "that the entry has no effect yet");
    await refused("10.100.1.2");
  });

  await t.test("CHGSMTPA ALWRLY(*LIST): that host relays, its neighbour does not", async () => {
    await relay.clDone("CHGSMTPA ALWRLY(*LIST)");
    await relays("10.100.1.2");
    await refused("10.100.1.3");
    await refused("10.100.1.1");
    await refused("127.0.0.2");
    await relay.clDone("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.2')");
    await relays("127.0.0.2");
    await refused("127.0.0.3");
    await localFlows("127.0.0.3");
  });

  await t.test("ADDSMTPLE TYPE(*REJECT): the whole network is refused at connect, for local mail too", async () => {
    const answer = await relay.clDone("ADDSMTPLE TYPE(*REJECT) INTNETADR('10.100.3.0') SUBNETMASK('255.255.255.0')");
    assert.match(answer, /10\.100\.3\.0 to 10\.100\.3\.255/);
    assert.match(answer, /256 addresses/);
    for (const client of ["10.100.3.0", "10.100.3.9", "10.100.3.255"]) {
      assert.match((await hears(client)).text, /^554 5\.7\.1 /);
      assert.match((await hears(client, "user@home.example")).text, /^554 5\.7\.1 /);
      await agrees(client, undefined, "refuse-connection");
    }
    await refused("10.100.2.255");
    await refused("10.100.4.0");
  });

  await t.test("ADDSMTPLE TYPE(*NEAR): a domain and a network, and *NEAR asks them", async () => {
    await relay.clDone("ADDSMTPLE TYPE(*NEAR) HOSTNAME('partner.example')");
    await relay.clDone("ADDSMTPLE TYPE(*NEAR) INTNETADR('10.100.4.0') SUBNETMASK('255.255.255.0')");
    await refused("10.100.9.9", "buyer@partner.example");
    await relay.clDone("CHGSMTPA ALWRLY(*NEAR)");
    await relays("10.100.9.9", "buyer@partner.example");
    await relays("10.100.9.9", "buyer@PARTNER.Example.");
    await refused("10.100.9.9", "buyer@sub.partner.example");
    await relays("10.100.4.17");
    await refused("10.100.5.17");
    await refused("10.100.1.2");
  });

  await t.test("CHGSMTPA ALWRLY(*BOTH): either list lets relay", async () => {
    await relay.clDone("CHGSMTPA ALWRLY(*BOTH)");
    await relays("10.100.1.2");
    await relays("10.100.9.9", "buyer@partner.example");
    await relays("10.100.4.17");
    await refused("10.100.9.9");
  });

  await t.test("CHGSMTPA ALWRLY(*ALL) asks for CONFIRM(*YES) and says how many addresses it lets in", async () => {
    const asked = await relay.cl("CHGSMTPA ALWRLY(*ALL)");
    assert.equal(asked.code, 1, asked.output);
    assert.match(asked.output, /CONFIRM\(\*YES\)/);
    assert.match(asked.output, /\d[\d,]* (?:more )?addresses/);
    await refused("10.100.9.9");
    await relay.clDone("CHGSMTPA ALWRLY(*ALL) CONFIRM(*YES)");
    await relays("10.100.9.9");
    assert.match((await hears("10.100.3.9")).text, /^554 5\.7\.1 /);
    await relay.clDone("CHGSMTPA ALWRLY(*BOTH)");
    await refused("10.100.9.9");
  });

  await t.test("other wide openings ask too", async () => {
    const wide = await relay.cl("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('0.0.0.0') SUBNETMASK('0.0.0.0')");
    assert.equal(wide.code, 1, wide.output);
    assert.match(wide.output, /CONFIRM\(\*YES\)/);
    assert.match(wide.output, /4,294,96\d,\d{3} addresses/);
    const lastReject = await relay.cl("RMVSMTPLE TYPE(*REJECT) INTNETADR('10.100.3.0') SUBNETMASK('255.255.255.0')");
    assert.equal(lastReject.code, 1, lastReject.output);
    assert.match(lastReject.output, /CONFIRM\(\*YES\)/);
    await refused("10.100.9.9");
  });

  await t.test("masks that cannot be meant are refused, with the one that probably was", async () => {
    const inverted = await relay.cl("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.0') SUBNETMASK('0.0.0.255')");
    assert.equal(inverted.code, 1, inverted.output);
    assert.match(inverted.output, /255\.255\.255\.0/);
    const holes = await relay.cl("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.0') SUBNETMASK('255.0.255.0')");
    assert.equal(holes.code, 1, holes.output);
  });

  await t.test("WRKSMTPLE OUTPUT(*PRINT): every entry, who added it and when, hits, last used", async () => {
    const output = await relay.clDone("WRKSMTPLE OUTPUT(*PRINT)");
    for (const list of ["*ACCEPT", "*REJECT", "*NEAR"]) assert.ok(output.includes(list), output);
    for (const value of ["10.100.1.2", "127.0.0.2", "10.100.3.0", "partner.example", "10.100.4.0"])
      assert.ok(output.includes(value), output);
    assert.match(output, /256/, "what it covers");
    assert.match(output, /hits/i);
    assert.match(output, /last used/i);
    const answer = await relay.command(["cl", "WRKSMTPLE OUTPUT(*PRINT)", "--json"]);
    assert.equal(answer.code, 0, answer.output);
    const text = answer.stdout;
    JSON.parse(text);
    assert.match(text, /"hits": ?[1-9]/);
  });

  await t.test("DSPPFM FILE(QUSRSYS/QATMADRLST) MBR(ACCEPTRLY): lines as an IBM i query would show them", async () => {
    const output = await relay.clDone("DSPPFM FILE(QUSRSYS/QATMADRLST) MBR(ACCEPTRLY)");
    assert.match(output, /^.*10\.100\.1\.2 +255\.255\.255\.255/m);
    assert.doesNotMatch(output, /10\.100\.3\.0/);
    const rejected = await relay.clDone("DSPPFM FILE(QUSRSYS/QATMADRLST) MBR(REJECTCNN)");
    assert.match(rejected, /10\.100\.3\.0 +255\.255\.255\.0/);
  });

  await t.test("RMVSMTPLE: the mask must match, and the message helps when it does not", async () => {
    await relay.clDone("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.7.0') SUBNETMASK('255.255.255.0')");
    const wrongMask = await relay.cl("RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.7.0')");
    assert.equal(wrongMask.code, 1, wrongMask.output);
    assert.match(wrongMask.output, /255\.255\.255\.0|10\.100\.7\.0\/24/);
    await relays("10.100.1.2");
    await relay.clDone("RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2')");
    await refused("10.100.1.2");
    await relay.clDone("RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.7.0') SUBNETMASK('255.255.255.0')");
  });

  await t.test("SNDSMTPEMM and SNDDST send mail", async () => {
    const refusedMail = await relay.cl("SNDSMTPEMM RCP(('ops@example.net')) SUBJECT('Backup') NOTE('done')");
    assert.equal(refusedMail.code, 1, "local programs are client 127.0.0.1, which is on no list");
    assert.match(refusedMail.output, /127\.0\.0\.1/);
    await relay.clDone("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')");
    await relay.clDone("SNDSMTPEMM RCP(('ops@example.net')) SUBJECT('Backup') NOTE('done')");
    const sunk = await sink.message(({ content }) => content.includes("Backup"));
    assert.equal(sunk.recipients[0]?.address, "ops@example.net");
    const text = withoutReceived(sunk.content).toString("utf8");
    assert.match(text, /^Subject: Backup\r$/m);
    assert.match(text, /\bdone\b/);
    await relay.clDone(
      "SNDDST TYPE(*LMSG) TOINTNET(('ops@example.net')) DSTD('Night run') LONGMSG('all jobs ended normally')",
    );
    const distribution = await sink.message(({ content }) => content.includes("Night run"));
    assert.match(distribution.content.toString("latin1"), /all jobs ended normally/);
  });

  await t.test("ENDTCPSVR and STRTCPSVR: listeners close and open, queue and control socket stay", async () => {
    await relay.clDone("ENDTCPSVR SERVER(*SMTP)");
    await assert.rejects(hears("127.0.0.2"), /ECONNREFUSED/);
    const ended = await relay.command(["status", "--json"]);
    assert.equal(ended.code, 0, "the control socket stays");
    assert.equal((JSON.parse(ended.stdout) as { active: boolean }).active, false);
    await relay.queue();
    await relay.clDone("SNDSMTPEMM RCP(('ops@example.net')) SUBJECT('Doors closed') NOTE('the queue flows')");
    await sink.message(({ content }) => content.includes("Doors closed"));
    await relay.clDone("STRTCPSVR SERVER(*SMTP)");
    assert.equal((await relay.status()).active, true);
    await relay.readPorts();
    await relays("127.0.0.2");
  });

  await t.test("the journal has the day, and export and undo work on it", async () => {
    const journal = await relay.clDone("DSPSMTPJRN");
    assert.match(journal, /10\.100\.3\.9/);
    const exported = await relay.command(["policy", "export"]);
    assert.equal(exported.code, 0, exported.output);
    assert.match(exported.stdout, /^CHGSMTPA .*ALWRLY\(\*BOTH\)/m);
    assert.match(exported.stdout, /^ADDSMTPLE TYPE\(\*NEAR\) HOSTNAME\('partner\.example'\)/m);
    await relay.clDone("RMVSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.2')");
    await refused("127.0.0.2");
    const undone = await relay.command(["policy", "undo"]);
    assert.equal(undone.code, 0, undone.output);
    await relays("127.0.0.2");
    const again = await relay.command(["policy", "export"]);
    assert.equal(again.stdout, exported.stdout);
  });
});
