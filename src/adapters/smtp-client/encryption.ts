import { createHash, X509Certificate } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import type { Instant } from "../../core/base/time.ts";
import { formatIpAddress } from "../../core/mail/ip.ts";
import { printable } from "../../core/base/printable.ts";
import { textOfDemand, type TlsDemand } from "../../core/tls-policy/demand.ts";
import { judgePeer, type Peer, type TlsFailure } from "../../core/tls-policy/judge.ts";
import { anchorsInRecords, type CertificateOctets, type Digests } from "../../core/tls-policy/tlsa.ts";
import type { Clock, NextHopServer } from "../../flows/ports.ts";
import { BoundedMap } from "../../core/base/bounded-map.ts";

export interface EncryptionOptions {
  readonly clock: Clock;
  /** Certificates that are trusted besides those that Node trusts, PEM. */
  readonly ca?: string | readonly string[];
}

/** What a session is worth. It holds for those that resume it too, which show no certificate. */
export interface Assurance {
  /** `verified (dane-ee)`, `not verified (may)`. */
  readonly words: string;
  /** What a policy in mode `testing` wants to hear of. */
  readonly tolerated: TlsFailure | null;
  readonly until: Instant;
}

export type Verdict =
  | { readonly kind: "good"; readonly assurance: Assurance }
  /** To be asked again by a handshake with these anchors. */
  | { readonly kind: "anchors"; readonly anchors: readonly Uint8Array[] }
  | { readonly kind: "bad"; readonly failure: TlsFailure };

interface KeptSession {
  readonly session: Buffer;
  readonly assurance: Assurance;
}

/** Servers and demands whose session or anchors are kept, the newest. */
const KEPT_MAX = 1_000;
/** Certificates of a chain that are looked at. */
const CHAIN_MAX = 10;
const NAMES_SHOWN_MAX = 200;

/** TLS towards next hops: what a handshake begins with, what it was worth, and sessions to resume. */
export class Encryption {
  readonly #options: EncryptionOptions;
  readonly #trusted: tls.SecureContext;
  /** The newest session of each server and demand: what was not verified for a demand cannot be resumed under it. */
  readonly #sessions = new BoundedMap<string, KeptSession>(KEPT_MAX);
  /** Anchors of DANE that once led to a certificate, by demand. */
  readonly #anchors = new BoundedMap<string, readonly Uint8Array[]>(KEPT_MAX);

  constructor(options: EncryptionOptions) {
    this.#options = options;
    const { ca } = options;
    this.#trusted = tls.createSecureContext({
      minVersion: MIN_VERSION,
      ...(ca === undefined ? {} : { ca: [...tls.rootCertificates, ...[ca].flat()] }),
    });
  }

  /** The anchors to begin with. */
  anchorsOf(demand: TlsDemand): readonly Uint8Array[] {
    if (demand.kind !== "dane") return NONE;
    return this.#anchors.get(textOfDemand(demand)) ?? anchorsInRecords(demand.records);
  }

  /** For a handshake that is not broken off whatever the server shows: `judge` says what it was worth, before anything is sent. */
  handshakeWith(server: NextHopServer, anchors: readonly Uint8Array[]): tls.ConnectionOptions {
    const session = this.#sessionFor(server)?.session;
    const name = server.tls.kind === "dane" ? (server.tls.names[0] ?? server.host) : server.host;
    return {
      secureContext: anchors.length > 0 ? contextOf(anchors) : this.#trusted,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(net.isIP(name) ? {} : { servername: name }),
      ...(session ? { session } : {}),
    };
  }

  /** What a finished handshake is worth under the demand of this server. */
  judge(socket: tls.TLSSocket, server: NextHopServer, anchors: readonly Uint8Array[]): Verdict {
    const kept = socket.isSessionReused() ? this.#sessionFor(server) : undefined;
    if (kept !== undefined) {
      this.#keepSessions(socket, server, kept.assurance);
      return { kind: "good", assurance: kept.assurance };
    }
    const judged = judgePeer(server.tls, peerOf(socket), anchors, DIGESTS, this.#options.clock.now());
    if (judged.kind === "bad" || judged.kind === "anchors") return judged;
    const isGood = judged.kind === "good";
    const until = isGood ? judged.until : Infinity;
    const assurance = { words: judged.assurance, tolerated: isGood ? null : judged.failure, until };
    if (anchors.length > 0) this.#anchors.set(textOfDemand(server.tls), anchors);
    this.#keepSessions(socket, server, assurance);
    return { kind: "good", assurance };
  }

  /** A handshake failed: it may have been the session. */
  forget(server: NextHopServer): void {
    this.#sessions.delete(keyOf(server));
  }

  #sessionFor(server: NextHopServer): KeptSession | undefined {
    const kept = this.#sessions.get(keyOf(server));
    return kept !== undefined && this.#options.clock.now() < kept.assurance.until ? kept : undefined;
  }

  #keepSessions(socket: tls.TLSSocket, server: NextHopServer, assurance: Assurance): void {
    const key = keyOf(server);
    // Up to TLS 1.2 the session is there with the handshake, afterwards it comes when the server likes.
    const now = socket.getProtocol() === "TLSv1.3" ? undefined : socket.getSession();
    if (now !== undefined) this.#sessions.set(key, { session: now, assurance });
    socket.on("session", (session: Buffer) => this.#sessions.set(key, { session, assurance }));
  }
}

const MIN_VERSION = "TLSv1.2";
const NONE: readonly Uint8Array[] = [];

function keyOf({ host, address, port, tls: demand }: NextHopServer): string {
  return `${host} ${formatIpAddress(address)} ${port} ${textOfDemand(demand)}`;
}

/** OpenSSL checks the whole way from the server's certificate to one of these, authorities between and their constraints included. */
function contextOf(anchors: readonly Uint8Array[]): tls.SecureContext {
  const ca = anchors.flatMap((whole) => {
    const opened = openCertificate(whole);
    return opened === null ? [] : [opened.toString()];
  });
  return tls.createSecureContext({ minVersion: MIN_VERSION, ca, allowPartialTrustChain: true });
}

function openCertificate(whole: Uint8Array): X509Certificate | null {
  try {
    return new X509Certificate(whole);
  } catch {
    return null; // A record of usage 2 may hold any octets.
  }
}

const DIGESTS: Digests = {
  sha256: (octets) => createHash("sha256").update(octets).digest(),
  sha512: (octets) => createHash("sha512").update(octets).digest(),
};

function peerOf(socket: tls.TLSSocket): Peer {
  const chain: CertificateOctets[] = [];
  const own = socket.getPeerX509Certificate();
  for (let one = own; one !== undefined && chain.length < CHAIN_MAX; one = one.issuerCertificate) {
    chain.push({ whole: one.raw, publicKey: one.publicKey.export({ type: "spki", format: "der" }) });
  }
  return {
    chain,
    notBefore: own?.validFromDate.getTime() ?? NaN,
    notAfter: own?.validToDate.getTime() ?? NaN,
    names: own === undefined ? "" : namesOf(own),
    isFor: (name) => own !== undefined && isFor(own, name),
    chainFault: socket.authorized ? "" : faultOf(socket.authorizationError),
  };
}

/** Whole labels, a `*` for the leftmost one alone; the subject counts where no alternative name is there (RFC 7672 §3.2.3). */
function isFor(certificate: X509Certificate, name: string): boolean {
  if (net.isIP(name)) return certificate.checkIP(name) !== undefined;
  return certificate.checkHost(name, { partialWildcards: false }) !== undefined;
}

function namesOf({ subject, subjectAltName }: X509Certificate): string {
  const alternative = (subjectAltName ?? "").replaceAll(/\b(?:DNS|IP Address):/g, "");
  return printable(alternative === "" ? subject.replaceAll("\n", ", ") : alternative, NAMES_SHOWN_MAX);
}

/** Node's type says Error, and a string is what it gives. */
function faultOf(fault: unknown): string {
  const code = fault instanceof Error && "code" in fault ? fault.code : fault;
  return typeof code === "string" && /^[A-Z\d_]{1,64}$/.test(code) ? code : "UNSPECIFIED";
}
