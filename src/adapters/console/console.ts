import type { AddressInfo } from "node:net";
import fastify from "fastify";
import { err, ok, type Result } from "../../core/base/result.ts";
import { formatIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import type { Measures } from "../../flows/measure.ts";
import { formatMetrics } from "./metrics.ts";

export interface Health {
  /** The program runs; where it does not, it should be started again. */
  readonly live: boolean;
  /** It takes mail. */
  readonly ready: boolean;
}

export interface Console {
  /** With the port that the system chose for 0: `127.0.0.1:8025`. */
  readonly bound: string;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 256;

/** The HTTP port for what watches the program. It has no sign-in, and so stays on loopback. */
export async function openConsole(
  address: { readonly address: IpAddress; readonly port: number },
  health: () => Health,
  measures: () => Promise<Measures>,
): Promise<Result<Console, string>> {
  const host = formatIpAddress(address.address);
  if (!isLoopback(address.address)) return err(`console ${host}: only a loopback address is possible`);
  const app = fastify({
    bodyLimit: 1_024,
    forceCloseConnections: true,
    requestTimeout: 10_000,
    exposeHeadRoutes: true,
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.get("/health/live", async (_request, reply) => {
    const { live } = health();
    return await reply.status(live ? 200 : 503).send({ live });
  });
  app.get("/health/ready", async (_request, reply) => {
    const { ready } = health();
    return await reply.status(ready ? 200 : 503).send({ ready });
  });
  app.get("/metrics", async (_request, reply) => {
    const text = formatMetrics(await measures());
    return await reply.type("text/plain; version=0.0.4; charset=utf-8").send(text);
  });
  try {
    await app.listen({ host, port: address.port });
  } catch (fault) {
    return err(`console ${host}:${address.port}: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
  const { port } = app.server.address() as AddressInfo;
  return ok({ bound: `${host.includes(":") ? `[${host}]` : host}:${port}`, close: async () => await app.close() });
}

function isLoopback(address: IpAddress): boolean {
  return address.family === 4 ? address.bits >>> 24 === 127 : address.words.join() === "0,0,0,1";
}
