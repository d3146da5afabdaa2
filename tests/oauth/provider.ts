import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An answer of the provider: status, fields, and further headers. */
export interface Said {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object | string;
}

/** A provider of tokens on loopback: says what it is told, in turn, and `t1`, `t2` … of an hour after that. */
export class Provider {
  /** The forms that came, in order, with the path in `path`. */
  readonly forms: Readonly<Record<string, string>>[] = [];
  readonly answers: Said[] = [];
  #given = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<Provider> {
    const provider = new Provider();
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    this.forms.push({ path: request.url ?? "", ...Object.fromEntries(new URLSearchParams(text)) });
    const { status = 200, headers = {}, body } = this.answers.shift() ?? { body: tokenOf(`t${++this.#given}`) };
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  }
}

export function tokenOf(token: string, more: object = {}): object {
  return { token_type: "Bearer", expires_in: 3_600, access_token: token, ...more };
}
