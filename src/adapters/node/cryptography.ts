import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  pbkdf2,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { promisify } from "node:util";
import type { Cryptography } from "../../flows/ports.ts";

export const SEALING_KEY_OCTETS = 32;

const VERSION = "v1:";
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
const pbkdf2Async = promisify(pbkdf2);

/** OpenSSL's, by way of node. `sealingKey` is the key of the data directory. */
export function createCryptography(sealingKey: Uint8Array): Cryptography {
  return {
    randomOctets: (count) => randomBytes(count),
    sha256: (octets) => hash("sha256", octets, "buffer"),
    hmacSha256(key) {
      const secret = createSecretKey(key);
      return (octets) => createHmac("sha256", secret).update(octets).digest();
    },
    pbkdf2Sha256: (password, salt, iterations) => pbkdf2Async(password, salt, iterations, 32, "sha256"),
    equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
    seal(secret) {
      const nonce = randomBytes(NONCE_OCTETS);
      const cipher = createCipheriv("aes-256-gcm", sealingKey, nonce, { authTagLength: TAG_OCTETS });
      const sealed = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
      return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
    },
    unseal(text) {
      if (!text.startsWith(VERSION)) return null;
      const octets = Buffer.from(text.slice(VERSION.length), "base64");
      if (octets.length < NONCE_OCTETS + TAG_OCTETS) return null;
      const nonce = octets.subarray(0, NONCE_OCTETS);
      const decipher = createDecipheriv("aes-256-gcm", sealingKey, nonce, { authTagLength: TAG_OCTETS });
      decipher.setAuthTag(octets.subarray(NONCE_OCTETS, NONCE_OCTETS + TAG_OCTETS));
      try {
        const secret = decipher.update(octets.subarray(NONCE_OCTETS + TAG_OCTETS));
        return Buffer.concat([secret, decipher.final()]).toString("utf8");
      } catch {
        return null; // another key, or tampered with
      }
    },
  };
}
