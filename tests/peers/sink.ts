/** The next hop of the tests: npm's smtp-server, which keeps every message with its envelope and its octets. */
import { EventEmitter, once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerAddress, type SMTPServerOptions, type SMTPServerSession } from "smtp-server";

export interface SunkMessage {
  readonly reversePath: SMTPServerAddress;
  readonly recipients: readonly SMTPServerAddress[];
  /** As sent, dots unstuffed. */
  readonly content: Buffer;
  readonly envelope: SMTPServerSession["envelope"];
  readonly helo: string;
  readonly secure: boolean;
  readonly client: string;
  /** The user that authenticated, or "". */
  readonly user: string;
}

export interface SinkOptions {
  /** An answer other than 250: `550 5.1.1 no such user`. */
  readonly answerRecipient?: (address: string) => string | null;
  readonly answerData?: (message: SunkMessage) => string | null;
  /** Offers STARTTLS with smtp-server's own certificate. */
  readonly starttls?: boolean;
  /** Asks for this user and password. */
  readonly user?: { readonly name: string; readonly password: string };
  readonly server?: SMTPServerOptions;
  readonly port?: number;
}

function refusal(answer: string): Error {
  return Object.assign(new Error(answer.slice(4)), { responseCode: Number(answer.slice(0, 3)) });
}

export class Sink {
  readonly messages: SunkMessage[] = [];
  readonly port: number;
  readonly #server: SMTPServer;
  readonly #arrivals: EventEmitter;

  private constructor(server: SMTPServer, port: number, messages: SunkMessage[], arrivals: EventEmitter) {
    this.#server = server;
    this.port = port;
    this.messages = messages;
    this.#arrivals = arrivals;
  }

  static async start(options: SinkOptions = {}): Promise<Sink> {
    const messages: SunkMessage[] = [];
    const arrivals = new EventEmitter().setMaxListeners(0);
    const server = new SMTPServer({ ...serverOptions(options, messages, arrivals), ...options.server });
    // A client that is killed in the middle of a session is part of some tests.
    server.on("error", () => undefined);
    const listening = server.listen({ port: options.port ?? 0, host: "127.0.0.1", backlog: 1024 });
    await once(listening, "listening");
    return new Sink(server, (listening.address() as AddressInfo).port, messages, arrivals);
  }

  /** The first message, come or to come, that `matches`. */
  async message(matches: (message: SunkMessage) => boolean = () => true, withinMs = 60_000): Promise<SunkMessage> {
    const signal = AbortSignal.timeout(withinMs);
    for (let seen = 0; ;) {
      for (; seen < this.messages.length; seen++) {
        const message = this.messages[seen];
        if (message !== undefined && matches(message)) return message;
      }
      try {
        await once(this.#arrivals, "message", { signal });
      } catch {
        throw new Error(`the message did not reach the sink within ${withinMs} ms; ${this.messages.length} others did`);
      }
    }
  }

  /** The message to this recipient. */
  async to(recipient: string): Promise<SunkMessage> {
    return await this.message(({ recipients }) => recipients.some(({ address }) => address === recipient));
  }

  /** Resolves once `count` messages have come. */
  async count(count: number, withinMs = 60_000): Promise<void> {
    if (count > 0) await this.message(() => this.messages.length >= count, withinMs);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(resolve);
      for (const connection of this.#server.connections) connection.close();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function serverOptions(options: SinkOptions, messages: SunkMessage[], arrivals: EventEmitter): SMTPServerOptions {
  const { user } = options;
  return {
    name: "sink.test",
    logger: false,
    disableReverseLookup: true,
    hideDSN: false,
    hideENHANCEDSTATUSCODES: true,
    authOptional: user === undefined,
    allowInsecureAuth: false,
    disabledCommands: [
      ...(user === undefined ? ["AUTH"] : []),
      ...(options.starttls === true || user !== undefined ? [] : ["STARTTLS"]),
    ],
    onAuth(auth, _session, callback) {
      if (auth.username === user?.name && auth.password === user?.password) callback(null, { user: auth.username });
      else callback(refusal("535 5.7.8 wrong password"));
    },
    onRcptTo(address, _session, callback) {
      const answer = options.answerRecipient?.(address.address) ?? null;
      callback(answer === null ? null : refusal(answer));
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        const message: SunkMessage = {
          reversePath: mailFrom === false ? { address: "", args: false } : mailFrom,
          recipients: [...rcptTo],
          content: Buffer.concat(chunks),
          envelope: { ...session.envelope },
          helo: session.hostNameAppearsAs,
          secure: session.secure,
          client: session.remoteAddress,
          user: typeof session.user === "string" ? session.user : "",
        };
        const answer = options.answerData?.(message) ?? null;
        if (answer !== null) {
          callback(refusal(answer));
          return;
        }
        messages.push(message);
        callback(null, "2.0.0 Ok");
        arrivals.emit("message");
      });
    },
  };
}
