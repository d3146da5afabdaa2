import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeSelfSigned } from "./adapters/tls/self-signed.ts";
import { check } from "./check.ts";

let directory = "";
before(async () => (directory = await mkdtemp(join(tmpdir(), "relaykeeper-check-"))));
after(async () => await rm(directory, { recursive: true }));

async function checked(text: string) {
  await writeFile(join(directory, "relay.toml"), text, { mode: 0o600 });
  return await check({ file: "relay.toml", environment: {}, dataDirectory: null, directory });
}

describe("check()", () => {
  test("says what the file would do, and touches nothing", async () => {
    const result = await checked(
      'hostname = "relay.example"\ndata_dir = "d"\n[delivery]\nmode = "smarthost"\nsmarthost = "[2001:db8::1]:587"\n' +
        'tls = "require"\nuser = "u"\npassword = "hunter2"',
    );
    assert.ok(result.ok);
    assert.match(result.value.text, /relay\.example/);
    assert.match(result.value.text, /through \[2001:db8::1\]:587, TLS require, with AUTH/);
    assert.ok(!`${result.value.text}${JSON.stringify(result.value.value)}`.includes("hunter2"));
    assert.ok(!existsSync(join(directory, "d")));
  });

  test("reads the initial policy", async () => {
    await writeFile(
      join(directory, "policy.cl"),
      "CHGSMTPA ALWRLY(*LIST)\nADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.0.0.300')\n",
    );
    const result = await checked('[policy]\ninitial = "policy.cl"');
    assert.ok(!result.ok);
    assert.match(result.error.join("\n"), /policy\.cl:2: SMR\d{4} /);
    const missing = await checked('[policy]\ninitial = "none.cl"');
    assert.match(missing.ok ? "" : missing.error.join(), /policy\.initial: ENOENT/);
  });

  test("reads the certificate", async () => {
    const { certificate, key } = makeSelfSigned("relay.example", Date.now(), Date.now() + 86_400_000);
    await writeFile(join(directory, "c.pem"), certificate);
    await writeFile(join(directory, "k.pem"), key, { mode: 0o600 });
    const right = await checked('hostname = "relay.example"\n[tls]\ncertificate = "c.pem"\nkey = "k.pem"');
    assert.ok(right.ok);
    assert.match(right.value.warnings.join(), /expires in/);
    const wrong = await checked('[tls]\ncertificate = "k.pem"\nkey = "c.pem"');
    assert.match(wrong.ok ? "" : wrong.error.join(), /k\.pem: is no certificate/);
  });
});
