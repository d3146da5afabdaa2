/** Certificates with a chain, made by openssl: a root, an authority below it, and servers that one of them vouches for. */
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsaRecord } from "../../src/core/mail/dns-answer.ts";
import { programPath } from "../peers/programs.ts";

export interface Issued {
  /** Its own certificate alone, PEM. */
  readonly own: string;
  /** With those above it. */
  readonly chain: string;
  readonly key: string;
}

export interface IssueOptions {
  /** X.509 extensions, as openssl.cnf has them. */
  readonly extensions?: string;
  /** Its last day was yesterday: openssl knows no earlier one. */
  readonly isExpired?: boolean;
}

export const AUTHORITY = "basicConstraints=critical,CA:TRUE";
const NO_AUTHORITY = "basicConstraints=critical,CA:FALSE";

/** Certificates of one test; the folder is gone when it returns. */
export class Issuer {
  readonly #folder = mkdtempSync(join(tmpdir(), "relaykeeper-authority-"));
  #serial = 1;

  root(name: string): Issued {
    return this.#issue(name, null, { extensions: AUTHORITY });
  }

  authority(name: string, above: Issued, extensions = ""): Issued {
    return this.#issue(name, above, { extensions: `${AUTHORITY}\n${extensions}` });
  }

  server(name: string, above: Issued | null, options: IssueOptions = {}): Issued {
    const extensions = options.extensions ?? `${NO_AUTHORITY}\nsubjectAltName=DNS:${name}`;
    return this.#issue(name, above, { ...options, extensions });
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #issue(name: string, above: Issued | null, { extensions = "", isExpired = false }: IssueOptions): Issued {
    const file = (kind: string): string => join(this.#folder, `${this.#serial}.${kind}`);
    const openssl = (...args: string[]): void => void execFileSync(programPath("openssl"), args, { stdio: "pipe" });
    this.#serial++;
    writeFileSync(file("ext"), extensions);
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl("req", ...curve, "-subj", `/CN=${name}`, "-keyout", file("key"), "-out", file("csr"));
    const dates = ["-days", isExpired ? "-1" : "30"];
    const signer = ["-signkey", file("key")];
    if (above !== null) {
      writeFileSync(file("above"), above.own + above.key);
      signer.splice(0, 2, "-CA", file("above"), "-CAkey", file("above"), "-set_serial", String(this.#serial));
    }
    openssl("x509", "-req", "-in", file("csr"), ...signer, ...dates, "-extfile", file("ext"), "-out", file("pem"));
    const own = readFileSync(file("pem"), "utf8");
    return { own, chain: own + (above?.chain ?? ""), key: readFileSync(file("key"), "utf8") };
  }
}

/** A TLSA record for the certificate: `tlsa(3, 1, 1, leaf)`. */
export function tlsa(usage: number, selector: number, matchingType: number, { own }: Pick<Issued, "own">): TlsaRecord {
  const opened = new X509Certificate(own);
  const selected = selector === 0 ? opened.raw : opened.publicKey.export({ type: "spki", format: "der" });
  const digest = (name: string): Buffer => createHash(name).update(selected).digest();
  const octets = matchingType === 0 ? selected : digest(matchingType === 1 ? "sha256" : "sha512");
  return { usage, selector, matchingType, octets };
}
