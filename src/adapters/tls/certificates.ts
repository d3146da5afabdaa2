import { createPrivateKey, X509Certificate } from "node:crypto";
import { open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { SecureContext } from "node:tls";
import { err, ok, type Result } from "../../core/base/result.ts";
import { DAY_MS, type Instant } from "../../core/base/time.ts";
import type { Clock } from "../../flows/ports.ts";
import { makeSelfSigned, type CertificatePair } from "./self-signed.ts";
import { createServerContext } from "./server-context.ts";

export interface CertificateSource {
  /** The configured files; null for a self-signed certificate, which is made and kept in the data directory. */
  readonly files: { readonly certificate: string; readonly key: string } | null;
  readonly dataDirectory: string;
  readonly hostname: string;
}

/** A self-signed certificate lasts so long, and is made anew this long before its end. */
const SELF_SIGNED_MS = 3_650 * DAY_MS;
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** Certificates of authorities are renewed a month ahead; two weeks before the end something is wrong with that. */
const WARN_BEFORE_MS = 14 * DAY_MS;

interface Loaded {
  readonly pair: CertificatePair;
  readonly leaf: X509Certificate;
  readonly warnings: readonly string[];
}

/** What we show of ourselves in TLS. Read at start and again by `reload`; sessions under way keep what they began with. */
export class Certificates {
  readonly #source: CertificateSource;
  readonly #clock: Clock;
  #loaded: Loaded;

  private constructor(source: CertificateSource, clock: Clock, loaded: Loaded) {
    this.#source = source;
    this.#clock = clock;
    this.#loaded = loaded;
  }

  /** The fault is a sentence that names the file. The caller holds the lock of the data directory. */
  static async open(source: CertificateSource, clock: Clock): Promise<Result<Certificates, string>> {
    const loaded = await load(source, clock.now());
    return loaded.ok ? ok(new Certificates(source, clock, loaded.value)) : loaded;
  }

  /**
   * What one door asks at each handshake. Every door has a context of its own: a session of one, which may have fewer rights there, cannot
   * be resumed at another.
   */
  door(): () => SecureContext {
    let pair = this.#loaded.pair;
    let context = createServerContext(pair);
    return () => {
      if (pair !== this.#loaded.pair) {
        pair = this.#loaded.pair;
        context = createServerContext(pair);
      }
      return context;
    };
  }

  pair(): CertificatePair {
    return this.#loaded.pair;
  }

  /** Where certificate and key do not hold, nothing changes and the fault says why. */
  async reload(): Promise<Result<void, string>> {
    const loaded = await load(this.#source, this.#clock.now());
    if (!loaded.ok) return loaded;
    this.#loaded = loaded.value;
    return ok(undefined);
  }

  /** `self-signed, until 2036-11-22` or `/etc/…/fullchain.pem, until 2027-02-01`. */
  describe(): string {
    const end = this.#loaded.leaf.validToDate.toISOString().slice(0, 10);
    return `${this.#source.files?.certificate ?? "self-signed"}, until ${end}`;
  }

  warnings(): readonly string[] {
    const left = this.#loaded.leaf.validToDate.getTime() - this.#clock.now();
    const { warnings } = this.#loaded;
    if (left <= 0) return [...warnings, `the certificate has expired: ${this.describe()}`];
    if (left > WARN_BEFORE_MS) return warnings;
    return [...warnings, `the certificate expires in ${Math.ceil(left / DAY_MS)} day(s): ${this.describe()}`];
  }
}

async function load(source: CertificateSource, now: Instant): Promise<Result<Loaded, string>> {
  if (source.files) return await loadFiles(source.files, source.hostname);
  const kept = await loadKept(source, now);
  if (kept) return ok(kept);
  const pair = makeSelfSigned(source.hostname, now - DAY_MS, now + SELF_SIGNED_MS);
  await keep(source.dataDirectory, pair);
  return check(pair, [], "self-signed certificate");
}

async function loadFiles(
  files: { readonly certificate: string; readonly key: string },
  hostname: string,
): Promise<Result<Loaded, string>> {
  const certificate = await readText(files.certificate);
  if (!certificate.ok) return certificate;
  const key = await readText(files.key);
  if (!key.ok) return key;
  const warnings: string[] = [];
  if (((await stat(files.key)).mode & 0o007) !== 0)
    warnings.push(`${files.key} may be read by everybody: chmod 600 it`);
  const loaded = check({ certificate: certificate.value, key: key.value }, warnings, files.certificate, files.key);
  if (!loaded.ok || loaded.value.leaf.checkHost(hostname) !== undefined) return loaded;
  return ok({ ...loaded.value, warnings: [...warnings, `${files.certificate} does not name ${hostname}`] });
}

async function readText(file: string): Promise<Result<string, string>> {
  try {
    return ok(await readFile(file, "utf8"));
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
): Result<Loaded, string> {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(pair.certificate);
  } catch (fault) {
    return err(`${certificateName}: is no certificate in PEM: ${reason(fault)}`);
  }
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(pair.key)))
      return err(`${keyName}: is not the key of ${certificateName}`);
    createServerContext(pair);
    return ok({ pair, leaf, warnings });
  } catch (fault) {
    return err(`${keyName}: is no private key in PEM without a pass phrase: ${reason(fault)}`);
  }
}

function fileOf(dataDirectory: string): string {
  return join(dataDirectory, "self-signed.pem");
}

/** The certificate of an earlier start, where it still holds for our name and long enough; null where a new one is due. */
async function loadKept(source: CertificateSource, now: Instant): Promise<Loaded | null> {
  const text = await readText(fileOf(source.dataDirectory));
  if (!text.ok) return null;
  const at = text.value.indexOf("-----BEGIN CERTIFICATE-----");
  if (at < 0) return null;
  const pair = { certificate: text.value.slice(at), key: text.value.slice(0, at) };
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
