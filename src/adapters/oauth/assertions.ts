import { constants, createPrivateKey, sign, X509Certificate, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { AssertionCryptography } from "../../flows/oauth-ports.ts";

const signAside = promisify(sign);
/** RFC 7518 §3.3 and §3.5. */
const RSA_BITS_MIN = 2_048;

/** OpenSSL's, by way of node; RSA signs on the thread pool. */
export const assertionCryptography: AssertionCryptography = {
  open(text) {
    const key = keyOf(text);
    if (key === null) return null;
    return {
      async sign(algorithm, octets) {
        if (algorithm === "RS256") return await signAside("sha256", octets, key);
        const padding = constants.RSA_PKCS1_PSS_PADDING;
        return await signAside("sha256", octets, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
      },
    };
  },
  certificate(text, privateKey) {
    const key = keyOf(privateKey);
    try {
      const certificate = new X509Certificate(text);
      if (key === null || !certificate.checkPrivateKey(key)) return null;
      const thumbprint = Buffer.from(certificate.fingerprint256.replaceAll(":", ""), "hex");
      return { thumbprint, endsAt: Date.parse(certificate.validTo) };
    } catch {
      return null; // no certificate
    }
  },
};

function keyOf(text: string): KeyObject | null {
  try {
    const key = createPrivateKey(text);
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return key.asymmetricKeyType === "rsa" && bits >= RSA_BITS_MIN ? key : null;
  } catch {
    return null; // no key at all, or sealed with a passphrase
  }
}
