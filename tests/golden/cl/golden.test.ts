import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "../../../src/core/cl/command-list.ts";
import { messageReference, reference } from "../../../src/core/cl/manual.ts";
import { promptText } from "../../../src/core/cl/prompt.ts";
import { HANDLERS } from "../../../src/flows/commands/handlers.ts";
import { deferredMessage, NOW } from "./house.ts";
import { newHouse } from "./new-house.ts";
import { checkGolden, checkPage, checkTranscript } from "./transcript.ts";

test("the lists: add, review, change, remove", async () => {
  const { house, use } = await newHouse();
  await house.script(`CHGSMTPA ALWRLY(*LIST)
ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2') TEXT('ERP')
ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.0.0/16') TEXT('It''s the branch; \u202e office')`);
  use(1, { hits: 12_345, lastUsedAt: NOW - 60_000, lastClient: "10.100.1.2" });
  await checkTranscript("lists", house, [
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.2.3') SUBNETMASK('255.255.0.0') TEXT('Branch') EXPDATE(*30D)",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.0.0/16')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.2.3') SUBNETMASK('0.0.255.255')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.2.3') SUBNETMASK('255.0.255.0')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.2.3') SUBNETMASK('24')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.2.3/33')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('010.1.2.3')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.2.300') EXPDATE('2026-02-30')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('2001:db8::1') SUBNETMASK('255.255.255.0')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('0.0.0.0') SUBNETMASK('0.0.0.0')",
    "ADDSMTPLE TYPE(*ACCEPT)",
    "ADDSMTPLE TYPE(*ACCEPTIP6) IP6NETADR('2001:DB8::1') IP6PFX('32')",
    "ADDSMTPLE *REJECT INTNETADR(10.100.3.0) SUBNETMASK(255.255.255.0)",
    "ADDSMTPLE TYPE(*NEAR) HOSTNAME('Partner.Example.')",
    "ADDSMTPLE TYPE(*NEAR) HOSTNAME('.partner.example')",
    "ADDSMTPLE TYPE(*NEAR) HOSTNAME('10.1.1.1')",
    "ADDSMTPLE TYPE(*NEAR) INTNETADR('10.100.4.0') SUBNETMASK('255.255.255.0')",
    "ADDSMTPLE TYPE(*DOMAIN) HOSTNAME('shop.example') INTNETADR('192.0.2.1')",
    "ADDSMTPLE TYPE(*SVRBIND) INTNETADR('192.0.2.1')",
    "ADDSMTPLE TYPE(*CLTBNDIP6) IP6NETADR('2001:db8::25')",
    "ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('smtp.example.net') USERNAME('Relay') PASSWORD('geheim')",
    "ADDSMTPLE TYPE(*ETRNSVR)",
    "ADDSMTPLE TYPE(*ETRNSVR) HOSTNAME('a.example') INTNETADR('192.0.2.1')",
    "ADDSMTPLE TYPE(*ETRNSVR) HOSTNAME('a.example')",
    "WRKSMTPLE OUTPUT(*PRINT)",
    "WRKSMTPLE TYPE(*REJECT)",
    "DSPPFM FILE(QUSRSYS/QATMADRLST) MBR(ACCEPTRLY)",
    "DSPPFM FILE(QUSRSYS/QATMADRLST) MBR(NEARDMN)",
    "DSPPFM FILE(QUSRSYS/QTMSADRLST) MBR(ACCEPTRLY)",
    "DSPPFM FILE(QUSRSYS/QATMADRLST) MBR(HOSTAUTH)",
    "DSPPFM QUSRSYS/QATMADRLST MBR(NEAR)",
    "DSPPFM FILE(QUSRSYS/QATMADLST)",
    "CHGSMTPLE ENTRY(E3) SUBNETMASK('255.255.255.0') TEXT('Smaller') EXPDATE(*NONE)",
    "CHGSMTPLE TYPE(*REJECT) INTNETADR('10.100.3.0/24') NEWADR('10.100.5.0')",
    "CHGSMTPLE TYPE(*NEAR) HOSTNAME('partner.example') NEWHOST('partners.example')",
    "CHGSMTPLE ENTRY(E99) TEXT('x')",
    "CHGSMTPLE TEXT('x')",
    "RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.0.0')",
    "RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.9.9')",
    "RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2') SUBNETMASK('255.255.255.0')",
    "RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.0.0.0/8')",
    "RMVSMTPLE TYPE(*REJECT) INTNETADR('10.100.1.2')",
    "RMVSMTPLE TYPE(*NEAR) HOSTNAME('partner.example')",
    "RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2')",
    "RMVSMTPLE ENTRY(E2)",
    "RMVSMTPLE TYPE(*DOMAIN) HOSTNAME('SHOP.example')",
    "RMVSMTPLE TYPE(*HOSTAUTH) HOSTNAME('smtp.example.net')",
    "DSPSMTPCHG NBRENT(8)",
    "UNDSMTPCHG",
    "EXPSMTPPCY",
  ]);
});

test("what opens wide asks, and what is odd about an entry is said", async () => {
  const { house } = await newHouse();
  await checkTranscript("findings", house, [
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('0.0.0.0/0')",
    "CHGSMTPA ALWRLY(*LIST)",
    "CHGSMTPA ALWRLY(*LIST) CONFIRM(*YES)",
    "UNDSMTPCHG",
    "UNDSMTPCHG",
    "UNDSMTPCHG CONFIRM(*YES)",
    "ADDSMTPLE TYPE(*ACCEPTIP6) IP6NETADR('::') IP6PFX('0')",
    "ADDSMTPLE TYPE(*REJECT) INTNETADR('10.0.0.0/8')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.1')",
    "ADDSMTPLE TYPE(*REJECT) INTNETADR('10.1.1.1')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('192.0.2.0/24') EXPDATE('2026-11-24')",
    "ADDSMTPLE TYPE(*NEAR) HOSTNAME('example.com')",
    "CHGSMTPA ALWRLY(*NONE) VFYFROMUSR(*LIST)",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('192.0.2.1')",
    "RMVSMTPLE TYPE(*REJECT) INTNETADR('10.1.1.1')",
    "RMVSMTPLE TYPE(*REJECT) INTNETADR('10.0.0.0/8')",
    "RMVSMTPLE TYPE(*REJECT) INTNETADR('10.0.0.0/8') CONFIRM(*YES)",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('192.0.2.1')",
    "WRKSMTPLE",
  ]);
});

test("the attributes: change, display, what IBM i has and we have not", async () => {
  const { house } = await newHouse();
  await checkTranscript("attributes", house, [
    "DSPSMTPA OUTPUT(*PRINT)",
    "CHGSMTPA ALWRLY(*NONE)",
    "CHGSMTPA ALWRLY(*ALL)",
    "CHGSMTPA ALWRLY(*ALL) CONFIRM(*YES)",
    "CHGSMTPA ALWRLY(*LIST) ALWAUTH(*RELAY) RTYMIN(5 10) RTYHOUR(*DFT) MAILROUTER('smtp.example.net:587') RBLSVR('bl.example' 'zen.example')",
    "CHGSMTPA ALIASDMN('shop.example') MAILROUTER(*NONE) RTYDAY(*SAME)",
    "CHGSMTPA ALIASDMN('no such domain')",
    "CHGSMTPA MAILROUTER('smtp.example.net:99999')",
    "CHGSMTPA *NO",
    "CHGSMTPA POPWDW(30)",
    "CHGSMTPA",
    "CHGSMTPA ALWRLY(*LIST) FOO(1)",
    "CHGSMTPA RTYMIN(*DFT) RBLSVR(*NONE)",
    "DSPSMTPA",
    "EXPSMTPPCY ATR(*ALL)",
  ]);
});

test("the server and its jobs", async () => {
  const { house } = await newHouse();
  await checkTranscript("server", house, [
    "WRKACTJOB SBS(QSYSWRK)",
    "WRKACTJOB SBS(QSYSWRK) JOB(QTSM*) OUTPUT(*PRINT)",
    "WRKACTJOB SBS(QINTER)",
    "STRTCPSVR SERVER(*SMTP)",
    "ENDTCPSVR SERVER(*SMTP)",
    "ENDTCPSVR *SMTP",
    "WRKACTJOB SBS(QSYSWRK) JOB(QTSMTPSRVD)",
    "STRTCPSVR SERVER(*FTP)",
    "STRTCPSVR SERVER(HTTP)",
    "STRTCPSVR",
  ]);
});

test("the queue: work with it, hold, release, retry, remove", async () => {
  const { house } = await newHouse();
  house.queue.entries.push(
    deferredMessage(1_000, "erp@example.com", "bob@example.net"),
    deferredMessage(1_001, "", "zoe@a.example", true),
    { ...deferredMessage(1_002, "x@example.com", "carl@b.example"), state: "held" },
  );
  house.journal.record({
    kind: "accepted",
    at: NOW - 120_000,
    queueId: house.queue.entries[0]!.message.id,
    client: { family: 4, bits: 0x0a640102 },
    user: null,
    reversePath: "erp@example.com",
    recipients: ["bob@example.net"],
    sizeOctets: 4_096,
    tls: "",
  });
  await checkTranscript("queue", house, [
    "WRKSMTPEMM OUTPUT(*PRINT)",
    "WRKSMTPEMM TYPE(*LCD)",
    "WRKSMTPEMM QUEUE(*HLD *CAP)",
    "WRKSMTPEMM TYPE(*RLY) SORTBY(*DMN)",
    "WRKSMTPEMM ADDRESS('BOB@example.net')",
    "WRKSMTPEMM FROMTIME(*1M)",
    "WRKSMTPEMM MSG(QZ8)",
    "WRKSMTPEMM MSG(Q999)",
    "WRKSMTPEMM FROMTIME('yesterday')",
    "HLDSMTPEMM MSG(QZ8)",
    "RLSSMTPEMM NEXTHOP('mx:example.net')",
    "RTYSMTPEMM ORG('<>')",
    "RMVSMTPEMM RCP('carl@b.example') ORG('x@example.com')",
    "RMVSMTPEMM",
    "RMVSMTPEMM MSG(*ALL) RCP('nobody@example.net')",
    "HLDSMTPEMM MSG(E17)",
  ]);
  assert.deepEqual(house.queue.acts, [
    "hold 1000 by ops",
    "release 1000,1001,1002 by ops",
    "retry 1001 by ops",
    "remove 1002 by ops",
    "remove  by ops",
  ]);
});

test("sending: SNDSMTPEMM and SNDDST", async () => {
  const { house } = await newHouse();
  house.files.set("/tmp/report.pdf", new Uint8Array([1, 2, 3]));
  house.refused.add("stranger@example.org");
  await checkTranscript("send", house, [
    "SNDSMTPEMM RCP(('ops@example.net')) SUBJECT('Backup') NOTE('done')",
    "SNDSMTPEMM RCP(('Ops@example.net') ('b@example.net' *CC) ('c@example.net' *bcc)) SUBJECT('Report') ATTACH(('/tmp/report.pdf' *PDF)) CONTENT(*HTML) NOTE('<p>.</p>')",
    "SNDSMTPEMM RCP(('ops@example.net') ('stranger@example.org')) SUBJECT('Two')",
    "SNDSMTPEMM RCP('stranger@example.org') SUBJECT('None')",
    "SNDSMTPEMM RCP('not an address') SUBJECT('x')",
    "SNDSMTPEMM RCP('ops@example.net') SUBJECT('x') ATTACH(('/no/such/file'))",
    "SNDSMTPEMM RCP('ops@example.net') SUBJECT('x') CHARSET(*UTF8)",
    "SNDDST TYPE(*LMSG) TOINTNET(('ops@example.net')) DSTD('Backup') LONGMSG('done')",
    "SNDDST TYPE(*MSG) TOINTNET(('ops@example.net')) DSTD('Backup') MSG('done') SUBJECT('Other')",
    "SNDDST TYPE(*LMSG) TOINTNET(('ops@example.net')) DSTD('Backup')",
    "SNDDST TYPE(*DOC) TOINTNET(('ops@example.net')) DSTD('Backup')",
  ]);
  const [plain, full] = house.composed;
  assert.ok(plain && full);
  assert.deepEqual([plain.from, plain.to, plain.subject, plain.body], ["ops@relay.example.com", ["ops@example.net"], "Backup", { kind: "text", text: "done" }]);
  assert.match(plain.messageId, /^<[0-9a-z]+\.[0-9a-f]{24}@relay\.example\.com>$/);
  assert.deepEqual([full.to, full.cc, full.body.kind], [["Ops@example.net"], ["b@example.net"], "html"]);
  assert.deepEqual(full.attachments, [{ name: "report.pdf", type: "application/pdf", octets: new Uint8Array([1, 2, 3]) }]);
  assert.equal(house.submissions[1]?.envelope.recipients.length, 3); // the blind copy is in the envelope and nowhere else
});

test("every prompt", () => {
  checkGolden("prompts", `${COMMANDS.map(promptText).join("\n\n\n")}\n`);
});

test("the command and message references", () => {
  const commands = reference(COMMANDS);
  const messages = messageReference();
  for (const { name } of COMMANDS) assert.match(commands, new RegExp(`^## ${name}$`, "m"));
  assert.match(messages, /^## SMR0101$/m);
});

test("messages explain themselves", async () => {
  const { house } = await newHouse();
  await checkTranscript("messages", house, ["DSPMSGD MSGID(SMR0101)", "DSPMSGD SMR0120", "DSPMSGD SMR9999", "DSPMSGD"]);
  const all = await house.run("DSPMSGD *ALL");
  assert.match(all.output, /SMR0006 {2}Errors occurred/);
});

test("every command has its handler, and no handler is without a command", () => {
  assert.deepEqual(Object.keys(HANDLERS).sort(), COMMANDS.map(({ name }) => name).sort());
});

test("every page fits 132 columns and moves no terminal, whatever strangers said", async () => {
  const { house } = await newHouse();
  const evil = "x\u001b]0;title\u0007\u202e\u009b2J".repeat(40);
  await house.run(`ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.1') TEXT(X'${Buffer.from(evil.slice(0, 200)).toString("hex")}')`, evil);
  await house.run(`ADDSMTPLE TYPE(*NEAR) HOSTNAME('${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.example')`);
  await house.run("ADDSMTPLE TYPE(*ACCEPTIP6) IP6NETADR('2001:db8:1111:2222:3333:4444:5555:6666') IP6PFX('121')");
  house.queue.entries.push(deferredMessage(1_000, `${"long".repeat(15)}@example.com`, `${"longer".repeat(10)}@example.net`));
  house.journal.record({ kind: "operation", at: NOW, by: evil, text: evil });
  house.journal.record({ kind: "policy", at: NOW, version: 1, by: evil, command: evil, meaning: evil });
  const pages = [
    "WRKSMTPLE OUTPUT(*PRINT)",
    "DSPPFM FILE(QATMADRLST)",
    "DSPSMTPA",
    "WRKSMTPEMM",
    "WRKSMTPEMM MSG(QZ8)",
    "DSPSMTPJRN",
    "DSPSMTPCHG",
    "WRKACTJOB",
    ...COMMANDS.map(({ name }) => `${name} ?`),
  ];
  for (const page of pages) {
    const { output } = await house.run(page);
    assert.notEqual(output, "", page);
    checkPage(output);
  }
});
