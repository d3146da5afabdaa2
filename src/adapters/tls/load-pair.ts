/** Certificate and key from their files, or from the data directory where they are our own, checked by themselves and together. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { err, ok, type Result } from "../../core/base/result.ts";
import { DAY_MS, type Instant } from "../../core/base/time.ts";
import { makeSelfSigned, type CertificatePair } from "./self-signed.ts";
import { createServerContext } from "./server-context.ts";

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateSource {
  /** The configured files; null for a self-signed certificate, which is made and kept in the data directory. */
  readonly files: CertificateFiles | null;
  readonly dataDirectory: string;
  readonly hostname: string;
}

export interface LoadedPair {
  readonly pair: CertificatePair;
  readonly leaf: X509Certificate;
  readonly warnings: readonly string[];
}

/** A self-signed certificate lasts so long, and is made anew this long before its end. */
const SELF_SIGNED_MS = 3_650 * DAY_MS;
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** A chain of the longest keys has some 20 KiB: what is larger is another file. */
const FILE_OCTETS_MAX = 1_048_576;

/** The fault is a sentence that names the file. */
export async function loadPair(source: CertificateSource, now: Instant): Promise<Result<LoadedPair, string>> {
  if (source.files) return await loadFiles(source.files, source.hostname);
  const kept = await loadKept(source, now);
  if (kept) return ok(kept);
  const pair = makeSelfSigned(source.hostname, now - DAY_MS, now + SELF_SIGNED_MS);
  await keep(source.dataDirectory, pair);
  return check(pair, [], "self-signed certificate");
}

async function loadFiles(files: CertificateFiles, hostname: string): Promise<Result<LoadedPair, string>> {
  const certificate = await readPem(files.certificate);
  if (!certificate.ok) return certificate;
  const key = await readPem(files.key);
  if (!key.ok) return key;
  const warnings = key.value.isForEverybody ? [`${files.key} may be read by everybody: chmod 600 it`] : [];
  const pair = { certificate: certificate.value.text, key: key.value.text };
  const loaded = check(pair, warnings, files.certificate, files.key);
  if (!loaded.ok || loaded.value.leaf.checkHost(hostname) !== undefined) return loaded;
  return ok({ ...loaded.value, warnings: [...warnings, `${files.certificate} does not name ${hostname}`] });
}

/** Content and mode of one and the same file: by name it may be another one in the next moment. */
async function readPem(file: string): Promise<Result<{ text: string; isForEverybody: boolean }, string>> {
  try {
    await using handle = await open(file);
    const { mode, size } = await handle.stat();
    if (size > FILE_OCTETS_MAX) return err(`${file}: is too large for PEM: ${size} octets`);
    return ok({ text: await handle.readFile("utf8"), isForEverybody: (mode & 0o007) !== 0 });
  } catch (fault) {
    return err(`${file}: cannot be read: ${reason(fault)}`);
  }
}

/** Whether certificate and key hold by themselves and together. */
function check(
  pair: CertificatePair,
  warnings: readonly string[],
  certificateName: string,
  keyName = certificateName,
): Result<LoadedPair, string> {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(pair.certificate);
  } catch (fault) {
    return err(`${certificateName}: is no certificate in PEM: ${reason(fault)}`);
  }
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(pair.key)))
      return err(`${keyName}: is not the key of ${certificateName}`);
  } catch (fault) {
    return err(`${keyName}: is no private key in PEM without a pass phrase: ${reason(fault)}`);
  }
  try {
    createServerContext(pair);
    return ok({ pair, leaf, warnings });
  } catch (fault) {
    return err(`${certificateName}: cannot be used for TLS: ${reason(fault)}`);
  }
}

function fileOf(dataDirectory: string): string {
  return join(dataDirectory, "self-signed.pem");
}

/** The certificate of an earlier start, where it still holds for our name and long enough; null where a new one is due. */
async function loadKept(source: CertificateSource, now: Instant): Promise<LoadedPair | null> {
  const text = await readFile(fileOf(source.dataDirectory), "utf8").catch(() => "");
  const at = text.indexOf("-----BEGIN CERTIFICATE-----");
  if (at < 0) return null;
  const pair = { certificate: text.slice(at), key: text.slice(0, at) };
  const loaded = check(pair, [], "self-signed certificate");
  if (!loaded.ok) return null;
  const { leaf } = loaded.value;
  const lasts = leaf.validToDate.getTime() - now > RENEW_BEFORE_MS && leaf.validFromDate.getTime() <= now;
  return lasts && leaf.checkHost(source.hostname) !== undefined ? loaded.value : null;
}

/** Key and certificate in one file, so that a power cut cannot leave a pair that does not match. */
async function keep(dataDirectory: string, pair: CertificatePair): Promise<void> {
  const file = fileOf(dataDirectory);
  const handle = await open(`${file}.new`, "w", 0o600);
  try {
    await handle.writeFile(pair.key + pair.certificate);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

function reason(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
