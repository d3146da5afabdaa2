import https, { type RequestOptions } from "node:https";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { Limits } from "../../core/base/limits.ts";
import type { Clock, Resolver } from "../../flows/ports.ts";
import type { TlsReportPoster } from "../../flows/tls-report-ports.ts";
import { ADDRESSES_MAX, reachPublic, type Reach } from "./policy-fetcher.ts";

export interface ReportPosterOptions {
  readonly clock: Clock;
  readonly resolver: Pick<Resolver, "addresses">;
  readonly limits: Pick<Limits, "tlsReportPostMs">;
  /** Where a web server is reached; null where it must not be. By default port 443 of what is neither loopback nor multicast. */
  readonly reach?: Reach;
  /** Authorities besides those that Node trusts, PEM. */
  readonly ca?: string | readonly string[];
}

type Posted = Result<void, string>;

/**
 * Posts reports of TLS (RFC 8460 §5.4), each on a connection of its own. The certificate must be valid for the name, no redirection is followed, and of the
 * answer only its status counts.
 */
export class ReportPoster implements TlsReportPoster {
  readonly #options: ReportPosterOptions;
  readonly #open = new Set<() => void>();

  constructor(options: ReportPosterOptions) {
    this.#options = options;
  }

  /** Cuts what is under way. */
  close(): void {
    for (const cancel of this.#open) cancel();
  }

  async post(url: string, octets: Uint8Array): Promise<Posted> {
    const { clock, limits } = this.#options;
    if (!URL.canParse(url)) return err("it is no address of a web server");
    const state = { isUp: false, cancel: (): void => {} };
    const end = (): void => {
      state.isUp = true;
      state.cancel();
    };
    const timer = clock.after(limits.tlsReportPostMs, end);
    this.#open.add(end);
    try {
      return await this.#postTo(new URL(url), octets, state);
    } finally {
      timer.cancel();
      this.#open.delete(end);
    }
  }

  async #postTo(url: URL, octets: Uint8Array, state: { isUp: boolean; cancel: () => void }): Promise<Posted> {
    const { resolver, reach = reachPublic, ca } = this.#options;
    const host = url.hostname;
    const answer = await resolver.addresses(host);
    if (answer.kind !== "addresses") return err(`the address of ${host} cannot be found`);
    let last: Posted = err(`${host} has no address that can be used`);
    for (const address of answer.addresses.slice(0, ADDRESSES_MAX)) {
      const target = reach(address);
      if (target === null) continue;
      if (state.isUp) return err(`${host} did not answer in time`);
      last = await post(url, octets, { ...target, ...(ca === undefined ? {} : { ca: [ca].flat() }) }, state);
      if (last.ok) break;
    }
    return last;
  }
}

function post(url: URL, octets: Uint8Array, to: RequestOptions, state: { cancel: () => void }): Promise<Posted> {
  const host = url.hostname;
  return new Promise((resolve) => {
    const request = https.request({
      ...to,
      method: "POST",
      servername: host,
      path: `${url.pathname}${url.search}`,
      headers: { host, "content-type": "application/tlsrpt+gzip", "content-length": octets.length },
      agent: false,
      minVersion: "TLSv1.2",
    });
    const end = (posted: Posted): void => {
      resolve(posted);
      request.destroy();
    };
    state.cancel = () => end(err(`${host} did not answer in time`));
    request.on("error", ({ code = "", message }: NodeJS.ErrnoException) => {
      end(err(`${host} cannot be reached: ${code === "" ? message : code}`));
    });
    request.on("response", ({ statusCode = 0 }) => {
      end(statusCode >= 200 && statusCode < 300 ? ok(undefined) : err(`${host} answered ${statusCode}`));
    });
    request.end(octets);
  });
}
