import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import tls from "node:tls";
import { DAY_MS } from "../../core/base/time.ts";
import type { Clock } from "../../flows/ports.ts";
import { Certificates } from "./certificates.ts";
import { makeSelfSigned } from "./self-signed.ts";

const now = Date.now();
const clockAt = (instant: number): Clock => ({ now: () => instant, after: () => ({ cancel: () => undefined }) });
const clock = clockAt(now);

let dataDirectory = "";
beforeEach(async () => (dataDirectory = await mkdtemp(join(tmpdir(), "relaykeeper-tls-"))));
afterEach(async () => await rm(dataDirectory, { recursive: true }));

async function opened(
  hostname: string,
  files: { certificate: string; key: string } | null = null,
  at = clock,
): Promise<Certificates> {
  const certificates = await Certificates.open({ files, dataDirectory, hostname }, at);
  assert.ok(certificates.ok, certificates.ok ? "" : certificates.error);
  return certificates.value;
}

/** Makes a handshake in which the client trusts `ca` alone and wants `servername`. */
async function handshake(context: tls.SecureContext, ca: string, servername: string): Promise<tls.TLSSocket> {
  const server = tls.createServer({ SNICallback: (_name, done) => done(null, context) }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ port, host: "127.0.0.1", ca, servername });
  try {
    await once(client, "secureConnect");
    return client;
  } finally {
    client.destroy();
    server.close();
  }
}

describe("makeSelfSigned()", () => {
  test("makes what X.509 readers understand", () => {
    const { certificate } = makeSelfSigned("relay.example.com", now, now + DAY_MS);
    const read = new X509Certificate(certificate);
    assert.equal(read.subject, "CN=relay.example.com");
    assert.equal(read.subjectAltName, "DNS:relay.example.com");
    assert.equal(read.ca, false);
    assert.ok(read.verify(read.publicKey));
    assert.equal(Math.floor(now / 1000), read.validFromDate.getTime() / 1000);
    assert.deepEqual(read.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  });

  test("goes over 2049 and over 64 characters", () => {
    const hostname = `${"a".repeat(60)}.${"b".repeat(60)}.example`;
    const { certificate } = makeSelfSigned(hostname, now, Date.UTC(2051, 0, 2));
    const read = new X509Certificate(certificate);
    assert.equal(read.checkHost(hostname), hostname);
    assert.equal(read.validToDate.toISOString(), "2051-01-02T00:00:00.000Z");
  });
});

describe("Certificates", () => {
  test("shows a self-signed certificate that a client which trusts it accepts", async () => {
    const certificates = await opened("relay.example.com");
    const client = await handshake(certificates.door()("modern"), certificates.pair().certificate, "relay.example.com");
    assert.equal(client.authorized, true);
    assert.match(certificates.describe(), /^self-signed, until 20\d\d-/);
    assert.deepEqual(certificates.warnings(), []);
    assert.equal((await stat(join(dataDirectory, "self-signed.pem"))).mode & 0o777, 0o600);
  });

  test("keeps it over a restart, and makes another for another name or near its end", async () => {
    const first = (await opened("relay.example.com")).pair();
    assert.deepEqual((await opened("relay.example.com")).pair(), first);
    const late = clockAt(now + 3_640 * DAY_MS);
    assert.notDeepEqual((await opened("relay.example.com", null, late)).pair(), first);
    assert.notDeepEqual((await opened("other.example.com")).pair(), first);
  });

  async function files(hostname: string, days = 90) {
    const pair = makeSelfSigned(hostname, now - DAY_MS, now + days * DAY_MS);
    const names = { certificate: join(dataDirectory, "c.pem"), key: join(dataDirectory, "k.pem") };
    await writeFile(names.certificate, pair.certificate);
    await writeFile(names.key, pair.key, { mode: 0o600 });
    return names;
  }

  test("reads configured files and reads them again", async () => {
    const names = await files("relay.example.com");
    const certificates = await opened("relay.example.com", names);
    assert.match(certificates.describe(), /c\.pem, until /);
    const before = certificates.pair().certificate;
    await files("relay.example.com");
    assert.ok((await certificates.reload()).ok);
    assert.notEqual(certificates.pair().certificate, before);
  });

  test("gives each door a context that stays until the certificate changes", async () => {
    const certificates = await opened("relay.example.com", await files("relay.example.com"));
    const [one, other] = [certificates.door(), certificates.door()];
    assert.equal(one("modern"), one("modern"));
    assert.notEqual(one("modern"), other("modern"));
    const before = one("modern");
    await files("relay.example.com");
    assert.ok((await certificates.reload()).ok);
    assert.notEqual(one("modern"), before);
    assert.equal(one("modern"), one("modern"));
  });

  test("keeps what it has where the new files do not hold", async () => {
    const names = await files("relay.example.com");
    const certificates = await opened("relay.example.com", names);
    const before = certificates.pair();
    await writeFile(names.key, makeSelfSigned("relay.example.com", now, now + DAY_MS).key);
    const reloaded = await certificates.reload();
    assert.match(reloaded.ok ? "" : reloaded.error, /k\.pem: is not the key of .*c\.pem/);
    await writeFile(names.certificate, "nonsense");
    const again = await certificates.reload();
    assert.match(again.ok ? "" : again.error, /c\.pem: is no certificate/);
    await writeFile(names.certificate, "x".repeat(1_048_577));
    const large = await certificates.reload();
    assert.match(large.ok ? "" : large.error, /c\.pem: is too large for PEM/);
    await rm(names.certificate);
    const missing = await certificates.reload();
    assert.match(missing.ok ? "" : missing.error, /c\.pem: cannot be read/);
    assert.equal(certificates.pair(), before);
    assert.match(
      certificates.warnings().join("\n"),
      /c\.pem: cannot be read.*; the certificate of before stays in use/,
    );
    await files("relay.example.com");
    assert.ok((await certificates.reload()).ok);
    assert.deepEqual(certificates.warnings(), []);
  });

  test("the same files read again leave contexts, and with them sessions to resume, as they are", async () => {
    const certificates = await opened("relay.example.com", await files("relay.example.com"));
    const door = certificates.door();
    const before = door("modern");
    assert.ok((await certificates.reload()).ok);
    assert.equal(door("modern"), before);
  });

  test("warns of its end: three weeks before, in the last week, and afterwards", async () => {
    const names = await files("relay.example.com", 90);
    const warningIn = async (days: number): Promise<string | null> =>
      (await opened("relay.example.com", names, clockAt(now + days * DAY_MS + 1_000))).expiryWarning();
    assert.equal(await warningIn(68), null);
    assert.match((await warningIn(69)) ?? "", /^the certificate expires in 21 day\(s\): .*c\.pem, until 20/);
    assert.match((await warningIn(83)) ?? "", /^the certificate expires in 7 day\(s\), and nothing renewed it/);
    assert.match((await warningIn(89)) ?? "", /^the certificate expires in 1 day\(s\)/);
    assert.match((await warningIn(90)) ?? "", /^the certificate has expired/);
    const certificates = await opened("relay.example.com", names);
    assert.equal(certificates.expiresAt(), Math.floor((now + 90 * DAY_MS) / 1_000) * 1_000);
  });

  test("warns of its end, of another name and of a key for everybody", async () => {
    const names = await files("elsewhere.example", 10);
    await chmod(names.key, 0o644);
    const warnings = (await opened("relay.example.com", names)).warnings().join("\n");
    assert.match(warnings, /chmod 600/);
    assert.match(warnings, /does not name relay\.example\.com/);
    assert.match(warnings, /expires in 10 day/);
    const late = await opened("elsewhere.example", names, clockAt(now + 11 * DAY_MS));
    assert.match(late.warnings().join("\n"), /has expired/);
  });
});
