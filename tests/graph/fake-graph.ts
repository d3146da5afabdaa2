import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { CertificatePair } from "../../src/adapters/tls/self-signed.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import { recipientsOfHeader } from "../../src/core/mail/header-recipients.ts";
import { formatMailbox } from "../../src/core/mail/mailbox.ts";

/** What a mailbox got, Bcc taken out. */
export interface GraphDelivery {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly mime: string;
}

/** Says something else than Graph would by itself. */
export type Mood = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const LIMIT_OCTETS = 4 * 1_048_576;

/** Graph as "user: sendMail" documents it: MIME in base64 as text/plain, sent to whom its header names, 202 without a body. */
export class FakeGraph {
  readonly deliveries: GraphDelivery[] = [];
  readonly tokens = new Set<string>();
  readonly mailboxes = new Set<string>();
  /** Senders that the application may not use. */
  readonly forbidden = new Set<string>();
  /** One for each of the next requests. */
  readonly moods: Mood[] = [];
  requests = 0;
  readonly #server: https.Server;

  constructor({ certificate, key }: CertificatePair) {
    this.#server = https.createServer({ cert: certificate, key }, (request, response) => {
      void this.#take(request, response);
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks).toString("latin1");
    const mood = this.moods.shift() ?? ((...given) => this.#answer(...given));
    mood(request, response, body);
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    const sender = /^\/v1\.0\/users\/([^/]+)\/sendMail$/.exec(request.url ?? "")?.[1];
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    if (!this.tokens.has(token)) {
      fail(response, 401, "InvalidAuthenticationToken", `Lifetime validation failed, the token ${token} is expired.`);
    } else if (sender === undefined || request.method !== "POST" || request.headers["content-type"] !== "text/plain") {
      fail(response, 400, "BadRequest", "Unknown request");
    } else if (!this.mailboxes.has(decodeURIComponent(sender))) {
      fail(response, 404, "ErrorInvalidUser", `The requested user '${decodeURIComponent(sender)}' is invalid.`);
    } else if (this.forbidden.has(decodeURIComponent(sender))) {
      fail(response, 403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.");
    } else if (body.length > LIMIT_OCTETS) {
      fail(response, 413, "RequestEntityTooLarge", "The request is too large.");
    } else if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body)) {
      fail(response, 400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.");
    } else this.#deliver(response, decodeURIComponent(sender), Buffer.from(body, "base64"));
  }

  #deliver(response: ServerResponse, sender: string, mime: Buffer): void {
    const { recipients, faulty } = recipientsOfHeader(mime, "default.example" as Domain, 1_000);
    if (recipients.length === 0 || faulty.length > 0) {
      fail(response, 400, "ErrorInvalidRecipients", "At least one recipient isn't valid.");
      return;
    }
    const shown = mime.toString("utf8").replace(/^Bcc:.*\r\n([ \t].*\r\n)*/gim, "");
    this.deliveries.push({ sender, recipients: recipients.map(formatMailbox), mime: shown });
    response.writeHead(202, { "request-id": "11111111-2222-3333-4444-555555555555" }).end();
  }
}

export function fail(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", "request-id": "r-1", ...headers });
  response.end(JSON.stringify({ error: { code, message } }));
}
