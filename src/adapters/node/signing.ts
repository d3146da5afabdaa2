import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  hash,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { promisify } from "node:util";
import type { DkimAlgorithm } from "../../core/dkim/key.ts";
import type { PublishedKey } from "../../core/dkim/key-record.ts";
import type { SigningCryptography } from "../../flows/signing-ports.ts";

const generate = promisify(generateKeyPair);
const signAside = promisify(sign);
const RSA_BITS = 2_048;
/** In front of the 32 octets of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410 §4). */
const ED25519_PREFIX_OCTETS = 12;
const ED25519_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
/** RFC 8301 §3.2: shorter keys are not believed; longer ones cost more than a signature is worth. */
const RSA_BITS_MIN = 1_024;
const RSA_BITS_MAX = 4_096;
const EXPONENT_MAX = 0xffff_ffffn;

/** OpenSSL's, by way of node. Keys are made on the thread pool, and RSA signs there: it takes a quarter of a millisecond. */
export const signingCryptography: SigningCryptography = {
  async generate(algorithm) {
    const { privateKey } =
      algorithm === "rsa-sha256"
        ? await generate("rsa", { modulusLength: RSA_BITS })
        : await generate("ed25519", undefined);
    return {
      privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      publicKey: publicKeyOf(privateKey),
    };
  },
  open(algorithm, text) {
    let privateKey: KeyObject;
    try {
      privateKey = createPrivateKey(text);
    } catch {
      return null; // no key at all
    }
    if (privateKey.asymmetricKeyType !== (algorithm === "rsa-sha256" ? "rsa" : "ed25519")) return null;
    return { publicKey: publicKeyOf(privateKey), sign: (octets) => signWith(algorithm, privateKey, octets) };
  },
  async verify(key, octets, signature) {
    const publicKey = openPublished(key);
    if (publicKey === null) return "key";
    const signed = Buffer.from(signature, "base64");
    // At once: handing it to another thread costs as much.
    if (key.type === "rsa") return verify("sha256", octets, publicKey, signed);
    return verify(null, hash("sha256", octets, "buffer"), publicKey, signed);
  },
  digest() {
    const digest = createHash("sha256");
    return { push: (octets) => void digest.update(octets), end: () => digest.digest() };
  },
};

function publicKeyOf(privateKey: KeyObject): string {
  const octets = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return (privateKey.asymmetricKeyType === "rsa" ? octets : octets.subarray(ED25519_PREFIX_OCTETS)).toString("base64");
}

/** null where it is no key of its kind, or one that nobody should believe. */
function openPublished({ type, publicKey }: PublishedKey): KeyObject | null {
  const octets = Buffer.from(publicKey, "base64");
  if (type === "ed25519") {
    return octets.length === 32 ? openDer(Buffer.concat([ED25519_PREFIX, octets]), "spki") : null;
  }
  // RFC 6376 §3.6.1 names the inner form of RSA; nearly everybody publishes the outer one.
  const key = openDer(octets, "spki") ?? openDer(octets, "pkcs1");
  const { modulusLength = 0, publicExponent = 0n } = key?.asymmetricKeyDetails ?? {};
  const isBelieved = modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX && publicExponent <= EXPONENT_MAX;
  return key?.asymmetricKeyType === "rsa" && isBelieved ? key : null;
}

function openDer(key: Buffer, type: "spki" | "pkcs1"): KeyObject | null {
  try {
    return createPublicKey({ key, format: "der", type });
  } catch {
    return null; // no key in this form
  }
}

/**
 * RSASSA-PKCS1-v1_5 over the octets, or Ed25519 over their SHA-256 (RFC 8463 §3). Ed25519 is done at once: handing it to another thread
 * costs as much.
 */
async function signWith(algorithm: DkimAlgorithm, key: KeyObject, octets: Uint8Array): Promise<Uint8Array> {
  return algorithm === "rsa-sha256"
    ? await signAside("sha256", octets, key)
    : sign(null, hash("sha256", octets, "buffer"), key);
}
