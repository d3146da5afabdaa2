/**
 * Reports of TLS (RFC 8460) of the real program: one day it sends mail, the next day the domain that asks for it has a report, which Python takes
 * apart; and the session that brought it is told of to nobody.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FakeNameServer } from "../dns/fake-name-server.ts";
import { missing, run } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

const LIBRARIES = ["x86_64", "aarch64"].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`);
const library = LIBRARIES.find((path) => existsSync(path));
const isNeeded = process.env["RELAYKEEPER_REQUIRE_PEERS"] === "1";
const skip = missing("python3") || (library === undefined && !isNeeded ? "faketime is not installed" : false);

const TAKE_APART = `
import email, email.policy, gzip, json, sys
mail = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
text, report = mail.iter_parts()
print(json.dumps({
    "header": {name.lower(): value for name, value in mail.items()},
    "type": [mail.get_content_type(), mail.get_param("report-type")],
    "text": [text.get_content_type(), text.get_content()],
    "name": report.get_filename(),
    "part": [report.get_content_type(), report.get_content_disposition()],
    "report": json.loads(gzip.decompress(report.get_content())),
    "defects": [str(defect) for part in mail.walk() for defect in part.defects],
}))
`;

interface TakenApart {
  readonly header: Readonly<Record<string, string>>;
  readonly type: readonly string[];
  readonly text: readonly string[];
  readonly name: string;
  readonly part: readonly string[];
  readonly report: { readonly [name: string]: unknown; readonly policies: readonly unknown[] };
  readonly defects: readonly string[];
}

test("a domain that asks for it has a report of the day before", { skip, timeout: 60_000 }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-tls-reports-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const names = await FakeNameServer.start();
  t.after(() => names.stop());
  names.zone.set("A mx.far.example", [{ type: "A", data: "127.0.0.1" }]);
  const record = "v=TLSRPTv1; rua=mailto:tls-reports@far.example";
  names.zone.set("TXT _smtp._tls.mx.far.example", [{ type: "TXT", data: record }]);
  await using sink = await Sink.start({ starttls: true });
  const start = async (env: Readonly<Record<string, string>>): Promise<Relay> =>
    await Relay.start({
      directory,
      delivery: { mode: "smarthost", smarthost: `mx.far.example:${sink.port}` },
      policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
      moreTables: [
        `[dns]\nservers = ["127.0.0.1:${names.port}"]`,
        '[reports]\ntls = true\ncontact = "tls@relay.test"\norganization = "Relay & Sons"',
        "[limits]\ntls_report_delay_ms = 1",
      ].join("\n"),
      env,
    });

  await using yesterday = await start({ LD_PRELOAD: library ?? "", FAKETIME: "-1d", DONT_FAKE_MONOTONIC: "1" });
  for (const name of ["one", "two"]) {
    await yesterday.command(
      ["send", "--from", "a@relay.test", "--to", `${name}@far.example`, "--subject", name],
      "text\n",
    );
    assert.equal((await sink.to(`${name}@far.example`)).secure, true);
  }
  await yesterday.command(["dkim", "create", "relay.test", "--now"]);
  const shown = (await yesterday.command(["tls-report"])).output;
  await yesterday.stop();
  const [kept = ""] = readdirSync(join(directory, "data/tls-reports"));
  assert.match(kept, /^\d{4}-\d\d-\d\d\.json$/);
  assert.equal(statSync(join(directory, "data/tls-reports", kept)).mode & 0o777, 0o600);
  const day = kept.slice(0, 10);

  await using today = await start({});
  const sunk = await sink.to("tls-reports@far.example");
  const journal = (await today.command(["cl", "DSPSMTPJRN"])).output.replaceAll(/\s+/g, " ");
  assert.match(journal, /TLS report of \S+ about mx\.far\.example \(1 session, 0 failed\) to tls-reports@far\.example/);
  await today.stop();
  // What the report itself went by counts nowhere, and yesterday is done.
  assert.deepEqual(readdirSync(join(directory, "data/tls-reports")), []);

  assert.match(shown, /SMR0881 TLS sessions of \S+, domains: 1\.[\s\S]*mx\.far\.example +no-policy-found +1 +0/);
  assert.equal(sunk.reversePath.address, "");
  assert.equal(sunk.secure, true);
  const { code, output, stdout } = await run("python3", ["-c", TAKE_APART], { input: sunk.content });
  assert.equal(code, 0, output);
  const { header, type, text, part, name, report, defects } = JSON.parse(stdout) as TakenApart;
  assert.deepEqual(defects, []);
  assert.deepEqual(type, ["multipart/report", "tlsrpt"]);
  const id = `${day}.mx.far.example@relay.test`;
  assert.equal(header["subject"], `Report Domain: mx.far.example Submitter: relay.test Report-ID: <${id}>`);
  assert.equal(header["from"], "tls@relay.test");
  assert.equal(header["to"], "tls-reports@far.example");
  assert.equal(header["tls-report-domain"], "mx.far.example");
  assert.equal(header["tls-report-submitter"], "relay.test");
  assert.equal(header["tls-required"], "No");
  assert.match(header["dkim-signature"] ?? "", /d=relay\.test;/);
  assert.equal(text[0], "text/plain");
  assert.deepEqual(part, ["application/tlsrpt+gzip", "attachment"]);
  const begin = Date.parse(`${day}T00:00:00Z`) / 1_000;
  assert.equal(name, `relay.test!mx.far.example!${begin}!${begin + 86_399}.json.gz`);
  const { policies, ...about } = report;
  assert.deepEqual(about, {
    "organization-name": "Relay & Sons",
    "date-range": { "start-datetime": `${day}T00:00:00Z`, "end-datetime": `${day}T23:59:59Z` },
    "contact-info": "tls@relay.test",
    "report-id": id,
  });
  // The second mail went over the connection of the first, which counts once.
  assert.deepEqual(policies, [
    {
      policy: { "policy-type": "no-policy-found", "policy-domain": "mx.far.example" },
      summary: { "total-successful-session-count": 1, "total-failure-session-count": 0 },
    },
  ]);
});
