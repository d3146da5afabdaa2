import type { IncomingMessage } from "node:http";
import https from "node:https";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { Limits } from "../../core/base/limits.ts";
import type { Domain } from "../../core/mail/domain.ts";
import { formatIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import { isUnusable } from "../../core/queue/route.ts";
import type { TlsFailureType } from "../../core/tls-policy/tls-result.ts";
import type { StsFetchFault } from "../../core/tls-policy/sts.ts";
import type { Clock, Resolver, StsPolicyFetcher } from "../../flows/ports.ts";

export interface PolicyFetcherOptions {
  readonly clock: Clock;
  readonly resolver: Pick<Resolver, "addresses">;
  readonly limits: Pick<Limits, "stsFetchTimeoutMs" | "stsPolicyOctets">;
  /** Where a web server is reached; null where it must not be. By default port 443 of what is neither loopback nor multicast. */
  readonly reach?: Reach;
  /** Authorities besides those that Node trusts, PEM. */
  readonly ca?: string | readonly string[];
}

export type Reach = (address: IpAddress) => { readonly host: string; readonly port: number } | null;

type Fetched = Result<string, StsFetchFault>;

const HTTPS_PORT = 443;
export const ADDRESSES_MAX = 4;

/**
 * Fetches `https://mta-sts.DOMAIN/.well-known/mta-sts.txt` (RFC 8461 §3.3): the certificate is verified, only 200 and text/plain count, and no
 * redirection is followed.
 */
export function createStsPolicyFetcher(options: PolicyFetcherOptions): StsPolicyFetcher {
  return { fetch: (domain) => fetchPolicy(domain, options) };
}

async function fetchPolicy(domain: Domain, options: PolicyFetcherOptions): Promise<Fetched> {
  const host = `mta-sts.${domain}`;
  const time = { isUp: false, cancel: (): void => {} };
  const timer = options.clock.after(options.limits.stsFetchTimeoutMs, () => {
    time.isUp = true;
    time.cancel();
  });
  try {
    const answer = await options.resolver.addresses(host);
    if (answer.kind === "trouble") return failed(`the name ${host} cannot be looked up now: ${answer.reason}`);
    if (answer.kind === "none") return failed(`${host} has no address`);
    const reach = options.reach ?? reachPublic;
    let last = failed(`${host} has no address that can be used`);
    for (const address of answer.addresses.slice(0, ADDRESSES_MAX)) {
      const target = reach(address);
      if (target === null || time.isUp) continue;
      last = await get(host, target, options, time);
      if (last.ok) break;
    }
    return time.isUp && !last.ok ? failed(`${host} did not answer in time`) : last;
  } finally {
    timer.cancel();
  }
}

export function reachPublic(address: IpAddress): { readonly host: string; readonly port: number } | null {
  return isUnusable(address) ? null : { host: formatIpAddress(address), port: HTTPS_PORT };
}

function failed(reason: string, type: TlsFailureType = "sts-policy-fetch-error"): Fetched {
  return err({ type, reason });
}

function get(
  host: string,
  { host: address, port }: { readonly host: string; readonly port: number },
  { limits, ca }: PolicyFetcherOptions,
  time: { cancel: () => void },
): Promise<Fetched> {
  return new Promise((resolve) => {
    const request = https.get({
      host: address,
      port,
      servername: host,
      path: "/.well-known/mta-sts.txt",
      headers: { host, accept: "text/plain" },
      agent: false,
      minVersion: "TLSv1.2",
      ...(ca === undefined ? {} : { ca: [ca].flat() }),
    });
    const end = (fetched: Fetched): void => {
      resolve(fetched);
      request.destroy();
    };
    time.cancel = () => end(failed(`${host} did not answer in time`));
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
