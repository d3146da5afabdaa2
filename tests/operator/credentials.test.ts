/** Credentials towards next hops: what an operator may say, is warned of and is refused, and who still needs an OAuth account. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Relay } from "../peers/relay.ts";

test("credentials go to who proves a name, or it is said; an account that is named is not removed unasked", async () => {
  await using relay = await Relay.start({ delivery: { mode: "smarthost", smarthost: "127.0.0.1:9" } });
  const said = async (...args: readonly string[]): Promise<string> => (await relay.command(args, "geheim\n")).output;
  const route = "ACTION(*RELAY) RLYHOST('127.0.0.1:9')";

  for (const how of ["TLS(*MAY) AUTHACC(M365)", "TLS(*NONE) AUTHACC(M365)", "TLS(*MAY) AUTHMTH(*PLAIN)"]) {
    const { code, output } = await relay.cl(`ADDSMTPRTE RTE(OPEN) ${route} ${how}`);
    assert.match(output, /SMR0151 \*(MAY|NONE) is not valid for TLS\. With credentials .*TLS\(\*DFT\), \*VERIFY/, how);
    assert.equal(code, 1);
  }
  await relay.clDone(`ADDSMTPRTE RTE(PLAIN) ${route} TLS(*MAY) AUTHMTH(*NONE)`);
  assert.match((await relay.cl("CHGSMTPRTE RTE(PLAIN) AUTHMTH(*LOGIN)")).output, /SMR0151 \*MAY is not valid for TLS/);

  const missing = await relay.cl(`ADDSMTPRTE RTE(M365) ${route} TLS(*ENCRYPT) AUTHACC(M365)`);
  assert.match(
    missing.output,
    /SMR0101[\s\S]*SMR0154 Credentials go to whoever answers[\s\S]*SMR0155 Route M365 names OAuth/,
  );
  assert.equal(missing.code, 0);
  assert.match(await said("status"), /Warning.*route M365 names OAuth account M365, and there is none/);
  const entry = await relay.clDone(
    "ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('smtp.example.net') OAUACC(M365) AUTHMTH(*XOAUTH2)",
  );
  assert.match(
    entry,
    /smtp\.example\.net as account M365 added[\s\S]*SMR0155 \*HOSTAUTH entry smtp\.example\.net names/,
  );

  const added = await said(
    ...["oauth", "add", "M365", "--provider", "generic", "--token-endpoint", "http://127.0.0.1:9/token"],
    ...["--client-id", "relay", "--user", "relay@example.com"],
  );
  assert.match(added, /SMR0861/);
  assert.doesNotMatch(await said("status"), /names OAuth account/);
  assert.match(await said("route", "test", "--to", "u@far.example"), /SMR0154 Credentials go to whoever answers/);
  assert.match(await said("route", "check", "M365"), /SMR0154 Credentials go to whoever answers/);
  const wrong = [
    ["PASSWORD('x') USERNAME('u')", /SMR0016/],
    ["AUTHMTH(*PLAIN)", /SMR0153 \*PLAIN is not valid for AUTHMTH\. It needs USERNAME and PASSWORD/],
  ] as const;
  for (const [how, answer] of wrong) {
    const refused = await relay.cl(`ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('other.example') OAUACC(M365) ${how}`);
    assert.match(refused.output, answer);
    assert.equal(refused.code, 1);
  }
  await relay.clDone("CHGSMTPLE TYPE(*HOSTAUTH) HOSTNAME('smtp.example.net') AUTHMTH(*AUTO) USERNAME('u@example.com')");
  const file = await said("policy", "export");
  assert.match(
    file,
    /^ADDSMTPLE TYPE\(\*HOSTAUTH\) HOSTNAME\('smtp\.example\.net'\) USERNAME\('u@example\.com'\) OAUACC\('M365'\)$/m,
  );

  await relay.clDone("ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('b.example') OAUACC(M365)");
  assert.match(await relay.clDone("DSPPFM FILE(QUSRSYS/QATMADRLST) MBR(HOSTAUTH)"), /b\.example +account M365/);
  await relay.clDone("RMVSMTPLE TYPE(*HOSTAUTH) HOSTNAME('b.example')");

  const kept = /SMR0877 OAuth account M365 is named by route M365, \*HOSTAUTH entry smtp\.example\.net\. Nothing/;
  assert.match(await said("oauth", "remove", "m365"), kept);
  assert.match(await said("oauth", "remove", "m365", "--confirm"), /SMR0863/);
  assert.match(await said("status"), /Warning.*\*HOSTAUTH entry smtp\.example\.net names OAuth account M365/);
});
