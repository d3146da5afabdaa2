import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import tls from "node:tls";
import type { Limits } from "../../core/base/limits.ts";
import { err, ok } from "../../core/base/result.ts";
import { formatIpAddress } from "../../core/mail/ip.ts";
import { parseEndpoint } from "../../core/oauth/account.ts";
import type { WebAnswer, WebClient } from "../../flows/oauth-ports.ts";
import type { Clock, Resolver } from "../../flows/ports.ts";

export interface WebClientOptions {
  readonly resolver: Pick<Resolver, "addresses">;
  readonly clock: Clock;
  readonly limits: Pick<Limits, "oauthTimeoutMs" | "oauthAnswerOctets">;
  /** As User-Agent. */
  readonly agent: string;
  /** Certificates that are trusted besides those of the system, PEM. */
  readonly ca?: string | readonly string[];
}

/**
 * Posts forms by HTTPS 1.1, each on a connection of its own: tokens are asked for once an hour. The certificate must be valid for the
 * name. HTTP goes to this machine alone.
 */
export function createWebClient(options: WebClientOptions): WebClient {
  const open = new Set<ClientRequest>();
  return {
    async post(url, form) {
      const endpoint = parseEndpoint(url);
      if (!endpoint.ok) return err(`${url} is no address of HTTPS`);
      try {
        return ok(await exchange(endpoint.value, form, options, open));
      } catch (fault) {
        return err(`${new URL(url).host}: ${fault instanceof Error ? fault.message : String(fault)}`);
      }
    },
    close() {
      for (const request of [...open]) request.destroy(new Error("the relay is shutting down"));
    },
  };
}

async function exchange(
  url: string,
  form: string,
  options: WebClientOptions,
  open: Set<ClientRequest>,
): Promise<WebAnswer> {
  const { clock, limits } = options;
  const request = start(url, form, options);
  open.add(request);
  const deadline = clock.after(limits.oauthTimeoutMs, () => request.destroy(new Error("no answer in time")));
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once("response", resolve);
      // Errors after the answer began reach who reads it; this listener then hears them for nobody.
      request.on("error", reject);
      request.end(form);
    });
    const { statusCode = 0, headers } = answer;
    const body = await read(answer, limits.oauthAnswerOctets);
    const date = Date.parse(headers.date ?? "");
    return { status: statusCode, body, retryAfter: headers["retry-after"], date: Number.isNaN(date) ? null : date };
  } finally {
    deadline.cancel();
    open.delete(request);
    request.destroy();
  }
}

function start(url: string, form: string, { resolver, agent, ca }: WebClientOptions): ClientRequest {
  const options: RequestOptions = {
    method: "POST",
    agent: false,
    lookup: lookupBy(resolver),
    headers: {
      "Content-Type": "application/x-www-form-urlencoded",
      "Content-Length": Buffer.byteLength(form),
      Accept: "application/json",
      "User-Agent": agent,
      Connection: "close",
    },
  };
  if (url.startsWith("http:")) return http.request(url, options);
  const trusted = ca === undefined ? {} : { ca: [...tls.rootCertificates, ...[ca].flat()] };
  return https.request(url, { ...options, ...trusted, minVersion: "TLSv1.2" });
}

/** Names are asked for as those of next hops are. */
function lookupBy(resolver: Pick<Resolver, "addresses">): LookupFunction {
  return (host, { all }, done) => {
    void resolver.addresses(host).then((answer) => {
      if (answer.kind !== "addresses") {
        const why = answer.kind === "none" ? "it has no address" : answer.reason;
        done(new Error(`its address cannot be found: ${why}`), "");
        return;
      }
      const found = answer.addresses.map((one) => ({ address: formatIpAddress(one), family: one.family }));
      const [first] = found;
      if (all === true) done(null, found);
      else done(null, first?.address ?? "", first?.family);
    });
  };
}

async function read(answer: IncomingMessage, octetsMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > octetsMax) throw new Error(`its answer has more than ${octetsMax} octets`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
