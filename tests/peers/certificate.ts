/** Certificates of the tests' own, made by openssl. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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

export interface TestAuthority {
  /** Its own certificate. */
  readonly file: string;
  /** `NAME.pem` and `NAME.key` in the authority's folder, for `names`; with the chain behind it, and valid around `at` (30 days). */
  issue(
    name: string,
    names: readonly string[],
    at?: Date,
  ): Promise<{ readonly file: string; readonly keyFile: string }>;
}

/** An authority of the tests' own, in a folder that is the caller's. */
export async function makeAuthority(folder: string): Promise<TestAuthority> {
  const [file, keyFile] = [join(folder, "authority.pem"), join(folder, "authority.key")];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const openssl = async (args: readonly string[], at?: Date): Promise<void> => {
    const late = at === undefined ? null : ["faketime", at.toISOString().slice(0, 19).replace("T", " "), "openssl"];
    const [program = "openssl", ...before] = late ?? ["openssl"];
    const made = await run(program, [...before, ...args], { env: { TZ: "UTC" } });
    assert.equal(made.code, 0, made.output);
  };
  const usage = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
  await openssl([
    "req",
    "-x509",
    ...key,
    "-days",
    "30",
    "-subj",
    "/CN=test authority",
    ...usage,
    "-keyout",
    keyFile,
    "-out",
    file,
  ]);
  return {
    file,
    async issue(name, names, at) {
      const issued = { file: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
      const [request, extensions] = [`${issued.file}.csr`, `${issued.file}.ext`];
      await writeFile(extensions, `subjectAltName=${names.map((one) => `DNS:${one}`).join(",")}\n`);
      await openssl(["req", "-new", ...key, "-subj", `/CN=${name}`, "-keyout", issued.keyFile, "-out", request]);
      const signing = ["-CA", file, "-CAkey", keyFile, "-CAcreateserial", "-days", "30", "-extfile", extensions];
      await openssl(["x509", "-req", "-in", request, ...signing, "-out", issued.file], at);
      await writeFile(issued.file, (await readFile(issued.file, "utf8")) + (await readFile(file, "utf8")));
      return issued;
    },
  };
}
