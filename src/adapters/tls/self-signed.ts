import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import type { Instant } from "../../core/base/time.ts";
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from "./der.ts";

/** Both as PEM. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));

/**
 * A certificate for `hostname` that vouches for itself (RFC 5280): ECDSA on P-256, from `notBefore` to `notAfter`, for the two ends
 * of TLS and not as an authority.
 */
export function makeSelfSigned(hostname: string, notBefore: Instant, notAfter: Instant): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const body = certificateBody(hostname, notBefore, notAfter, publicKey);
  const der = sequence(body, ECDSA_WITH_SHA256, bitString(sign("sha256", body, privateKey)));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    certificate: ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n"),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** TBSCertificate, version 3 (RFC 5280 §4.1). */
function certificateBody(hostname: string, notBefore: Instant, notAfter: Instant, publicKey: KeyObject): Buffer {
  const name = commonName(hostname);
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and of one length
  return sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(new Date(notBefore)), time(new Date(notAfter))),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    explicit(3, extensions(hostname)),
  );
}

/** At most 64 characters (RFC 5280 appendix A.1); the whole name stands in subjectAltName. */
function commonName(hostname: string): Buffer {
  return sequence(set(sequence(objectIdentifier("2.5.4.3"), utf8String(hostname.slice(0, 64)))));
}

function extensions(hostname: string): Buffer {
  const critical = boolean(true);
  const digitalSignature = bitString(Buffer.from([0x80]), 7);
  const purposes = sequence(objectIdentifier("1.3.6.1.5.5.7.3.1"), objectIdentifier("1.3.6.1.5.5.7.3.2"));
  const names = sequence(implicit(2, Buffer.from(hostname, "latin1")));
  return sequence(
    sequence(objectIdentifier("2.5.29.19"), critical, octetString(sequence())), // basicConstraints: no authority
    sequence(objectIdentifier("2.5.29.15"), critical, octetString(digitalSignature)),
    sequence(objectIdentifier("2.5.29.37"), octetString(purposes)),
    sequence(objectIdentifier("2.5.29.17"), octetString(names)),
  );
}
