/** A web server on loopback for one test. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { CertificatePair } from "../src/adapters/tls/self-signed.ts";

export type Answering = (request: IncomingMessage, response: ServerResponse) => void;

/** Its port. It ends with the test. */
export async function startWebServer(t: TestContext, answering: Answering, pair: CertificatePair): Promise<number> {
  const server = https.createServer({ cert: pair.certificate, key: pair.key }, answering);
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
