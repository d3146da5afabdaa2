import { request, type IncomingMessage, type RequestOptions } from "node:http";
import type { Duplex } from "node:stream";
import { err, ok, type Result } from "../../core/base/result.ts";

/** A message of the relay, as the API sends it. */
export interface WireMessage {
  readonly id: string;
  readonly severity: number;
  readonly text: string;
  readonly secondLevel: string;
}

/** What the relay answered; `CommandResult` on the wire. */
export interface WireResult {
  readonly ok: boolean;
  readonly messages: readonly WireMessage[];
  readonly output: string;
  readonly value: unknown;
}

const MESSAGE_TYPE = "application/vnd.relaykeeper.message";

/** Speaks to the relay behind `socketPath`. A fault is a sentence: the relay cannot be reached. */
export class ControlClient {
  readonly socketPath: string;
  readonly #caller: string;

  constructor(socketPath: string, caller: string) {
    this.socketPath = socketPath;
    this.#caller = encodeURIComponent(caller);
  }

  async get(path: string): Promise<Result<WireResult, string>> {
    return await this.#exchange("GET", path, null);
  }

  async delete(path: string): Promise<Result<WireResult, string>> {
    return await this.#exchange("DELETE", path, null);
  }

  async post(path: string, body: object): Promise<Result<WireResult, string>> {
    return await this.#exchange("POST", path, { type: "application/json", octets: Buffer.from(JSON.stringify(body)) });
  }

  /** A policy file as it is. */
  async postText(path: string, text: string): Promise<Result<WireResult, string>> {
    return await this.#exchange("POST", path, { type: "text/plain; charset=utf-8", octets: Buffer.from(text) });
  }

  /** Hands in a whole message. */
  async send(
    envelope: {
      readonly from: string | null;
      readonly to: readonly string[];
      readonly recipientsFromHeader?: boolean;
    },
    message: Uint8Array,
  ): Promise<Result<WireResult, string>> {
    const octets = Buffer.concat([Buffer.from(`${JSON.stringify(envelope)}\n`), message]);
    return await this.#exchange("POST", "/v1/send", { type: MESSAGE_TYPE, octets });
  }

  /** A session of SMTP. */
  async openSession(): Promise<Result<Duplex, string>> {
    const headers = { ...this.#headers(), Connection: "Upgrade", Upgrade: "smtp" };
    return await new Promise((resolve) => {
      const asked = request({ ...this.#options("GET", "/v1/smtp"), headers });
      asked.once("upgrade", (_answer: IncomingMessage, stream: Duplex, head: Buffer) => {
        if (head.length > 0) stream.unshift(head);
        resolve(ok(stream));
      });
      asked.once("response", (answer) => {
        answer.resume();
        resolve(err(`the relay does not speak SMTP here (${answer.statusCode})`));
      });
      asked.once("error", (fault) => resolve(err(this.#describe(fault))));
      asked.end();
    });
  }

  #options(method: string, path: string): RequestOptions {
    return { socketPath: this.socketPath, method, path, agent: false };
  }

  #headers(): Record<string, string> {
    return { "relaykeeper-user": this.#caller, Accept: "application/json" };
  }

  async #exchange(
    method: string,
    path: string,
    body: { readonly type: string; readonly octets: Uint8Array } | null,
  ): Promise<Result<WireResult, string>> {
    try {
      const headers = this.#headers();
      if (body) {
        headers["Content-Type"] = body.type;
        headers["Content-Length"] = String(body.octets.length);
      }
      const text = await this.#talk({ ...this.#options(method, path), headers }, body?.octets ?? null);
      return ok(JSON.parse(text) as WireResult);
    } catch (fault) {
      return err(this.#describe(fault));
    }
  }

  async #talk(options: RequestOptions, body: Uint8Array | null): Promise<string> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request(options, resolve);
      asked.once("error", reject);
      if (body) asked.end(body);
      else asked.end();
    });
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("utf8");
  }

  #describe(fault: unknown): string {
    const { code, message } = fault as NodeJS.ErrnoException;
    switch (code) {
      case "ENOENT":
        return `no relay is running on ${this.socketPath}: there is no such socket`;
      case "ECONNREFUSED":
        return `no relay is running on ${this.socketPath}: nobody answers`;
      case "EACCES":
      case "EPERM":
        return `you may not use ${this.socketPath}: it belongs to the user that runs the relay`;
      default:
        return `the relay on ${this.socketPath} cannot be reached: ${message}`;
    }
  }
}
