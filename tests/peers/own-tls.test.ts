/** Our own end of TLS, from outside: certificates that are renewed while the relay runs, and clients of another time. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rename, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import tls from "node:tls";
import { makeCertificate, type TestCertificate } from "./certificate.ts";
import { eventually, missing, missingRoot, run } from "./programs.ts";
import { Relay } from "./relay.ts";

const HOOK = resolve(import.meta.dirname, "../../packaging/certificate-hook.sh");

/** The serial number of the certificate that a new session is shown. */
async function shown(port: number): Promise<string> {
  const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

async function serialOf({ file }: TestCertificate): Promise<string> {
  const said = await run("openssl", ["x509", "-in", file, "-noout", "-serial"]);
  return said.stdout.trim().replace("serial=", "");
}

/** certbot's folders, with a first certificate. */
async function makeLineage(root: string) {
  for (const name of ["archive/relay.test", "live/relay.test"]) await mkdir(join(root, name), { recursive: true });
  const live = join(root, "live/relay.test");
  /** What a renewal does: numbered files, then each link is replaced. */
  const deploy = async (number: number): Promise<string> => {
    await using made = await makeCertificate("DNS:relay.test");
    for (const [name, file] of [
      ["fullchain", made.file],
      ["privkey", made.keyFile],
    ] as const) {
      await copyFile(file, join(root, `archive/relay.test/${name}${number}.pem`));
      await symlink(`../../archive/relay.test/${name}${number}.pem`, join(live, "link"));
      await rename(join(live, "link"), join(live, `${name}.pem`));
    }
    return await serialOf(made);
  };
  return { live, deploy };
}

test(
  "a renewal is shown to new sessions, without a restart and without a signal",
  { skip: missing("openssl") },
  async (t) => {
    const root = await mkdtemp(join(tmpdir(), "relaykeeper-lineage-"));
    t.after(async () => await rm(root, { recursive: true }));
    const { live, deploy } = await makeLineage(root);
    const first = await deploy(1);
    await using relay = await Relay.start({
      listeners: [{ tls: "implicit" }],
      moreConfig: `tls.certificate = "${live}/fullchain.pem"\ntls.key = "${live}/privkey.pem"`,
    });
    assert.equal(await shown(relay.port), first);
    const running = tls.connect({ port: relay.port, host: "127.0.0.1", rejectUnauthorized: false });
    await once(running, "data");
    const second = await deploy(2);
    await eventually(async () => assert.equal(await shown(relay.port), second));
    running.write("NOOP\r\n");
    const [answer] = (await once(running, "data")) as [Buffer];
    assert.match(answer.toString(), /^250 /, "a session under way goes on");
    running.destroy();
    assert.match(relay.log, /the certificate was read again: .*live\/relay\.test\/fullchain\.pem, until 20/);
    const status = (await relay.status()) as unknown as { certificateExpiresAt: string; warnings: string[] };
    const days = (Date.parse(status.certificateExpiresAt) - Date.now()) / 86_400_000;
    assert.ok(days > 29 && days <= 30, status.certificateExpiresAt);
  },
);

test(
  "the hook puts certificates of certbot and lego where the relay sees them",
  { skip: missingRoot("openssl", "install") },
  async (t) => {
    const root = await mkdtemp(join(tmpdir(), "relaykeeper-hook-"));
    t.after(async () => await rm(root, { recursive: true }));
    const folder = join(root, "etc");
    await mkdir(folder);
    const { live, deploy } = await makeLineage(root);
    const hook = async (env: Record<string, string>) => {
      const ran = await run(HOOK, [], {
        env: { RELAYKEEPER_CERTIFICATE_FOLDER: folder, RELAYKEEPER_GROUP: "nogroup", ...env },
      });
      assert.equal(ran.code, 0, ran.output);
    };
    const first = await deploy(1);
    await hook({ RENEWED_LINEAGE: live, RENEWED_DOMAINS: "relay.test" });
    const key = await stat(join(folder, "key.pem"));
    assert.equal(key.mode & 0o777, 0o640);
    assert.equal(key.gid, Number((await run("getent", ["group", "nogroup"])).stdout.split(":")[2]));
    await using relay = await Relay.start({
      listeners: [{ tls: "implicit" }],
      moreConfig: `tls.certificate = "${folder}/fullchain.pem"\ntls.key = "${folder}/key.pem"`,
    });
    assert.equal(await shown(relay.port), first);
    assert.doesNotMatch(relay.log, /chmod 600/, "a key that a group may read is nothing to warn of");
    for (const [certificate, keyName] of [
      ["LEGO_HOOK_CERT_PATH", "LEGO_HOOK_CERT_KEY_PATH"],
      ["LEGO_CERT_PATH", "LEGO_CERT_KEY_PATH"],
    ] as const) {
      await using made = await makeCertificate("DNS:relay.test");
      await hook({ [certificate]: made.file, [keyName]: made.keyFile });
      const serial = await serialOf(made);
      await eventually(async () => assert.equal(await shown(relay.port), serial));
    }
    const alone = await run(HOOK, [], { env: { RELAYKEEPER_CERTIFICATE_FOLDER: folder } });
    assert.notEqual(alone.code, 0);
    assert.match(alone.output, /run by neither certbot nor lego/);
  },
);

test(
  "openssl speaks TLS 1.0 from the listed address alone; log, status and journal say so",
  { skip: missing("openssl", "swaks") },
  async () => {
    await using relay = await Relay.start({
      localDomains: ["inside.test"],
      moreListener: `legacy_tls_from = ["127.0.0.9/32"]\nplain_auth_from = ["127.0.0.9/32"]`,
      listeners: [{ tls: "starttls", auth: "tls" }],
      users: { printer: "secret of the printer" },
    });
    const speak = async (from: string) =>
      await run(
        "openssl",
        [
          ...["s_client", "-connect", `127.0.0.1:${relay.port}`, "-bind", `${from}:0`, "-starttls", "smtp", "-tls1"],
          ...["-cipher", "DEFAULT:@SECLEVEL=0", "-crlf"],
        ],
        { input: "QUIT\n" },
      );
    const old = await speak("127.0.0.9");
    assert.match(old.output, /Protocol\s*: TLSv1$/m);
    const other = await speak("127.0.0.1");
    assert.match(other.output, /alert protocol version|no protocols available/);

    const sent = await run("swaks", [
      ...["--server", "127.0.0.1", "--port", String(relay.port), "--local-interface", "127.0.0.9"],
      ...["--from", "printer@client.test", "--to", "u@inside.test", "--auth", "PLAIN", "--auth-user", "printer"],
      ...["--auth-password", "secret of the printer"],
    ]);
    assert.equal(sent.code, 0, sent.output);
    const journal = await eventually(async () => {
      const { stdout } = await relay.cl("DSPSMTPJRN TYPE(*ACCEPTED)");
      assert.match(stdout, /none: AUTH\s+in the clear/);
      return stdout;
    });
    assert.match(journal, /printer@client\.test/);
    assert.match(relay.log, /TLS 1\.0 and 1\.1, which can be broken, are allowed to 127\.0\.0\.9\/32/);
    assert.match(relay.log, /passwords cross the network without TLS from 127\.0\.0\.9\/32/);
    const { stdout } = await relay.command(["status"]);
    assert.match(stdout, /TLS 1\.0 FOR 127\.0\.0\.9\/32, AUTH WITHOUT TLS FOR 127\.0\.0\.9\/32/);
  },
);
