import type { IncomingMessage } from "node:http";
import https from "node:https";
import tls from "node:tls";
import { formatIpAddress } from "../../core/mail/ip.ts";
import type { Clock, NextHopServer } from "../../flows/ports.ts";
import type { GraphAnswer } from "./answer.ts";

export interface GraphRequest {
  readonly server: NextHopServer;
  readonly path: string;
  readonly token: string;
  /** MIME in base64. */
  readonly body: string;
}

export interface RequestOptions {
  readonly agent: https.Agent;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly answerOctetsMax: number;
  readonly ca?: string | readonly string[];
}

/** No answer came. */
export class GraphTrouble extends Error {
  override readonly name = "GraphTrouble";
  /** The whole request had gone out: whether it was heard nobody knows. */
  readonly isUncertain: boolean;
  /** A connection that was kept open turned out to be dead. */
  readonly isStale: boolean;

  constructor(text: string, isUncertain: boolean, isStale: boolean) {
    super(text);
    this.isUncertain = isUncertain;
    this.isStale = isStale;
  }
}

export interface Exchange {
  readonly answer: GraphAnswer;
  /** Protocol and cipher. */
  readonly tls: string;
}

/** One POST over a kept connection where there is one, to the address that the next hop has, with a certificate for its name. */
export async function post(request: GraphRequest, options: RequestOptions): Promise<Exchange> {
  const { server } = request;
  const address = formatIpAddress(server.address);
  const { family } = server.address;
  const { ca } = options;
  const outgoing = https.request({
    method: "POST",
    host: server.host,
    port: server.port,
    path: request.path,
    agent: options.agent,
    minVersion: "TLSv1.2",
    lookup: (_host, { all }, done) => {
      if (all === true) done(null, [{ address, family }]);
      else done(null, address, family);
    },
    ...(ca === undefined ? {} : { ca: [...tls.rootCertificates, ...[ca].flat()] }),
    headers: {
      Authorization: `Bearer ${request.token}`,
      "Content-Type": "text/plain",
      "Content-Length": request.body.length,
      Accept: "application/json",
      "User-Agent": "relaykeeper",
    },
  });
  const deadline = options.clock.after(options.timeoutMs, () => outgoing.destroy(new Error("no answer in time")));
  try {
    const exchange = await new Promise<Exchange>((resolve, reject) => {
      outgoing.on("error", reject);
      outgoing.once("response", (response) => readAnswer(response, options.answerOctetsMax, resolve));
      outgoing.end(request.body, "latin1");
    });
    return exchange;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    const isStale = outgoing.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET";
    throw new GraphTrouble(`${server.host} [${address}]:${server.port}: ${words}`, outgoing.writableFinished, isStale);
  } finally {
    deadline.cancel();
  }
}

/** Once the status is there the answer is known: what comes of its body changes nothing. */
function readAnswer(response: IncomingMessage, octetsMax: number, resolve: (exchange: Exchange) => void): void {
  const session = describeTls(response.socket);
  const { statusCode = 0, headers } = response;
  const requestId = headers["request-id"];
  const chunks: Buffer[] = [];
  let octets = 0;
  response.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    if (octets <= octetsMax) chunks.push(chunk);
    else response.destroy();
  });
  response.on("error", () => {});
  response.once("close", () => {
    const answer = {
      status: statusCode,
      body: Buffer.concat(chunks).toString("utf8"),
      retryAfter: headers["retry-after"],
      requestId: typeof requestId === "string" ? requestId : undefined,
    };
    resolve({ answer, tls: session });
  });
}

function describeTls(socket: unknown): string {
  if (!(socket instanceof tls.TLSSocket)) return "";
  return `${socket.getProtocol() ?? "TLS"} ${socket.getCipher().standardName} verified`;
}
