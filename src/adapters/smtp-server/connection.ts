import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket, type SecureContext } from "node:tls";
import type { Instant } from "../../core/base/time.ts";
import { parseIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import { contains, type Network } from "../../core/mail/network.ts";
import { parseProxyHeader, PROXY_HEADER_OCTETS_MAX } from "../../core/smtp/proxy-protocol.ts";
import type { Receiver } from "../../flows/receive.ts";
import type { ReceivingSession } from "../../flows/receive-session.ts";
import type { TlsAge } from "../../flows/listener-state.ts";
import type { ListenerProfile, Wire } from "../../flows/reception.ts";

/** What a connection must know of the door it came in at. */
export interface Door {
  readonly profile: ListenerProfile;
  /** What the door is to this client: some may do there what others may not. */
  profileOf(client: IpAddress): ListenerProfile;
  /** Whose PROXY header is believed, and then demanded. */
  readonly proxyFrom: readonly Network[];
  readonly legacyTlsFrom: readonly Network[];
  /** The address the door is bound to; null where it is a wildcard and each connection has its own. */
  readonly local: IpAddress | null;
  /** The certificate of now; null where there is none. */
  secureContext(age: TlsAge): SecureContext | null;
  /** Hears of a client whose TLS is not ours. */
  noCommonTls(client: IpAddress): void;
}

/** OpenSSL's words for: no version, or no cipher, that both ends know. */
const NO_COMMON_TLS: ReadonlySet<string> = new Set(["ERR_SSL_UNSUPPORTED_PROTOCOL", "ERR_SSL_NO_SHARED_CIPHER"]);

/** One client's socket, or any other duplex stream, with the session behind it. */
export class Connection implements Wire {
  readonly #receiver: Receiver;
  readonly #door: Door;
  readonly #onClosed: (connection: Connection) => void;
  #stream: Duplex;
  #session: ReceivingSession | null = null;
  #client: IpAddress | null = null;
  #tlsAge: TlsAge = "modern";
  /** The header of the PROXY protocol, as far as it came. */
  #header: Uint8Array | null = null;
  #headerDeadline: Instant = 0;
  #paused = false;
  /** The client does not read what we say: we do not read what it says. */
  #choked = false;

  constructor(receiver: Receiver, door: Door, stream: Duplex, onClosed: (connection: Connection) => void) {
    this.#receiver = receiver;
    this.#door = door;
    this.#stream = stream;
    this.#onClosed = onClosed;
    this.#listen(stream);
  }

  /** Begins with a socket that was accepted. */
  start(socket: Socket): void {
    const client = parseIpAddress(socket.remoteAddress ?? "");
    // Gone before we looked.
    if (!client.ok) this.destroy();
    else if (isIn(this.#door.proxyFrom, client.value)) {
      this.#header = new Uint8Array(0);
      this.#headerDeadline = this.#receiver.clock.now() + this.#receiver.limits.proxyHeaderMs;
    } else this.begin(client.value, this.#door.local ?? localAddress(socket));
  }

  begin(client: IpAddress, local: IpAddress | null): void {
    this.#client = client;
    if (isIn(this.#door.legacyTlsFrom, client)) this.#tlsAge = "legacy";
    this.#session = this.#receiver.open(this, { listener: this.#door.profileOf(client), client, local });
  }

  sweep(now: Instant): void {
    if (this.#session !== null) this.#session.sweep(now);
    else if (now >= this.#headerDeadline) this.destroy();
  }

  // --- what the session does to the wire --------------------------------------------------------------------------------

  send(text: string): boolean {
    const stream = this.#stream;
    if (write(stream, text)) return true;
    if (!this.#choked) {
      this.#choked = true;
      stream.pause();
      stream.once("drain", () => {
        this.#choked = false;
        if (!this.#paused) stream.resume();
        this.#session?.drained();
      });
    }
    return false;
  }

  end(lastWord: string, atOnce: boolean): void {
    const stream = this.#stream;
    if (lastWord !== "") write(stream, lastWord);
    // All is with the kernel already: it sends it before it closes.
    if (atOnce && stream instanceof Socket && !(stream instanceof TLSSocket) && stream.writableLength === 0)
      stream.destroy();
    else {
      stream.end();
      this.#choked = false;
      this.resume();
    }
  }

  destroy(): void {
    this.#stream.destroy();
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#choked) this.#stream.resume();
  }

  startTls(): void {
    const raw = this.#stream;
    const secureContext = this.#door.secureContext(this.#tlsAge);
    if (!(raw instanceof Socket) || secureContext === null) {
      this.destroy();
      return;
    }
    raw.removeAllListeners("data");
    raw.removeAllListeners("end");
    raw.pause();
    // In implicit TLS what is there already is the client's hello; after STARTTLS it is what somebody smuggled in.
    if (this.#door.profile.tls !== "implicit") while (raw.read() !== null);
    if (raw.writableLength === 0) this.#secure(raw, secureContext);
    else raw.once("drain", () => this.#secure(raw, secureContext));
  }

  // --- what the wire tells ----------------------------------------------------------------------------------------------

  #listen(stream: Duplex): void {
    stream.on("data", (octets: Buffer) => {
      if (this.#session !== null) this.#session.input(octets);
      else this.#readHeader(octets);
    });
    stream.on("end", () => {
      if (this.#session !== null) this.#session.inputEnded();
      else this.destroy();
    });
    // A reset, a broken pipe: "close" follows, and that is all there is to know.
    stream.on("error", ignore);
    stream.on("close", () => {
      if (stream !== this.#stream) return;
      this.#session?.released();
      this.#onClosed(this);
    });
  }

  #secure(raw: Socket, secureContext: SecureContext): void {
    if (raw.destroyed) return;
    const secure = new TLSSocket(raw, { isServer: true, secureContext, requestCert: false, enableTrace: false });
    this.#stream = secure;
    this.#choked = false;
    this.#listen(secure);
    secure.once("error", ({ code = "" }: NodeJS.ErrnoException) => {
      if (NO_COMMON_TLS.has(code) && this.#client !== null) this.#door.noCommonTls(this.#client);
    });
    secure.once("secure", () => {
      const protocol = secure.getProtocol() ?? "TLS";
      const mark = protocol === "TLSv1" || protocol === "TLSv1.1" ? " legacy" : "";
      this.#session?.secured(`${protocol} ${secure.getCipher().name}${mark}`);
    });
  }

  #readHeader(octets: Uint8Array): void {
    if (this.#header === null) return;
    const header = concat(this.#header, octets);
    const parsed = parseProxyHeader(header);
    if (parsed.kind === "more" && header.length < PROXY_HEADER_OCTETS_MAX) this.#header = header;
    else if (parsed.kind !== "header") this.destroy();
    else this.#beginBehindProxy(header.subarray(parsed.length), parsed.client, parsed.local);
  }

  /** `rest` came in the same block as the header: what the client said first. */
  #beginBehindProxy(rest: Uint8Array, client: IpAddress | null, local: IpAddress | null): void {
    const socket = this.#stream;
    this.#header = null;
    if (!(socket instanceof Socket)) return;
    const own = parseIpAddress(socket.remoteAddress ?? "");
    if (!own.ok) {
      this.destroy();
      return;
    }
    if (rest.length > 0 && this.#door.profile.tls === "implicit") socket.unshift(rest);
    this.begin(client ?? own.value, client === null ? (this.#door.local ?? localAddress(socket)) : local);
    if (rest.length > 0 && this.#door.profile.tls !== "implicit") this.#session?.input(rest);
  }
}

/** ASCII goes out as it is; only the address of a refused recipient may have more. False once too much is unsent. */
function write(stream: Duplex, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return stream.write(text, "utf8");
  return stream.write(text, "latin1");
}

export function isIn(networks: readonly Network[], client: IpAddress): boolean {
  return networks.some((network) => contains(network, client));
}

function ignore(): void {
  return;
}

function localAddress(socket: Socket): IpAddress | null {
  const local = parseIpAddress(socket.localAddress ?? "");
  return local.ok ? local.value : null;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
