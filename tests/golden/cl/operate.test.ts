import assert from "node:assert/strict";
import { test } from "node:test";
import { applyPolicy, checkPolicyFile, diffPolicyFile, exportPolicy } from "../../../src/flows/policy-file.ts";
import { NOW } from "./house.ts";
import { newHouse } from "./new-house.ts";

const ids = (result: { messages: readonly { id: string }[] }): string[] => result.messages.map(({ id }) => id);

test("the operator's day, word for word", async () => {
  const { house } = await newHouse();
  const { policy } = house.operations;
  const asked = async (client: string, recipient: string): Promise<string> => {
    const { value } = await house.run(`DSPSMTPDCN CLIENT('${client}') RCP('${recipient}')`);
    const { verdict, rule } = value as { readonly verdict: string; readonly rule: string };
    return `${verdict} ${rule}`;
  };
  const done = async (command: string): Promise<string> => {
    const { ok, messages, output } = await house.run(command);
    assert.ok(ok, `${command}: ${messages.map(({ text }) => text).join(" ")}`);
    return `${messages.map(({ id, text }) => `${id} ${text}`).join("\n")}\n${output}`;
  };
  assert.match(await done("WRKACTJOB SBS(QSYSWRK)"), /SMTP is active[^]*QTSMTPSRVD[^]*SELW[^]*QTSMTPCLTD/);
  assert.match(await done("CHGSMTPA ALWRLY(*NONE)"), /Nobody may relay\. Mail for local domains still flows\./);
  assert.equal(await asked("10.100.1.2", "bob@example.net"), "refuse ALWRLY");
  assert.equal(await asked("10.100.1.2", "bob@example.com"), "local LOCAL");
  assert.match(
    await done("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2') SUBNETMASK('255.255.255.255')"),
    /^SMR0101 Entry 10\.100\.1\.2\/32 added to \*ACCEPT\. Covers 1 address\. Version 1\.$/m,
  );
  assert.match(await done("CHGSMTPA ALWRLY(*LIST)"), /Clients on \*ACCEPT may relay: 1 address\./);
  assert.equal(await asked("10.100.1.2", "bob@example.net"), "relay ACCEPT");
  assert.equal(await asked("10.100.1.3", "bob@example.net"), "refuse NO-MATCH");
  assert.equal(await asked("10.100.1.1", "bob@example.net"), "refuse NO-MATCH");
  assert.equal(await asked("10.100.3.9", "bob@example.com"), "local LOCAL");
  assert.match(await done("ADDSMTPLE TYPE(*REJECT) INTNETADR('10.100.3.0') SUBNETMASK('255.255.255.0')"), /10\.100\.3\.0 to 10\.100\.3\.255, 256 addresses/);
  assert.equal(await asked("10.100.3.9", "bob@example.com"), "refuse-connection REJECT");
  assert.equal(await asked("10.100.2.255", "bob@example.com"), "local LOCAL");
  await done("ADDSMTPLE TYPE(*NEAR) HOSTNAME('partner.example')");
  await done("ADDSMTPLE TYPE(*NEAR) INTNETADR('10.100.4.0') SUBNETMASK('255.255.255.0')");
  await done("CHGSMTPA ALWRLY(*NEAR)");
  assert.equal(await asked("10.100.1.2", "bob@example.net"), "refuse NO-MATCH");
  assert.equal(await asked("10.100.1.2", "bob@partner.example"), "relay NEAR");
  assert.equal(await asked("10.100.1.2", "bob@sub.partner.example"), "refuse NO-MATCH");
  assert.equal(await asked("10.100.4.200", "bob@example.net"), "relay NEAR");
  await done("CHGSMTPA ALWRLY(*BOTH)");
  assert.equal(await asked("10.100.1.2", "bob@example.net"), "relay ACCEPT");
  assert.equal(await asked("10.100.1.3", "bob@example.net"), "refuse NO-MATCH");
  const version = policy.version();
  const refused = await house.run("CHGSMTPA ALWRLY(*ALL)");
  assert.ok(!refused.ok && policy.version() === version && policy.attributes().ALWRLY === "*BOTH");
  assert.match(refused.messages[0]?.text ?? "", / would let in over 2\^128 addresses\. .*CONFIRM\(\*YES\)/);
  await done("CHGSMTPA ALWRLY(*ALL) CONFIRM(*YES)");
  assert.equal(await asked("10.100.1.3", "bob@example.net"), "relay ALWRLY");
  assert.equal(await asked("10.100.3.9", "bob@example.net"), "refuse-connection REJECT");
  await done("CHGSMTPA ALWRLY(*LIST)");
  const list = await done("WRKSMTPLE OUTPUT(*PRINT)");
  assert.match(list, /\*ACCEPT[^]*10\.100\.1\.2 +255\.255\.255\.255 +1 +0 +never[^]*Added by ops, 2026-11-24T04:20:35Z/);
  assert.match(await done("DSPPFM FILE(QUSRSYS/QATMADRLST) MBR(ACCEPTRLY)"), /^10\.100\.1\.2 {6}255\.255\.255\.255$/m);
  const wrong = await house.run("RMVSMTPLE TYPE(*REJECT) INTNETADR('10.100.3.0')");
  assert.ok(!wrong.ok && wrong.messages[0]?.text.includes("SUBNETMASK('255.255.255.0')"));
  await done("RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2')");
  assert.deepEqual(policy.entries("*ACCEPT"), []);
  assert.equal(await asked("10.100.1.2", "bob@example.net"), "refuse NO-MATCH");
  await done("SNDSMTPEMM RCP(('ops@example.net')) SUBJECT('Backup') NOTE('done')");
  await done("SNDDST TYPE(*LMSG) TOINTNET(('ops@example.net')) DSTD('Backup') LONGMSG('done')");
  assert.equal(house.submissions.length, 2);
  assert.match(await done("ENDTCPSVR SERVER(*SMTP)"), /SMTP server ended\. The queue \(0 messages\) is still delivered\./);
  assert.ok(!house.active);
  await done("STRTCPSVR SERVER(*SMTP)");
  assert.ok(house.active);
});

test("runCommand() logs the command as typed, without its secret, and who gave it", async () => {
  const { house } = await newHouse();
  await house.run("ADDSMTPLE *HOSTAUTH HOSTNAME(a.example) USERNAME('u') PASSWORD('s3cret')", "alice");
  const [record] = await house.operations.policy.history(1);
  assert.equal(record?.by, "alice");
  assert.equal(record?.command, "ADDSMTPLE *HOSTAUTH HOSTNAME(a.example) USERNAME('u') PASSWORD(*SECRET)");
  const everything = JSON.stringify([await house.run("WRKSMTPLE"), await house.run("DSPSMTPCHG"), await house.run("EXPSMTPPCY")]);
  assert.ok(!everything.includes("s3cret"));
});

test("runScript() does commands in order, stops at the first that fails and says what was done", async () => {
  const { house } = await newHouse();
  const result = await house.script(`/* set up */
CHGSMTPA ALWRLY(*LIST)

ADDSMTPLE TYPE(*ACCEPT) +
   INTNETADR('10.1.1.1')
ADDSMTPLE TYPE(*ACCEPT) +
   INTNETADR('10.1.1.1') SUBNETMSK('255.255.255.0')
CHGSMTPA ALWRLY(*NONE)
`);
  assert.ok(!result.ok);
  assert.deepEqual(ids(result), ["SMR0201", "SMR0101", "SMR0011", "SMR0006", "SMR0038"]);
  assert.match(result.messages[2]?.text ?? "", /Did you mean SUBNETMASK\? \(line 7, column 26\)$/);
  assert.equal(result.messages[4]?.text, "The script stopped at line 6. The 2 commands of lines 2, 4 were done.");
  assert.equal(house.operations.policy.attributes().ALWRLY, "*LIST");
  assert.equal(house.operations.policy.entries().length, 1);
});

test("runScript() says where a value stands that turned out to be none", async () => {
  const { house } = await newHouse();
  const { messages } = await house.script("CHGSMTPA ALWRLY(*LIST)\n\nADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.300')\n");
  assert.equal(messages[1]?.text, "10.1.1.300 is not a valid address for INTNETADR. A number is above 255. (line 3, column 35)");
});

test("runCommand() takes several lines for a script and an empty text for a mistake", async () => {
  const { house } = await newHouse();
  assert.deepEqual(ids(await house.run("CHGSMTPA ALWRLY(*LIST)\nDSPSMTPA")), ["SMR0201", "SMR0037"]);
  assert.deepEqual(ids(await house.run("  /* nothing */ ")), ["SMR0031"]);
  assert.deepEqual(ids(await house.script("")), ["SMR0037"]);
});

test("runCommand() turns trouble of the outside into a message, and lets a bug through", async () => {
  const { house } = await newHouse();
  const { operations } = house;
  const broken = { ...operations, queue: { ...operations.queue, list: () => Promise.reject(new Error("disk I/O error")) } };
  const { runCommand } = await import("../../../src/flows/operate.ts");
  const result = await runCommand(broken, "WRKSMTPEMM", "ops");
  assert.deepEqual(result.messages.map(({ id, text }) => `${id} ${text}`), ["SMR0901 WRKSMTPEMM was not done: disk I/O error"]);
  const buggy = { ...operations, queue: { ...operations.queue, list: () => Promise.reject(new TypeError("undefined")) } };
  await assert.rejects(runCommand(buggy, "WRKSMTPEMM", "ops"), TypeError);
});

test("a prompt is shown in place of the deed", async () => {
  const { house } = await newHouse();
  for (const command of ["ENDTCPSVR ?", "?ENDTCPSVR", "ENDTCPSVR ??SERVER(*SMTP)"]) {
    const { ok, output, value } = await house.run(command);
    assert.ok(ok && output.includes("End TCP/IP Server (ENDTCPSVR)"), command);
    assert.deepEqual(value, { prompt: "ENDTCPSVR" });
  }
  assert.ok(house.active);
});

test("answers carry their value as JSON", async () => {
  const { house } = await newHouse();
  await house.run("CHGSMTPA ALWRLY(*LIST)");
  const { value } = await house.run("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.0.0/16') TEXT('ERP') EXPDATE('2027-01-01')");
  assert.deepEqual(JSON.parse(JSON.stringify(value)), {
    version: 2,
    entry: {
      id: "E1",
      list: "*ACCEPT",
      value: "10.1.0.0/16",
      kind: "network",
      covers: "65536",
      text: "ERP",
      addedBy: "ops",
      addedAt: "2026-11-24T04:20:35Z",
      expiresAt: "2027-01-01T00:00:00Z",
    },
    findings: [],
  });
});

test("a policy file is checked, compared, applied as a whole and exported again", async () => {
  const { house } = await newHouse();
  const { operations } = house;
  await house.script("ADDSMTPLE *ACCEPT INTNETADR('10.9.9.9')\nADDSMTPLE *NEAR HOSTNAME('old.example') TEXT('x')");
  const file = `CHGSMTPA ALWRLY(*LIST)
ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.1') SUBNETMASK('255.255.255.255') TEXT('ERP')
ADDSMTPLE TYPE(*NEAR) HOSTNAME('old.example') TEXT('y')
`;
  const lines = [
    "CHGSMTPA ALWRLY(*LIST)",
    "RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.9.9.9') SUBNETMASK('255.255.255.255')",
    "CHGSMTPLE TYPE(*NEAR) HOSTNAME('old.example') TEXT('y')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.1') SUBNETMASK('255.255.255.255') TEXT('ERP')",
  ];
  assert.deepEqual(ids(await checkPolicyFile(operations, file)), ["SMR0708", "SMR0134"]);
  assert.deepEqual((await diffPolicyFile(operations, file)).value, lines);
  assert.equal(operations.policy.version(), 2);
  const applied = await applyPolicy(operations, file, "ops", false);
  assert.ok(applied.ok);
  assert.equal(operations.policy.version(), 3);
  assert.equal(await exportPolicy(operations), file);
  assert.deepEqual(ids(await applyPolicy(operations, file, "ops", false)), ["SMR0709"]);
  assert.equal(operations.policy.version(), 3);
  const faulty = await applyPolicy(operations, `${file}ADDSMTPLE *ACCEPT INTNETADR('10.1.1.1')\nFOO\n`, "ops", false);
  assert.deepEqual(
    faulty.messages.map(({ text }) => text),
    [
      "Entry 10.1.1.1/32 of *ACCEPT stands in the file twice, first in line 2. (line 4, column 1)",
      "Command FOO not found. (line 5, column 1)",
      "The policy file has 2 faults. Nothing was changed.",
    ],
  );
  assert.equal(await exportPolicy(operations), file);
});

test("a diff is a script that makes the policy what the file says", async () => {
  const { house } = await newHouse();
  await house.script("ADDSMTPLE *ACCEPT INTNETADR('10.9.9.9')\nADDSMTPLE *HOSTAUTH HOSTNAME(a.example) USERNAME('u') PASSWORD('p')");
  const file = `CHGSMTPA ALWRLY(*LIST)
ADDSMTPLE TYPE(*ACCEPTIP6) IP6NETADR('2001:db8::') IP6PFX('32') EXPDATE('2027-01-01T00:00:00Z')
ADDSMTPLE TYPE(*DOMAINIP6) HOSTNAME('shop.example') IP6NETADR('2001:db8::1')
ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('a.example') USERNAME('v') PASSWORD('{sealed}sealed-9')
`;
  const { output } = await diffPolicyFile(house.operations, file);
  const result = await house.script(output);
  assert.ok(result.ok, JSON.stringify(result.messages));
  assert.equal(await exportPolicy(house.operations), file);
  assert.equal(house.now, NOW);
});
