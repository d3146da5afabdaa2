import { constants } from "node:crypto";
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext } from "node:tls";
import type { TlsAge } from "../../flows/listener-state.ts";
import type { CertificatePair } from "./self-signed.ts";

/**
 * How we are a server of TLS: from version 1.2 on (RFC 8996), without renegotiation. Each context seals its session tickets with a key of
 * its own, so that what was begun with one cannot be resumed with another. Throws where certificate and key do not hold.
 */
export function createServerContext({ certificate, key }: CertificatePair, age: TlsAge = "modern"): SecureContext {
  return createSecureContext({
    cert: certificate,
    key,
    // Level 0 of OpenSSL: from level 1 on it refuses the signatures that TLS 1.0 and 1.1 are made with.
    ...(age === "modern"
      ? { minVersion: "TLSv1.2" }
      : { minVersion: "TLSv1", ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0` }),
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
}
