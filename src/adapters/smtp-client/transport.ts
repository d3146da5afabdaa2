// HOT PATH: a message over a kept connection costs one promise and one look into a map besides the connection's own work.
import type { Socket } from "node:net";
import type { Limits } from "../../core/base/limits.ts";
import type { FileContent } from "../../core/mail/content.ts";
import type { Domain } from "../../core/mail/domain.ts";
import type {
  AccessTokens,
  Clock,
  NextHop,
  OutgoingMessage,
  TlsResults,
  Transport,
  TransportResult,
} from "../../flows/ports.ts";
import { HopConnections, RestingConnections } from "./hop-connections.ts";
import { Encryption } from "./encryption.ts";
import type { OpenOptions } from "./open.ts";
import { Sweep } from "./sweep.ts";

export interface TransportOptions {
  /** Said in EHLO. */
  readonly hostname: Domain;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Content too large for memory: `Spool.readFile`. */
  readonly readFile: (content: FileContent) => AsyncIterable<Uint8Array>;
  /** Tokens for hops that take one instead of a password. */
  readonly tokens: AccessTokens;
  readonly tlsResults: TlsResults;
  /** Whether enough file descriptors are left beside that of the socket; where they are not, it is closed again. */
  readonly leavesDescriptors?: (socket: Socket) => boolean;
  /** Certificates that are trusted besides those that Node trusts, PEM. */
  readonly ca?: string | readonly string[];
}

/** The SMTP client: connections to next hops, few, kept, and always with something to do. */
export class SmtpTransport implements Transport {
  readonly #options: OpenOptions;
  readonly #clock: Clock;
  readonly #hops = new Map<string, HopConnections>();
  readonly #resting: RestingConnections;
  #sending = 0;
  #closing = false;
  #allSent: (() => void) | null = null;

  constructor(options: TransportOptions) {
    this.#clock = options.clock;
    this.#resting = new RestingConnections(options.limits.idleConnections);
    this.#options = { ...options, sweep: new Sweep(options.clock), encryption: new Encryption(options) };
  }

  connections(): number {
    let open = 0;
    for (const connections of this.#hops.values()) open += connections.open;
    return open;
  }

  send(hop: NextHop, message: OutgoingMessage): Promise<TransportResult> {
    this.#sending++;
    return new Promise((resolve, reject) => {
      this.#connectionsTo(hop.connectionsKey).send({
        hop,
        message,
        resolve: (result) => {
          resolve(result);
          this.#sent();
        },
        reject: (fault) => {
          reject(fault);
          this.#sent();
        },
        serverAt: 0,
        troubles: [],
      });
    });
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    for (const connections of this.#hops.values()) connections.close();
    if (this.#sending > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.after(deadlineMs, resolve);
        this.#allSent = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    for (const connections of [...this.#hops.values()]) connections.cut();
  }

  #connectionsTo(key: string): HopConnections {
    const known = this.#hops.get(key);
    if (known !== undefined) return known;
    const connections: HopConnections = new HopConnections(this.#options, this.#clock, this.#resting, () => {
      if (this.#hops.get(key) === connections) this.#hops.delete(key);
    });
    this.#hops.set(key, connections);
    if (this.#closing) connections.close();
    return connections;
  }

  #sent(): void {
    this.#sending--;
    if (this.#sending === 0) this.#allSent?.();
  }
}
