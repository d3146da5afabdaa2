import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { formatCount } from "../../core/base/count.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import { message } from "../../core/cl/messages.ts";
import { say, type Answer } from "../../flows/commands/answer.ts";
import { tooLarge } from "../../flows/commands/send.ts";
import { handIn, handInOctetsMax, handInTerms } from "../../flows/hand-in.ts";
import type { CommandResult } from "../../flows/command-result.ts";
import { MESSAGE_TYPE, readMessage } from "./message-format.ts";
import { addDkimRoutes } from "./dkim-routes.ts";
import { addRouteRoutes } from "./route-routes.ts";
import { addOAuthRoutes } from "./oauth-routes.ts";
import { addRoutes, callerOf, invalid, type ControlParts } from "./routes.ts";
import { clearSocketFile, protectSocketFile } from "./socket-file.ts";

export interface ControlServerParts extends ControlParts {
  /** Speaks SMTP with a local program (`sendmail -bs`), as with client 127.0.0.1. The stream is the session's from here on. */
  serveSession(stream: Duplex, by: string): void;
  /** Octets of messages that are being taken in, over all ways in. */
  readonly memory: { readonly limitOctets: number; usedOctets: number };
  /** A request failed for a reason that is not the caller's. */
  onFault(fault: unknown, request: string): void;
}

/** What an Upgrade asks for. */
export const SMTP_PROTOCOL = "smtp";

/** Bodies that are not files: a few thousand ids fit. */
const BODY_OCTETS_MAX = 1_048_576;
/** The envelope in front of a message. */
const ENVELOPE_OCTETS_MAX = 16 * 1_048_576;
/** A message is in memory about so many times while it is taken in: as it came, and as it is kept. */
const COPIES = 2;
const CONNECTIONS_MAX = 256;

/** The API on `DIR/control.sock`. */
export class ControlServer {
  readonly #app: FastifyInstance;
  readonly #parts: ControlServerParts;
  readonly #upgraded = new Set<Duplex>();

  constructor(parts: ControlServerParts) {
    this.#parts = parts;
    this.#app = fastify({ bodyLimit: BODY_OCTETS_MAX, forceCloseConnections: "idle", requestTimeout: 0 });
    this.#app.server.maxConnections = CONNECTIONS_MAX;
    this.#app.server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) =>
      this.#upgrade(request, stream, head),
    );
    this.#answerFaults();
    this.#app.addContentTypeParser(MESSAGE_TYPE, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    addRoutes(this.#app, parts);
    addDkimRoutes(this.#app, parts.operations);
    addOAuthRoutes(this.#app, parts.operations);
    addRouteRoutes(this.#app, parts.operations);
    this.#addSend();
  }

  /** Listens on `path`, mode 0600. The caller holds the lock of the data directory, whose mode is 0700. */
  async open(path: string): Promise<Result<void, string>> {
    const cleared = await clearSocketFile(path);
    if (!cleared.ok) return cleared;
    try {
      await this.#app.listen({ path });
      await protectSocketFile(path);
      return ok(undefined);
    } catch (fault) {
      return err(`${path}: ${fault instanceof Error ? fault.message : String(fault)}`);
    }
  }

  /** Answers what is under way, cuts SMTP sessions that the SMTP server has not ended before, and removes the socket. */
  async close(): Promise<void> {
    for (const stream of this.#upgraded) stream.destroy();
    await this.#app.close();
  }

  #addSend(): void {
    const { operations } = this.#parts;
    const admit = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const refusal = this.#admit(request, reply);
      // The rest of the body is not read.
      return refusal
        ? await reply.status(refusal.status).header("Connection", "close").send(refusal.result)
        : undefined;
    };
    this.#app.get("/v1/send", async () => handInTerms(operations));
    this.#app.post(
      "/v1/send",
      { bodyLimit: Number.MAX_SAFE_INTEGER, onRequest: admit },
      async (request, reply): Promise<CommandResult> => {
        const read = readMessage(request.body);
        const result = read.ok ? await handIn(operations, read.value, callerOf(request)) : invalid(read.error);
        if (!result.ok) reply.status(read.ok ? 422 : 400);
        return result;
      },
    );
  }

  /** Whether a message may come in, by what it says of its length: judged before it is read, and counted until it is done. */
  #admit(
    request: FastifyRequest,
    reply: FastifyReply,
  ): { readonly status: number; readonly result: CommandResult } | null {
    const { operations, memory } = this.#parts;
    const octets = Number(request.headers["content-length"]);
    if (!Number.isSafeInteger(octets)) return { status: 411, result: invalid("Content-Length is needed") };
    const octetsMax = handInOctetsMax(operations);
    if (octets > octetsMax + ENVELOPE_OCTETS_MAX) return { status: 413, result: refused(tooLarge(octetsMax)) };
    const counted = octets * COPIES;
    // One that is larger than all of the memory comes in where it is alone.
    if (memory.usedOctets > 0 && memory.usedOctets + counted > memory.limitOctets) {
      return { status: 503, result: refused(say("SMR0508", formatCount(Math.ceil(octets / 1_024)))) };
    }
    memory.usedOctets += counted;
    reply.raw.once("close", () => (memory.usedOctets -= counted));
    return null;
  }

  /** The edge of a request. What is a bug, and what becomes of the process then, `onFault` knows. */
  #answerFaults(): void {
    this.#app.setErrorHandler(async (fault: Error & { statusCode?: number }, request, reply) => {
      const status = fault.statusCode ?? 500;
      if (status < 500) return await reply.status(status).send(invalid(fault.message));
      this.#parts.onFault(fault, `${request.method} ${request.url}`);
      return await reply.status(500).send(failed(`${request.method} ${request.url}`, fault.message));
    });
    this.#app.setNotFoundHandler(async (request, reply) => {
      return await reply.status(404).send(invalid(`there is no ${request.method} ${request.url}`));
    });
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on("error", () => stream.destroy());
    if (request.url !== "/v1/smtp" || request.headers.upgrade?.toLowerCase() !== SMTP_PROTOCOL) {
      stream.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    stream.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SMTP_PROTOCOL}\r\n\r\n`);
    if (head.length > 0) stream.unshift(head);
    this.#upgraded.add(stream);
    stream.once("close", () => this.#upgraded.delete(stream));
    this.#parts.serveSession(stream, callerOf(request));
  }
}

function refused(answer: Answer): CommandResult {
  return { ...answer, ok: false };
}

function failed(what: string, reason: string): CommandResult {
  return { ok: false, messages: [message("SMR0901", what, reason)], output: "", value: null };
}
