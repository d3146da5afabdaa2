import https from "node:https";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { Limits } from "../../core/base/limits.ts";
import type { TlsReportPoster } from "../../flows/tls-report-ports.ts";
import { Deadline, lateWords, overAddresses, requestTo, type ReachOptions, type Target } from "./reach.ts";

export interface ReportPosterOptions extends ReachOptions {
  readonly limits: Pick<Limits, "tlsReportPostMs">;
}

type Posted = Result<void, string>;

/**
 * Posts reports of TLS (RFC 8460 §5.4), each on a connection of its own. The certificate must be valid for the name, no redirection is followed, and of the
 * answer only its status counts.
 */
export class ReportPoster implements TlsReportPoster {
  readonly #options: ReportPosterOptions;
  readonly #open = new Set<Deadline>();

  constructor(options: ReportPosterOptions) {
    this.#options = options;
  }

  /** Cuts what is under way. */
  close(): void {
    for (const deadline of this.#open) deadline.end();
  }

  async post(url: string, octets: Uint8Array): Promise<Posted> {
    if (!URL.canParse(url)) return err("it is no address of a web server");
    const to = new URL(url);
    const { limits, ca } = this.#options;
    const deadline = new Deadline();
    const time = { deadline, timeoutMs: limits.tlsReportPostMs };
    this.#open.add(deadline);
    try {
      return await overAddresses<void, string>(to.hostname, this.#options, time, err, (target) =>
        post(to, octets, target, ca, deadline),
      );
    } finally {
      this.#open.delete(deadline);
    }
  }
}

function post(
  url: URL,
  octets: Uint8Array,
  target: Target,
  ca: ReachOptions["ca"],
  deadline: Deadline,
): Promise<Posted> {
  const host = url.hostname;
  return new Promise((resolve) => {
    const request = https.request({
      ...requestTo(host, target, ca),
      method: "POST",
      path: `${url.pathname}${url.search}`,
      headers: { host, "content-type": "application/tlsrpt+gzip", "content-length": octets.length },
    });
    const end = (posted: Posted): void => {
      resolve(posted);
      request.destroy();
    };
    deadline.cancel = () => end(err(lateWords(host)));
    request.on("error", ({ code = "", message }: NodeJS.ErrnoException) => {
      end(err(`${host} cannot be reached: ${code === "" ? message : code}`));
    });
    request.on("response", ({ statusCode = 0 }) => {
      end(statusCode >= 200 && statusCode < 300 ? ok(undefined) : err(`${host} answered ${statusCode}`));
    });
    request.end(octets);
  });
}
