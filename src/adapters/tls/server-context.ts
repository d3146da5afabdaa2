import { constants } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import type { CertificatePair } from "./self-signed.ts";

/**
 * How we are a server of TLS: from version 1.2 on (RFC 8996), without renegotiation. Each context seals its session tickets with a key of
 * its own, so that what was begun with one cannot be resumed with another. Throws where certificate and key do not hold.
 */
export function createServerContext({ certificate, key }: CertificatePair): SecureContext {
  return createSecureContext({
    cert: certificate,
    key,
    minVersion: "TLSv1.2",
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
}
