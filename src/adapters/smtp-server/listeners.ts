import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { Instant } from "../../core/base/time.ts";
import { formatIpAddress, IPV4_LOOPBACK, parseIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import { formatNetwork, type Network } from "../../core/mail/network.ts";
import { formatReply, reply } from "../../core/mail/reply.ts";
import type { ListenerState, SessionState, TlsAge } from "../../flows/listener-state.ts";
import type { Clock, Listeners, Timer } from "../../flows/ports.ts";
import type { Receiver } from "../../flows/receive.ts";
import type { ListenerProfile } from "../../flows/reception.ts";
import { Connection, isIn, type Door } from "./connection.ts";

export interface ListenerOptions {
  /** `0.0.0.0:25`, `[::]:25`; port 0 lets the system choose. */
  readonly address: string;
  readonly tls: "none" | "starttls" | "implicit";
  readonly auth: "off" | "tls" | "always";
  readonly bareLf: boolean;
  readonly proxyFrom: readonly Network[];
  /** Clients that may use TLS 1.0 and 1.1, others may not. */
  readonly legacyTlsFrom: readonly Network[];
  /** Clients that may use AUTH without TLS. */
  readonly plainAuthFrom: readonly Network[];
  /** The certificate of now; asked at each handshake. */
  readonly secureContext: (age: TlsAge) => SecureContext | null;
}

export interface ListenersOptions {
  readonly receiver: Receiver;
  readonly listeners: readonly ListenerOptions[];
  readonly clock: Clock;
  /** *SVRBIND: where a wildcard listener binds, asked at each `open`. Of a family that has none here, the wildcard stays. */
  readonly bindAddresses: () => readonly IpAddress[];
  readonly reloadTls: () => Promise<Result<void, string>>;
  /** Whether enough file descriptors are left beside that of the socket; where they are not, its client is sent away. */
  readonly leavesDescriptors?: (socket: Socket) => boolean;
  /** Hears what an operator must know, one line each. */
  readonly report?: (text: string) => void;
  /** How often sessions are looked at for what they wait for, in milliseconds. */
  readonly sweepMs?: number;
}

/** Connections waiting for accept(). */
const BACKLOG = 1_024;
const NO_DESCRIPTOR = formatReply(reply(421, "4.3.2", "No resources for one more session; try again later"));
/** The log tells so often at most of clients that were sent away, and of those whose TLS is too old. */
const REPORT_MS = 60_000;
/** After the last word of a shutdown a client may take so long to close. */
const FAREWELL_MS = 1_000;

export interface SmtpListeners extends Listeners {
  /** Serves a session on any duplex stream as client 127.0.0.1: for `sendmail -bs`. Nothing on it is
   * encrypted or authenticated, lines may end with LF alone, and a whole session may come in one piece. */
  serveStream(stream: Duplex): void;
}

export function createListeners(options: ListenersOptions): SmtpListeners {
  return new NetListeners(options);
}

interface Bound {
  readonly configured: ListenerOptions;
  readonly server: Server;
  readonly bound: string;
}

class NetListeners implements SmtpListeners {
  readonly #options: ListenersOptions;
  readonly #connections = new Set<Connection>();
  #bound: readonly Bound[] = [];
  #sweep: Timer | null = null;
  #onEmpty: (() => void) | null = null;
  #reportedAt: Instant = -Infinity;
  #toldOfTlsAt: Instant = -Infinity;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  async open(): Promise<Result<void, string>> {
    if (this.#bound.length > 0) return ok(undefined);
    const bound: Bound[] = [];
    for (const configured of this.#options.listeners) {
      for (const host of this.#hostsOf(configured.address)) {
        try {
          bound.push(await this.#listen(configured, host));
        } catch (fault) {
          await Promise.all(bound.map(({ server }) => closed(server)));
          return err(`${configured.address}: ${describe(fault)}`);
        }
      }
    }
    this.#bound = bound;
    this.#sweepSoon();
    return ok(undefined);
  }

  async close(deadlineMs: number): Promise<void> {
    const servers = this.#bound.map(({ server }) => server);
    this.#bound = [];
    for (const server of servers) server.close();
    this.#options.receiver.drain();
    await this.#emptied(deadlineMs);
    this.#options.receiver.cut();
    await this.#emptied(FAREWELL_MS);
    for (const connection of this.#connections) connection.destroy();
    this.#sweep?.cancel();
    this.#sweep = null;
  }

  state(): readonly ListenerState[] {
    return this.#options.listeners.flatMap((configured) => {
      const { address, tls, auth } = configured;
      const legacyTlsFrom = configured.legacyTlsFrom.map(formatNetwork);
      const plainAuthFrom = configured.plainAuthFrom.map(formatNetwork);
      const here = this.#bound.filter((one) => one.configured === configured);
      const names = here.length === 0 ? [""] : here.map(({ bound }) => bound);
      return names.map((bound) => ({ configured: address, bound, tls, auth, legacyTlsFrom, plainAuthFrom }));
    });
  }

  sessions(): readonly SessionState[] {
    return this.#options.receiver.sessions();
  }

  async reloadTls(): Promise<Result<void, string>> {
    return this.#options.reloadTls();
  }

  serveStream(stream: Duplex): void {
    const profile = { name: "local", tls: "none", auth: "off", bareLf: true, mustWait: false } as const;
    const door: Door = {
      profile,
      profileOf: () => profile,
      proxyFrom: [],
      legacyTlsFrom: [],
      local: null,
      secureContext: () => null,
      noCommonTls: () => {},
    };
    this.#adopt(door, stream).begin(IPV4_LOOPBACK, null);
    this.#sweepSoon();
  }

  /** The addresses to bind for a configured one: itself, or those of *SVRBIND where it is a wildcard. */
  #hostsOf(address: string): readonly string[] {
    const { host } = splitAddress(address);
    if (host !== "0.0.0.0" && host !== "::") return [host];
    const family = host === "::" ? 6 : 4;
    const named = this.#options.bindAddresses().filter((one) => one.family === family);
    return named.length === 0 ? [host] : named.map(formatIpAddress);
  }

  async #listen(configured: ListenerOptions, host: string): Promise<Bound> {
    const { address, tls, auth, bareLf, proxyFrom, legacyTlsFrom, plainAuthFrom, secureContext } = configured;
    const { port } = splitAddress(address);
    const isWildcard = host === "0.0.0.0" || host === "::";
    const parsed = parseIpAddress(host);
    const profile: ListenerProfile = { name: address, tls, auth, bareLf, mustWait: true };
    const withPlainAuth: ListenerProfile = { ...profile, auth: "always" };
    const door: Door = {
      profile,
      profileOf: (client) => (isIn(plainAuthFrom, client) ? withPlainAuth : profile),
      proxyFrom,
      legacyTlsFrom,
      local: !isWildcard && parsed.ok ? parsed.value : null,
      secureContext,
      noCommonTls: (client) => this.#tellOfTls(address, client),
    };
    const highWaterMark = this.#options.receiver.limits.unreadReplyOctets;
    const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark }, (socket) =>
      this.#accept(door, socket),
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, backlog: BACKLOG, ipv6Only: host === "::" && this.#hasIpv4Listener(port) }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    // Out of descriptors: accept() fails and is tried again; those that are connected go on.
    server.on("error", () => undefined);
    const at = server.address() as AddressInfo;
    return {
      configured,
      server,
      bound: at.family === "IPv6" ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`,
    };
  }

  /** Alone, `[::]` takes IPv4 clients too; beside an IPv4 listener on the same port it must not. */
  #hasIpv4Listener(port: number): boolean {
    return this.#options.listeners.some(({ address }) => {
      const other = splitAddress(address);
      return other.port === port && port !== 0 && !other.host.includes(":");
    });
  }

  #accept(door: Door, socket: Socket): void {
    if (this.#options.leavesDescriptors?.(socket) === false) this.#sendAway(door, socket);
    else this.#adopt(door, socket).start(socket);
  }

  /** At once and without a session: the descriptor is needed for those that are connected. */
  #sendAway(door: Door, socket: Socket): void {
    socket.on("error", () => undefined);
    // Who waits for a handshake cannot read it. To all others the kernel, which takes so little at once, sends it before it closes.
    if (door.profile.tls !== "implicit") socket.write(NO_DESCRIPTOR);
    socket.destroy();
    const now = this.#options.clock.now();
    if (now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    this.#options.report?.(
      "file descriptors run short, clients are sent away with 421: RLIMIT_NOFILE should be higher",
    );
  }

  /** Whoever looks for an old printer that cannot send needs one line; scanners, who try old TLS too, get no more. */
  #tellOfTls(listener: string, client: IpAddress): void {
    const now = this.#options.clock.now();
    if (now - this.#toldOfTlsAt < REPORT_MS) return;
    this.#toldOfTlsAt = now;
    const who = `client ${formatIpAddress(client)} and listener ${listener} have no TLS in common`;
    this.#options.report?.(`${who}: TLS 1.2 is the least, save for clients of its legacy_tls_from`);
  }

  #adopt(door: Door, stream: Duplex): Connection {
    const connection = new Connection(this.#options.receiver, door, stream, this.#forget);
    this.#connections.add(connection);
    return connection;
  }

  readonly #forget = (connection: Connection): void => {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  };

  /** One timer for all sessions. */
  #sweepSoon(): void {
    this.#sweep ??= this.#options.clock.after(this.#options.sweepMs ?? 1_000, () => {
      this.#sweep = null;
      const now = this.#options.clock.now();
      for (const connection of this.#connections) connection.sweep(now);
      if (this.#connections.size > 0 || this.#bound.length > 0) this.#sweepSoon();
    });
  }

  /** Resolves when no connection is left, or after `deadlineMs`. */
  async #emptied(deadlineMs: number): Promise<void> {
    if (this.#connections.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(deadlineMs, resolve);
    this.#onEmpty = resolve;
    await promise;
    this.#onEmpty = null;
    timer.cancel();
  }
}

/** `0.0.0.0:25` and `[::]:25`; the configuration has checked them. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(address.slice(colon + 1)) };
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

function describe(fault: unknown): string {
  const { code, message } = fault as { code?: string; message?: string };
  switch (code) {
    case "EADDRINUSE":
      return "the address is in use by another program";
    case "EACCES":
      return "this user may not bind that port";
    case "EADDRNOTAVAIL":
      return "this machine does not have that address";
    default:
      return message ?? String(fault);
  }
}
