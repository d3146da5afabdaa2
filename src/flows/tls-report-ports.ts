/** What reports of TLS (RFC 8460) ask of the outside world, beside `ports.ts`. */
import type { Result } from "../core/base/result.ts";
import type { OwnMail } from "../core/mail/own-mail.ts";

/** The figures of each day across restarts, one record a day. One change at a time. What cannot be read is left out. */
export interface TlsTallyStore {
  load(): Promise<readonly unknown[]>;
  /** Takes the place of the record of the same day, wholly or not at all. */
  put(day: string, record: object): Promise<void>;
  remove(day: string): Promise<void>;
}

/** Takes a report to a web server (RFC 8460 §5.4). */
export interface TlsReportPoster {
  /** Posts octets as `application/tlsrpt+gzip`; the fault is a sentence. Never rejects; takes a minute at most. */
  post(url: string, octets: Uint8Array): Promise<Result<void, string>>;
  /** Cuts what is under way. */
  close(): void;
}

export interface TlsReportPacker {
  /** RFC 1952. */
  gzip(text: string): Promise<Uint8Array>;
  /** The mail as multipart/report; report-type=tlsrpt (RFC 8460 §5.3). */
  composeTlsReport(mail: OwnMail): Promise<Uint8Array>;
}
