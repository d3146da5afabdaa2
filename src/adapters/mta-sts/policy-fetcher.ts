import type { IncomingMessage } from "node:http";
import https from "node:https";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { Limits } from "../../core/base/limits.ts";
import type { Domain } from "../../core/mail/domain.ts";
import type { TlsFailureType } from "../../core/tls-policy/tls-result.ts";
import type { StsFetchFault } from "../../core/tls-policy/sts.ts";
import type { StsPolicyFetcher } from "../../flows/ports.ts";
import { Deadline, lateWords, overAddresses, requestTo, type ReachOptions, type Target } from "./reach.ts";

export interface PolicyFetcherOptions extends ReachOptions {
  readonly limits: Pick<Limits, "stsFetchTimeoutMs" | "stsPolicyOctets">;
}

type Fetched = Result<string, StsFetchFault>;

/**
 * Fetches `https://mta-sts.DOMAIN/.well-known/mta-sts.txt` (RFC 8461 §3.3): the certificate is verified, only 200 and text/plain count, and no
 * redirection is followed.
 */
export function createStsPolicyFetcher(options: PolicyFetcherOptions): StsPolicyFetcher {
  return { fetch: (domain) => fetchPolicy(domain, options) };
}

async function fetchPolicy(domain: Domain, options: PolicyFetcherOptions): Promise<Fetched> {
  const host = `mta-sts.${domain}`;
  const deadline = new Deadline();
  const time = { deadline, timeoutMs: options.limits.stsFetchTimeoutMs };
  return await overAddresses(host, options, time, failed, (target) => get(host, target, options, deadline));
}

function failed(reason: string, type: TlsFailureType = "sts-policy-fetch-error"): Fetched {
  return err({ type, reason });
}

function get(host: string, target: Target, { limits, ca }: PolicyFetcherOptions, deadline: Deadline): Promise<Fetched> {
  return new Promise((resolve) => {
    const request = https.get({
      ...requestTo(host, target, ca),
      path: "/.well-known/mta-sts.txt",
      headers: { host, accept: "text/plain" },
    });
    const end = (fetched: Fetched): void => {
      resolve(fetched);
      request.destroy();
    };
    deadline.cancel = () => end(failed(lateWords(host)));
    request.on("error", (fault: NodeJS.ErrnoException) => end(ofConnection(host, fault)));
    request.on("response", (response) => read(host, response, limits.stsPolicyOctets, end));
  });
}

/** Faults of the certificate have names of OpenSSL, or Node's for another host. */
function ofConnection(host: string, { code = "", message }: NodeJS.ErrnoException): Fetched {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return failed(`the certificate of ${host} is for another name`, "sts-webpki-invalid");
  if (/CERT|SELF_SIGNED|UNABLE_TO|CRL/.test(code))
    return failed(`the certificate of ${host} is not valid (${code})`, "sts-webpki-invalid");
  return failed(`${host} cannot be reached: ${code === "" ? message : code}`);
}

function read(host: string, response: IncomingMessage, octetsMax: number, end: (fetched: Fetched) => void): void {
  const { statusCode = 0, headers } = response;
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (statusCode !== 200) return end(failed(`${host} answered ${statusCode}`));
  if (type !== "text/plain") return end(failed(`${host} sent no text/plain`));
  if (headers["content-encoding"] !== undefined) return end(failed(`${host} sent it in an encoding`));
  const chunks: Buffer[] = [];
  let octets = 0;
  response.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    if (octets > octetsMax) end(failed(`it is longer than ${octetsMax} octets`));
    else chunks.push(chunk);
  });
  response.on("error", () => end(failed(`${host} broke off`)));
  response.on("aborted", () => end(failed(`${host} broke off`)));
  response.on("end", () => end(ok(Buffer.concat(chunks).toString("utf8"))));
}
