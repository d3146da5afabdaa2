import net from "node:net";
import tls from "node:tls";
import { formatIpAddress, parseIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import { describeReply, replyClass } from "../../core/mail/reply.ts";
import { commandLine } from "../../core/smtp/client-commands.ts";
import { describeOffers, NO_OFFERS, parseOffers, type Offers } from "../../core/smtp/offers.ts";
import { isOpportunistic, needsTls, type TlsDemand } from "../../core/tls-policy/demand.ts";
import type { TlsFailure } from "../../core/tls-policy/judge.ts";
import type { AccessTokens, Clock, NextHop, NextHopServer, ProbeStepName, TlsResults } from "../../flows/ports.ts";
import { authenticate } from "./authenticate.ts";
import { Connection, ConnectionTrouble, type ConnectionContext } from "./connection.ts";
import type { Assurance, Encryption } from "./encryption.ts";
import type { Sweep } from "./sweep.ts";

export interface OpenOptions extends ConnectionContext {
  readonly clock: Clock;
  readonly encryption: Encryption;
  readonly tlsResults: TlsResults;
  readonly tokens: AccessTokens;
  readonly leavesDescriptors?: (socket: net.Socket) => boolean;
  /** Hears of each step: null when it begins, and in words what came of it when it went well. */
  readonly onStep?: (step: ProbeStepName, words: string | null) => void;
}

export interface OpenConnection {
  readonly connection: Connection;
  readonly offers: Offers;
}

/** TLS did not come about, or not as it is demanded. */
class TlsTrouble extends ConnectionTrouble {}

/** The server showed anchors of DANE that its chain was not checked against yet. */
class AnchorsShown extends TlsTrouble {
  readonly anchors: readonly Uint8Array[];

  constructor(name: string, anchors: readonly Uint8Array[]) {
    super("4.7.5", `${name} shows another chain of certificates each time`);
    this.anchors = anchors;
  }
}

/** How one connection is tried. */
interface Way {
  readonly inClear: boolean;
  /** Where the chain of the server's certificate shall lead to, by its TLSA records. */
  readonly anchors: readonly Uint8Array[];
  readonly isFirst: boolean;
}

/**
 * Connects to one server of a next hop and leads it to where mail can be sent: greeting, EHLO (or HELO), TLS, AUTH. Throws
 * `ConnectionTrouble`. Where TLS is only welcome and its handshake fails, a new connection goes in the clear.
 */
export async function openConnection(
  hop: NextHop,
  server: NextHopServer,
  options: OpenOptions,
): Promise<OpenConnection> {
  let way: Way = {
    inClear: server.tls.kind === "none",
    anchors: options.encryption.anchorsOf(server.tls),
    isFirst: true,
  };
  for (;;) {
    try {
      return await open(hop, server, options, way);
    } catch (error) {
      if (error instanceof AnchorsShown && way.isFirst) way = { ...way, anchors: error.anchors, isFirst: false };
      else if (error instanceof TlsTrouble && isOpportunistic(server.tls) && !server.isImplicit && !way.inClear)
        way = { ...way, inClear: true };
      else throw error;
    }
  }
}

async function open(hop: NextHop, server: NextHopServer, options: OpenOptions, way: Way): Promise<OpenConnection> {
  const { onStep = () => {} } = options;
  onStep("connect", null);
  const connection = await connect(hop, server, options, way);
  onStep("connect", connection.tls);
  try {
    onStep("greeting", null);
    const greeting = await connection.ask("", options.limits.replyTimeoutMs);
    if (greeting.code !== 220) throw said(connection, "4.3.2", "greeted with", describeReply(greeting));
    onStep("greeting", describeReply(greeting));
    onStep("ehlo", null);
    let offers = await hello(connection, options);
    onStep("ehlo", describeOffers(offers));
    if (!way.inClear && connection.tls === "") {
      onStep("tls", null);
      if (await startTls(connection, offers, server, options, way)) offers = await hello(connection, options);
      onStep("tls", connection.tls === "" ? "none: what is said goes in the clear" : connection.tls);
    }
    if (server.credentials && hop.auth !== "none") {
      onStep("auth", null);
      const { replyTimeoutMs } = options.limits;
      const method = hop.auth === "auto" ? (server.credentials.method ?? "auto") : hop.auth;
      await authenticate(connection, offers, server.credentials, method, { replyTimeoutMs, tokens: options.tokens });
      onStep("auth", `as ${server.credentials.user}; offered: ${offers.auth.join(" ")}`);
    }
    // Said in the clear it is worth nothing (RFC 8689 §2).
    return { connection, offers: connection.tls === "" ? { ...offers, requireTls: false } : offers };
  } catch (error) {
    connection.destroy("the connection could not be used");
    throw error;
  }
}

function said(connection: Connection, enhanced: string, did: string, words: string): ConnectionTrouble {
  return new ConnectionTrouble(enhanced, `${connection.name} ${did}: ${words}`);
}

// --- connect ----------------------------------------------------------------------------------------------------------

async function connect(hop: NextHop, server: NextHopServer, options: OpenOptions, way: Way): Promise<Connection> {
  const { limits, sweep } = options;
  const address = formatIpAddress(server.address);
  const own = hop.localAddresses.find((local) => local.family === server.address.family);
  const name = `${server.host} [${address}]:${server.port}`;
  const plain = net.connect({ host: address, port: server.port, noDelay: true, ...localAddress(own) });
  const failed = await reached(plain, "connect", limits.connectTimeoutMs, sweep);
  if (failed !== null) throw new ConnectionTrouble("4.4.1", `Connecting to ${name}: ${failed}`);
  if (options.leavesDescriptors?.(plain) === false) {
    plain.destroy();
    throw new ConnectionTrouble("4.4.1", `Connecting to ${name}: ${NO_DESCRIPTOR}`);
  }
  if (!server.isImplicit) return new Connection(server, plain, options);
  const secure = tls.connect({ ...options.encryption.handshakeWith(server, way.anchors), socket: plain });
  const broken = await reached(secure, "secureConnect", limits.handshakeMs, sweep);
  if (broken !== null) throw handshakeTrouble(plain, server, options, `${name}: ${broken}`);
  try {
    const assurance = assuranceOf(secure, server, options, way);
    const connection = new Connection(server, secure, options);
    connection.noteTls(secure, assurance.words);
    return connection;
  } catch (error) {
    secure.destroy();
    throw error;
  }
}

function localAddress(own: IpAddress | undefined): { localAddress?: string } {
  return own ? { localAddress: formatIpAddress(own) } : {};
}

/** null once `event` came, or in words why it did not; then the socket is gone. */
function reached(socket: net.Socket, event: string, limitMs: number, sweep: Sweep): Promise<string | null> {
  const deadline = sweep.deadline(limitMs);
  return new Promise((resolve) => {
    const fail = (why: string): void => {
      sweep.delete(watch);
      socket.off("close", onClose);
      socket.destroy();
      resolve(why);
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
      resolve(null);
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

// --- EHLO ---------------------------------------------------------------------------------------------------------

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

// --- TLS --------------------------------------------------------------------------------------------------------------

/** Whether the connection is encrypted now; false where the server did not want to, and that is no trouble. */
async function startTls(
  connection: Connection,
  offers: Offers,
  server: NextHopServer,
  options: OpenOptions,
  way: Way,
): Promise<boolean> {
  const { name, socket } = connection;
  const without = (why: string): false => {
    note(socket, server, options, { type: "starttls-not-supported", words: why });
    if (needsTls(server.tls)) throw new TlsTrouble("4.7.4", `${name} ${why}, and ${whoseDemand(server.tls)}`);
    return false;
  };
  if (!offers.startTls) return without("offers no TLS");
  const answer = await connection.ask("STARTTLS\r\n", options.limits.replyTimeoutMs, true);
  if (answer.code !== 220) return without(`answered STARTTLS with: ${describeReply(answer)}`);
  let secure: tls.TLSSocket;
  try {
    secure = await connection.startTls(options.encryption.handshakeWith(server, way.anchors));
  } catch (error) {
    throw handshakeTrouble(socket, server, options, error instanceof Error ? error.message : String(error));
  }
  connection.noteTls(secure, assuranceOf(secure, server, options, way).words);
  return true;
}

function whoseDemand(demand: TlsDemand): string {
  switch (demand.kind) {
    case "dane":
      return "its TLSA records demand it: it was taken away on the way, or the records are wrong";
    case "mta-sts":
      return "its MTA-STS policy demands it: it was taken away on the way, or the policy is wrong";
    default:
      return "it is required";
  }
}

function handshakeTrouble(socket: net.Socket, server: NextHopServer, options: OpenOptions, why: string): TlsTrouble {
  options.encryption.forget(server);
  const words = `TLS handshake failed: ${why}`;
  note(socket, server, options, { type: "validation-failure", words });
  return new TlsTrouble("4.7.5", words);
}

/** What the session is worth; throws where that is not what is demanded. */
function assuranceOf(secure: tls.TLSSocket, server: NextHopServer, options: OpenOptions, way: Way): Assurance {
  const verdict = options.encryption.judge(secure, server, way.anchors);
  switch (verdict.kind) {
    case "good":
      note(secure, server, options, verdict.assurance.tolerated);
      return verdict.assurance;
    case "anchors":
      throw new AnchorsShown(nameOf(server), verdict.anchors);
    case "bad":
      note(secure, server, options, verdict.failure);
      throw new TlsTrouble("4.7.5", `${nameOf(server)} ${verdict.failure.words}`);
  }
}

function nameOf({ host, address }: NextHopServer): string {
  return `${host} [${formatIpAddress(address)}]`;
}

/** Tells the counters of TLSRPT, where the server stands under a policy that they count. */
function note(socket: net.Socket, server: NextHopServer, options: OpenOptions, failure: TlsFailure | null): void {
  if (server.policy === null) return;
  const own = parseIpAddress(socket.localAddress ?? "");
  options.tlsResults.record({
    at: options.clock.now(),
    policy: server.policy,
    failure: failure?.type ?? null,
    mxHost: server.host,
    receivingAddress: server.address,
    sendingAddress: own.ok ? own.value : null,
    reason: failure?.words ?? "",
  });
}
