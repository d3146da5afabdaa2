/** What scanners say of the real program: the programs that an auditor would bring. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeCertificate } from "./certificate.ts";
import { missing, run } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

const inside = "inside.example";
const to = "v@outside.example";

// --- nmap -------------------------------------------------------------------------------------------------------------

const SCRIPTS = [
  ...["smtp-open-relay", "smtp-commands", "smtp-enum-users", "smtp-ntlm-info"],
  ...["smtp-vuln-cve2010-4344", "smtp-vuln-cve2011-1720", "smtp-vuln-cve2011-1764"],
];

async function nmap(port: number, scripts: readonly string[]): Promise<string> {
  // Mailboxes of a domain that is not ours, by way of our own name, which it takes from the greeting, and of our address.
  const given = ["to=v", "from=s", "domain=outside.example"].map((one) => `smtp-open-relay.${one}`);
  const forced = scripts.map((name) => `+${name}`).join();
  const { code, output } = await run("nmap", [
    ...["-Pn", "-n", "-p", String(port), "--script", forced, "--script-args", given.join(), "127.0.0.1"],
  ]);
  assert.equal(code, 0, output);
  return output;
}

test("nmap: no relay for a client on no list, whatever ALWRLY says but *ALL", { skip: missing("nmap") }, async () => {
  await using relay = await Relay.start({ localDomains: [inside, "relay.test"] });
  await relay.clDone(
    "ADDSMTPLE TYPE(*NEAR) HOSTNAME('partner.example')",
    "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('192.0.2.0/24')",
  );
  for (const relaying of ["*NONE", "*LIST", "*NEAR", "*BOTH"]) {
    await relay.clDone(`CHGSMTPA ALWRLY(${relaying})`);
    const said = await nmap(relay.port, relaying === "*BOTH" ? SCRIPTS : ["smtp-open-relay"]);
    assert.match(said, /smtp-open-relay: Server doesn't seem to be an open relay, all tests failed/, relaying);
    assert.doesNotMatch(said, /VULNERABLE(?<!NOT VULNERABLE)/);
    if (relaying !== "*BOTH") continue;
    assert.match(said, /smtp-enum-users: \n\|?_? +Couldn't find any accounts/);
    assert.match(said, /smtp-commands: relay\.test, PIPELINING, /);
  }
  // It finds an open relay where there is one.
  await relay.clDone("CHGSMTPA ALWRLY(*ALL) CONFIRM(*YES)");
  assert.match(
    await nmap(relay.port, ["smtp-open-relay"]),
    /smtp-open-relay: Server is an open relay \(\d+\/16 tests\)/,
  );
});

// --- testssl.sh -------------------------------------------------------------------------------------------------------

/** Protocols, renegotiation, CCS injection; RELAYKEEPER_SCAN=full for all that it knows, which takes minutes. */
const SECTIONS = process.env["RELAYKEEPER_SCAN"] === "full" ? ["-p", "-s", "-P", "-S", "-U"] : ["-p", "-R", "-I"];

interface TlsFinding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

async function testssl(port: number, options: readonly string[]): Promise<readonly TlsFinding[]> {
  const folder = await mkdtemp(join(tmpdir(), "relaykeeper-testssl-"));
  try {
    const file = join(folder, "findings.json");
    const always = [
      "--quiet",
      "--color",
      "0",
      "--warnings",
      "off",
      "--ip",
      "one",
      "--nodns",
      "min",
      "--jsonfile",
      file,
    ];
    const { output } = await run("testssl", [...always, ...options, `127.0.0.1:${port}`]);
    const findings = JSON.parse(await readFile(file, "utf8")) as readonly TlsFinding[];
    assert.ok(findings.length > 5, output);
    return findings;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A self-signed certificate without revocation that stands for nobody: the test's own. */
const OF_THE_CERTIFICATE = /^cert_|^scanProblem$/;

function grave(findings: readonly TlsFinding[]): string[] {
  return findings
    .filter(
      ({ id, severity }) => ["MEDIUM", "HIGH", "CRITICAL", "WARN"].includes(severity) && !OF_THE_CERTIFICATE.test(id),
    )
    .map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`);
}

const VALUES = { SSLv2: "not offered", SSLv3: "not offered", TLS1: "not offered", TLS1_1: "not offered" };

test("testssl.sh: TLS 1.2 and 1.3, nothing worse than LOW", { skip: missing("testssl", "openssl") }, async (t) => {
  await using certificate = await makeCertificate("DNS:relay.test");
  await using relay = await Relay.start({
    listeners: [
      { tls: "starttls", auth: "tls" },
      { tls: "implicit", auth: "tls" },
    ],
    moreConfig: `tls = { certificate = ${JSON.stringify(certificate.file)}, key = ${JSON.stringify(certificate.keyFile)} }`,
  });
  await Promise.all(
    [
      { name: "STARTTLS", port: relay.portOf(0), options: [...SECTIONS, "-t", "smtp"] },
      { name: "TLS from the start", port: relay.portOf(1), options: SECTIONS.slice(0, 1) },
    ].map(async ({ name, port, options }) => {
      const findings = await testssl(port, options);
      await t.test(name, () => {
        assert.deepEqual(grave(findings), []);
        const said = new Map(findings.map(({ id, finding }) => [id, finding]));
        for (const [id, finding] of Object.entries(VALUES)) assert.equal(said.get(id), finding, id);
        for (const id of ["TLS1_2", "TLS1_3"]) assert.match(said.get(id) ?? "", /^offered/, id);
      });
    }),
  );
  assert.equal((await relay.status()).active, true);
});

// --- swaks ------------------------------------------------------------------------------------------------------------

/** What swaks is told, and what it must hear: the last code, or "" where the server says nothing more. */
const SWAKS: readonly (readonly [what: string, args: readonly string[], hears: RegExp])[] = [
  ["plain", ["--to", to], /<\*\* 550 5\.7\.1/],
  ["null sender", ["--to", to, "--from", "<>"], /<\*\* 550 5\.7\.1/],
  ["our own sender", ["--to", to, "--from", `postmaster@${inside}`], /<\*\* 550 5\.7\.1/],
  ["percent", ["--to", `v%outside.example@${inside}`], /<\*\* 550 5\.7\.1/],
  ["bang", ["--to", `outside.example!v@${inside}`], /<\*\* 550 5\.7\.1/],
  ["source route", ["--to", `@${inside}:v@outside.example`], /<\*\* 550 5\.7\.1/],
  ["quoted", ["--to", `"v@outside.example"@${inside}`], /<\*\* 550 5\.7\.1/],
  ["one of ours and another", ["--to", `u@${inside},${to}`], /<- {2}250 2\.1\.5[^]*<\*\* 550 5\.7\.1[^]*250 2\.0\.0/],
  ["pipelined", ["--to", to, "--pipeline"], /<\*\* 550 5\.7\.1/],
  ["our own name", ["--to", to, "--ehlo", inside], /<\*\* 550 5\.7\.1/],
  ["LMTP", ["--to", to, "--protocol", "LMTP"], /<\*\* 500 5\.5\.1/],
  ["XCLIENT", ["--to", to, "--xclient", "ADDR=192.0.2.1 LOGIN=admin"], /did not advertise XCLIENT/],
  ["PROXY", ["--to", to, "--proxy", "TCP4 192.0.2.1 25 127.0.0.1 25"], /relay denied for 127\.0\.0\.1|554 5\.5\.0/],
  [
    "AUTH in the clear",
    ["--to", to, "--auth", "PLAIN", "--auth-user", "a", "--auth-password", "b"],
    /did not advertise authentication/,
  ],
  [
    "AUTH with a wrong password, in TLS",
    ["--to", to, "--tls", "--auth", "--auth-user", "a", "--auth-password", "b"],
    /<~\* 535 5\.7\.8/,
  ],
];

test("swaks: no trick sends mail to others", { skip: missing("swaks") }, async (t) => {
  await using sink = await Sink.start();
  await using relay = await Relay.start({
    localDomains: [inside],
    listeners: [{ tls: "starttls", auth: "tls" }],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${sink.port}` },
    policy: ["CHGSMTPA ALWRLY(*BOTH) ALWAUTH(*RELAY)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('192.0.2.1')"],
    users: { user: "secret" },
  });
  const always = ["--server", "127.0.0.1", "--port", String(relay.port), "--helo", "client.example", "--timeout", "10"];
  for (const [what, args, hears] of SWAKS) {
    await t.test(what, async () => {
      const from = args.includes("--from") ? [] : ["--from", "s@client.example"];
      const { output } = await run("swaks", [...always, ...from, ...args]);
      assert.match(output, hears);
    });
  }
  await sink.count(1);
  assert.deepEqual(
    sink.messages.flatMap(({ recipients }) => recipients.map(({ address }) => address)),
    [`u@${inside}`],
  );
});
