/** Certificates of the tests' own, made by openssl. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./programs.ts";

/** Its folder goes when it is disposed of, where it is its own. */
export interface TestCertificate extends AsyncDisposable {
  readonly file: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** A self-signed certificate for `DNS:relay.test` or `IP:127.0.0.1`, in `folder` or in one of its own. */
export async function makeCertificate(name: string, folder?: string): Promise<TestCertificate> {
  const where = folder ?? (await mkdtemp(join(tmpdir(), "relaykeeper-certificate-")));
  const file = join(where, "certificate.pem");
  const keyFile = join(where, "key.pem");
  const made = await run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"],
    ...["-subj", `/CN=${name.replace(/^\w+:/, "")}`, "-addext", `subjectAltName=${name}`],
    ...["-keyout", keyFile, "-out", file],
  ]);
  assert.equal(made.code, 0, made.output);
  return {
    file,
    keyFile,
    cert: await readFile(file, "utf8"),
    key: await readFile(keyFile, "utf8"),
    async [Symbol.asyncDispose]() {
      if (folder === undefined) await rm(where, { recursive: true });
    },
  };
}
