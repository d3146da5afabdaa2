import net from "node:net";
import tls from "node:tls";
import { formatIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import { describeReply, replyClass } from "../../core/mail/reply.ts";
import { commandLine } from "../../core/smtp/client-commands.ts";
import { NO_OFFERS, parseOffers, type Offers } from "../../core/smtp/offers.ts";
import type { AccessTokens, NextHop } from "../../flows/ports.ts";
import { authenticate } from "./authenticate.ts";
import { Connection, ConnectionTrouble, type ConnectionContext, type Server } from "./connection.ts";
import type { Sweep } from "./sweep.ts";

export interface OpenOptions extends ConnectionContext {
  /** Certificates that are trusted besides those of the system, PEM. */
  readonly ca?: string | readonly string[];
  readonly sessions: TlsSessions;
  readonly tokens: AccessTokens;
  readonly leavesDescriptors?: (socket: net.Socket) => boolean;
}

export interface OpenConnection {
  readonly connection: Connection;
  readonly offers: Offers;
}

/** TLS sessions to resume, the newest of each server. */
export class TlsSessions {
  readonly #sessions = new Map<string, Buffer>();

  get(server: string): Buffer | undefined {
    return this.#sessions.get(server);
  }

  keep(server: string, session: Buffer): void {
    this.#sessions.delete(server);
    this.#sessions.set(server, session);
    const oldest = this.#sessions.keys().next().value;
    if (this.#sessions.size > SESSIONS_MAX && oldest !== undefined) this.#sessions.delete(oldest);
  }

  forget(server: string): void {
    this.#sessions.delete(server);
  }
}

const SESSIONS_MAX = 1_000;

/**
 * Connects to one server of a next hop and leads it to where mail can be sent: greeting, EHLO (or HELO), TLS, AUTH. Throws
 * `ConnectionTrouble`. Where TLS is only welcome (`may`) and its handshake fails, a new connection goes in the clear.
 */
export async function openConnection(hop: NextHop, server: Server, options: OpenOptions): Promise<OpenConnection> {
  if (hop.tls === "may") {
    try {
      return await open(hop, server, options, true);
    } catch (error) {
      if (!(error instanceof HandshakeTrouble)) throw error;
    }
    return open(hop, server, options, false);
  }
  return open(hop, server, options, hop.tls === "require");
}

class HandshakeTrouble extends ConnectionTrouble {}

async function open(hop: NextHop, server: Server, options: OpenOptions, wantsTls: boolean): Promise<OpenConnection> {
  const connection = await connect(hop, server, options);
  try {
    const greeting = await connection.ask("", options.limits.replyTimeoutMs);
    if (greeting.code !== 220) throw said(connection, "4.3.2", "greeted with", describeReply(greeting));
    let offers = await hello(connection, options);
    if (wantsTls && offers.startTls) {
      if (await startTls(connection, hop, options)) offers = await hello(connection, options);
    }
    if (hop.tls === "require" && connection.tls === "") {
      throw new ConnectionTrouble("4.7.4", `${connection.name} offers no TLS, and it is required`);
    }
    if (hop.credentials) {
      const { replyTimeoutMs } = options.limits;
      await authenticate(connection, offers, hop.credentials, "auto", { replyTimeoutMs, tokens: options.tokens });
    }
    return { connection, offers };
  } catch (error) {
    connection.destroy("the connection could not be used");
    throw error;
  }
}

function said(connection: Connection, enhanced: string, did: string, words: string): ConnectionTrouble {
  return new ConnectionTrouble(enhanced, `${connection.name} ${did}: ${words}`);
}

// --- connect ----------------------------------------------------------------------------------------------------------

async function connect(hop: NextHop, server: Server, options: OpenOptions): Promise<Connection> {
  const address = formatIpAddress(server.address);
  const own = hop.localAddresses.find((local) => local.family === server.address.family);
  const target: net.TcpNetConnectOpts = {
    host: address,
    port: server.port,
    noDelay: true,
    ...localAddress(own),
  };
  const implicit = hop.tls === "implicit";
  const secure = implicit ? tlsOptions(hop, server, options) : null;
  const socket = secure ? tls.connect({ ...target, ...secure } as tls.ConnectionOptions) : net.connect(target);
  const name = `${server.host} [${address}]:${server.port}`;
  const event = implicit ? "secureConnect" : "connect";
  const limitMs = options.limits.connectTimeoutMs + (implicit ? options.limits.handshakeMs : 0);
  await reached(socket, event, name, limitMs, options.sweep);
  if (options.leavesDescriptors?.(socket) === false) {
    socket.destroy();
    throw new ConnectionTrouble("4.4.1", `Connecting to ${name}: ${NO_DESCRIPTOR}`);
  }
  const connection = new Connection(server, socket, options);
  if (socket instanceof tls.TLSSocket) {
    connection.noteTls(socket);
    keepSessions(socket, server, options.sessions);
  }
  return connection;
}

function localAddress(own: IpAddress | undefined): { localAddress?: string } {
  return own ? { localAddress: formatIpAddress(own) } : {};
}

function reached(socket: net.Socket, event: string, name: string, limitMs: number, sweep: Sweep): Promise<void> {
  const deadline = sweep.deadline(limitMs);
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      sweep.delete(watch);
      socket.off("close", onClose);
      socket.destroy();
      reject(new ConnectionTrouble("4.4.1", `Connecting to ${name}: ${why}`));
    };
    const watch = { tick: () => sweep.isPast(deadline) && fail("no answer in time") };
    const onError = (error: Error): void => fail(plainWords(error));
    const onClose = (): void => fail("closed at once");
    sweep.add(watch);
    // Once it failed, nothing more of it is of interest; without a listener an error would end the process.
    socket.on("error", onError);
    socket.once("close", onClose);
    socket.once(event, () => {
      sweep.delete(watch);
      socket.off("close", onClose);
      socket.off("error", onError);
      resolve();
    });
  });
}

const NO_DESCRIPTOR = "no file descriptor is left here";

function plainWords(error: Error & { code?: string }): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ETIMEDOUT":
      return "no answer in time";
    case "EHOSTUNREACH":
      return "no route to host";
    case "ENETUNREACH":
      return "network unreachable";
    case "ECONNRESET":
      return "connection reset";
    case "EMFILE":
    case "ENFILE":
      return NO_DESCRIPTOR;
    default:
      return error.message;
  }
}

// --- EHLO, TLS ----------------------------------------------------------------------------------------------------

async function hello(connection: Connection, options: OpenOptions): Promise<Offers> {
  const timeoutMs = options.limits.replyTimeoutMs;
  const ehlo = await connection.ask(commandLine(`EHLO ${options.hostname}`), timeoutMs);
  if (ehlo.code === 250) return parseOffers(ehlo);
  // 5xx to EHLO: a server of before 1993 (RFC 5321 §3.2).
  if (replyClass(ehlo) !== 5) throw said(connection, "4.3.2", "answered EHLO with", describeReply(ehlo));
  const helo = await connection.ask(commandLine(`HELO ${options.hostname}`), timeoutMs);
  if (helo.code !== 250) throw said(connection, "4.3.2", "answered HELO with", describeReply(helo));
  return NO_OFFERS;
}

function tlsOptions(hop: NextHop, server: Server, options: OpenOptions): tls.ConnectionOptions {
  const verify = hop.tls === "require" || hop.tls === "implicit";
  const session = options.sessions.get(sessionKey(server));
  return {
    minVersion: "TLSv1.2",
    // Opportunistic TLS keeps listeners out, not impostors: whoever could forge a certificate could also strip STARTTLS (RFC 7435).
    rejectUnauthorized: verify,
    ...(net.isIP(server.host) ? {} : { servername: server.host }),
    ...(net.isIP(server.host) ? { checkServerIdentity: checkAddress(server.host) } : {}),
    ...(options.ca ? { ca: [...tls.rootCertificates, ...[options.ca].flat()] } : {}),
    ...(session ? { session } : {}),
  };
}

/** Without SNI, Node compares the certificate with "localhost": we want the address that was configured. */
function checkAddress(address: string): NonNullable<tls.ConnectionOptions["checkServerIdentity"]> {
  return (_host, certificate) => tls.checkServerIdentity(address, certificate);
}

function sessionKey(server: Server): string {
  return `${server.host} ${formatIpAddress(server.address)} ${server.port}`;
}

function keepSessions(socket: tls.TLSSocket, server: Server, sessions: TlsSessions): void {
  socket.on("session", (session: Buffer) => sessions.keep(sessionKey(server), session));
}

/** Whether the connection is encrypted now; false where the server refused, which under `may` is no trouble. */
async function startTls(connection: Connection, hop: NextHop, options: OpenOptions): Promise<boolean> {
  const answer = await connection.ask("STARTTLS\r\n", options.limits.replyTimeoutMs, true);
  if (answer.code !== 220) {
    if (hop.tls === "may") return false;
    throw said(connection, "4.7.4", "answered STARTTLS with", describeReply(answer));
  }
  const server = connection.server;
  try {
    const secure = await connection.startTls(tlsOptions(hop, server, options));
    keepSessions(secure, server, options.sessions);
  } catch (error) {
    options.sessions.forget(sessionKey(server));
    const why = error instanceof Error ? error.message : String(error);
    throw new HandshakeTrouble("4.7.5", `TLS handshake failed: ${why}`);
  }
  return true;
}
