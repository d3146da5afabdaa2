import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  hash,
  sign,
  type KeyObject,
} from "node:crypto";
import { promisify } from "node:util";
import type { DkimAlgorithm } from "../../core/dkim/key.ts";
import type { SigningCryptography } from "../../flows/ports.ts";

const generate = promisify(generateKeyPair);
const signAside = promisify(sign);
const RSA_BITS = 2_048;
/** In front of the 32 octets of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410 §4). */
const ED25519_PREFIX_OCTETS = 12;

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
  digest() {
    const digest = createHash("sha256");
    return { push: (octets) => void digest.update(octets), end: () => digest.digest() };
  },
};

function publicKeyOf(privateKey: KeyObject): string {
  const octets = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return (privateKey.asymmetricKeyType === "rsa" ? octets : octets.subarray(ED25519_PREFIX_OCTETS)).toString("base64");
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
