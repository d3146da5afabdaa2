import { normaliseIpv6, ipv4, parseIpAddress, type IpAddress } from "../mail/ip.ts";

/** The longest header that is waited for: v1 has at most 107 octets, v2 up to 536 with what is useful here (PROXY protocol §2). */
export const PROXY_HEADER_OCTETS_MAX = 536;

/**
 * `client` is the address the proxy speaks for, `local` the one it was reached at; both null where the proxy speaks for itself (v1
 * UNKNOWN, v2 LOCAL). `length` octets are the header's; what follows is the client's.
 */
export type ProxyHeader =
  | { readonly kind: "more" }
  | { readonly kind: "malformed" }
  | {
      readonly kind: "header";
      readonly length: number;
      readonly client: IpAddress | null;
      readonly local: IpAddress | null;
    };

const MORE: ProxyHeader = { kind: "more" };
const MALFORMED: ProxyHeader = { kind: "malformed" };
const V1_OCTETS_MAX = 107;
const V2_SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const V1_SIGNATURE = [0x50, 0x52, 0x4f, 0x58, 0x59, 0x20];

/** Reads the header of the PROXY protocol, v1 or v2, at the start of `octets`. */
export function parseProxyHeader(octets: Uint8Array): ProxyHeader {
  if (startsLike(octets, V2_SIGNATURE)) return octets.length < 16 ? MORE : parseV2(octets);
  if (startsLike(octets, V1_SIGNATURE)) return parseV1(octets);
  return MALFORMED;
}

/** Whether `octets`, as far as they are there, are those of `signature`. */
function startsLike(octets: Uint8Array, signature: readonly number[]): boolean {
  const length = Math.min(octets.length, signature.length);
  for (let i = 0; i < length; i++) if (octets[i] !== signature[i]) return false;
  return true;
}

/** `PROXY TCP4 192.0.2.1 192.0.2.2 56324 25` and CRLF. */
function parseV1(octets: Uint8Array): ProxyHeader {
  const limit = Math.min(octets.length, V1_OCTETS_MAX);
  let line = "";
  for (let i = 0; i < limit; i++) {
    const c = octets[i] as number;
    if (c === 0x0d) {
      if (i + 1 === octets.length) return MORE;
      return octets[i + 1] === 0x0a ? readV1(line, i + 2) : MALFORMED;
    }
    if (c < 0x20 || c > 0x7e) return MALFORMED;
    line += String.fromCharCode(c);
  }
  return octets.length < V1_OCTETS_MAX ? MORE : MALFORMED;
}

function readV1(line: string, length: number): ProxyHeader {
  const words = line.split(" ");
  const [, family, source = "", destination = "", sourcePort = "", destinationPort = ""] = words;
  if (family === "UNKNOWN") return { kind: "header", length, client: null, local: null };
  if (words.length !== 6 || (family !== "TCP4" && family !== "TCP6")) return MALFORMED;
  if ((family === "TCP6") !== source.includes(":") || (family === "TCP6") !== destination.includes(":"))
    return MALFORMED;
  if (source.includes("%") || destination.includes("%")) return MALFORMED;
  const client = parseIpAddress(source);
  const local = parseIpAddress(destination);
  if (!client.ok || !local.ok || !isPort(sourcePort) || !isPort(destinationPort)) return MALFORMED;
  return { kind: "header", length, client: client.value, local: local.value };
}

function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** Version and command, family and transport, length, addresses, TLVs that are not looked at. */
function parseV2(octets: Uint8Array): ProxyHeader {
  const at = (index: number): number => octets[index] ?? 0;
  const word = (index: number): number =>
    ((at(index) << 24) | (at(index + 1) << 16) | (at(index + 2) << 8) | at(index + 3)) >>> 0;
  const length = 16 + ((at(14) << 8) | at(15));
  if (at(12) >> 4 !== 2 || length > PROXY_HEADER_OCTETS_MAX) return MALFORMED;
  if (octets.length < length) return MORE;
  const command = at(12) & 15;
  if (command === 0) return { kind: "header", length, client: null, local: null };
  if (command !== 1) return MALFORMED;
  if (at(13) === 0x11 && length >= 28) return { kind: "header", length, client: ipv4(word(16)), local: ipv4(word(20)) };
  if (at(13) !== 0x21 || length < 52) return MALFORMED;
  return {
    kind: "header",
    length,
    client: normaliseIpv6([word(16), word(20), word(24), word(28)]),
    local: normaliseIpv6([word(32), word(36), word(40), word(44)]),
  };
}
