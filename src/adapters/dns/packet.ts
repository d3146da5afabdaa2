/**
 * Questions and replies as octets (RFC 1035 §4). Replies are hostile: whatever they are, they are read in time that grows with
 * their length alone, and what is not wholly well-formed says nothing.
 */
import { assert } from "../../core/base/assert.ts";

/** Numbers of RFC 1035 §3.2.2, RFC 3596 §2.1, RFC 6698 §7.1. */
export const TYPES = { A: 1, CNAME: 5, SOA: 6, MX: 15, TXT: 16, AAAA: 28, TLSA: 52 } as const;
export type QuestionType = "A" | "MX" | "TXT" | "AAAA" | "TLSA";

export interface Question {
  /** As `nameOctets` takes it: lower case, without the last dot. */
  readonly name: string;
  readonly type: QuestionType;
}

/** A record of the Internet class. Names are in lower case, with `\ddd` for octets that are no letter of a plain name. */
export interface DnsRecord {
  readonly owner: string;
  readonly ttlSeconds: number;
  readonly data:
    | { readonly type: "CNAME"; readonly target: string }
    | { readonly type: "SOA"; readonly minimumSeconds: number }
    | { readonly type: "MX"; readonly preference: number; readonly exchange: string }
    | { readonly type: "A" | "AAAA" | "TXT" | "TLSA"; readonly octets: Uint8Array };
}

export interface Reply {
  /** With the upper bits of EDNS (RFC 6891 §6.1.3). */
  readonly code: number;
  /** It did not fit: to be asked for over TCP. No record of it was read. */
  readonly isTruncated: boolean;
  /** RA or AA: the server answers for all names, or for this one. */
  readonly isCompetent: boolean;
  /** AD: the server says that it validated everything in it (RFC 4035 §3.2.3). */
  readonly isAuthentic: boolean;
  readonly answers: readonly DnsRecord[];
  /** Of the authority section only SOA, which says for how long something is not there. */
  readonly authorities: readonly DnsRecord[];
}

export const CODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

const QR = 0x8000;
const OPCODE = 0x7800;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const AD = 0x0020;
const OPT = 41;
const IN = 1;
const DNSSEC_OK = 0x8000;
const HEADER_OCTETS = 12;
const NAME_OCTETS_MAX = 255;
/** More of them in one name serve nobody; a chain of them costs its length for each name that points to it. */
const POINTERS_MAX = 16;
/** What crosses nearly every network in one piece (RFC 9715 §3). */
const UDP_PAYLOAD_OCTETS = 1_232;

/** The octets of a name; null where it is none that could be asked for (RFC 1035 §3.1). */
export function nameOctets(name: string): Uint8Array | null {
  const labels = name.split(".");
  if (name.length > NAME_OCTETS_MAX - 2 || !/^[\x21-\x5b\x5d-\x7e]+$/.test(name)) return null;
  if (labels.some((label) => label === "" || label.length > 63)) return null;
  return Buffer.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label)]), 0]);
}

/**
 * The question with EDNS (RFC 6891) unless `edns` is false: servers from before it do not understand that. With `validated` the
 * answer shall say whether it was validated (AD, RFC 6840 §5.7; DO, RFC 3225). The name is one that `nameOctets` takes.
 */
export function formatQuestion(
  { name, type }: Question,
  id: number,
  { edns, validated }: { readonly edns: boolean; readonly validated: boolean },
): Uint8Array {
  const qname = nameOctets(name);
  assert(qname !== null, "a name that can be asked for");
  const octets = Buffer.alloc(HEADER_OCTETS + qname.length + 4 + (edns ? 11 : 0));
  octets.writeUInt16BE(id, 0);
  octets.writeUInt16BE(RD | (validated ? AD : 0), 2);
  octets.writeUInt16BE(1, 4);
  octets.writeUInt16BE(edns ? 1 : 0, 10);
  octets.set(qname, HEADER_OCTETS);
  const at = octets.writeUInt16BE(TYPES[type], HEADER_OCTETS + qname.length);
  octets.writeUInt16BE(IN, at);
  if (!edns) return octets;
  octets.writeUInt16BE(OPT, at + 3);
  octets.writeUInt16BE(UDP_PAYLOAD_OCTETS, at + 5);
  octets.writeUInt16BE(validated ? DNSSEC_OK : 0, at + 9);
  return octets;
}

/** The id of a reply, or null where it is too short to have one. */
export function idOf(octets: Uint8Array): number | null {
  return octets.length < HEADER_OCTETS ? null : ((octets[0] as number) << 8) | (octets[1] as number);
}

/**
 * What a server says to our question. `other` is no reply to it and to be passed over: whoever sent it, the right one may still
 * come (RFC 5452 §9.1). `malformed` is one that cannot be read.
 */
export function readReply(octets: Uint8Array, id: number, question: Question): Reply | "other" | "malformed" {
  const packet = new Packet(octets);
  if (idOf(octets) !== id) return "other";
  const flags = packet.uint16(2);
  if ((flags & QR) === 0 || (flags & OPCODE) !== 0) return "other";
  const code = flags & 0xf;
  const questions = packet.uint16(4);
  const isLost = code === CODES.FORMERR || code === CODES.NOTIMP;
  try {
    packet.at = HEADER_OCTETS;
    // Who did not understand the question need not repeat it.
    if (questions === 0 && isLost) return failure(code);
    if (questions !== 1 || packet.name() !== question.name) return "other";
    if (packet.next16() !== TYPES[question.type] || packet.next16() !== IN) return "other";
  } catch (fault) {
    if (fault instanceof Malformed) return "other";
    throw fault;
  }
  if ((flags & TC) !== 0) return { ...failure(code), isTruncated: true };
  try {
    const answers = packet.records(packet.uint16(6), question.type);
    const authorities = packet.records(packet.uint16(8), "SOA");
    packet.records(packet.uint16(10), "OPT");
    const isCompetent = (flags & (RA | AA)) !== 0;
    const isAuthentic = (flags & AD) !== 0;
    return { code: (packet.upperCode << 4) | code, isTruncated: false, isCompetent, isAuthentic, answers, authorities };
  } catch (fault) {
    if (fault instanceof Malformed) return "malformed";
    throw fault;
  }
}

function failure(code: number): Reply {
  return { code, isTruncated: false, isCompetent: false, isAuthentic: false, answers: [], authorities: [] };
}

class Malformed extends Error {}

/** A packet and how far it was read. Reading beyond its end, or anything that is not as RFC 1035 has it, throws `Malformed`. */
class Packet {
  at = 0;
  /** The upper eight bits of the code, of the OPT record. */
  upperCode = 0;
  readonly #octets: Uint8Array;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  uint8(at: number): number {
    const octet = this.#octets[at];
    if (octet === undefined) throw new Malformed();
    return octet;
  }

  uint16(at: number): number {
    return (this.uint8(at) << 8) | this.uint8(at + 1);
  }

  next16(): number {
    this.at += 2;
    return this.uint16(this.at - 2);
  }

  next32(): number {
    return this.next16() * 65_536 + this.next16();
  }

  /** A name, compressed or not (RFC 1035 §4.1.4): pointers lead back, to what was read before, and not many times. */
  name(): string {
    const labels: string[] = [];
    let at = this.at;
    let from = at;
    let octets = 1;
    for (let pointers = 0; ;) {
      const length = this.uint8(at);
      if (length >= 0xc0) {
        const target = this.uint16(at) & 0x3fff;
        if (pointers === 0) this.at = at + 2;
        if (target >= from || ++pointers > POINTERS_MAX) throw new Malformed();
        at = from = target;
        continue;
      }
      if (length === 0) {
        if (pointers === 0) this.at = at + 1;
        return labels.join(".");
      }
      octets += length + 1;
      if (length > 63 || octets > NAME_OCTETS_MAX || at + length >= this.#octets.length) throw new Malformed();
      labels.push(labelOf(this.#octets.subarray(at + 1, at + 1 + length)));
      at += length + 1;
    }
  }

  /** So many records. Those of the Internet class that are of the type, or CNAME, are read; others are stepped over. */
  records(count: number, wanted: QuestionType | "SOA" | "OPT"): DnsRecord[] {
    const records: DnsRecord[] = [];
    for (let left = count; left > 0; left--) {
      const owner = this.name();
      const type = this.next16();
      const inClass = this.next16();
      const ttl = this.next32();
      const end = this.next16() + this.at;
      if (end > this.#octets.length) throw new Malformed();
      if (type === OPT && wanted === "OPT") this.upperCode = ttl >>> 24;
      const name = inClass === IN ? NAMES.get(type) : undefined;
      if (name !== undefined && (name === wanted || (name === "CNAME" && wanted !== "SOA" && wanted !== "OPT"))) {
        // A TTL with its highest bit set is none (RFC 2181 §8).
        records.push({ owner, ttlSeconds: ttl > 0x7fff_ffff ? 0 : ttl, data: this.#data(name, end) });
        if (this.at !== end) throw new Malformed();
      }
      this.at = end;
    }
    return records;
  }

  #data(type: keyof typeof TYPES, end: number): DnsRecord["data"] {
    switch (type) {
      case "CNAME":
        return { type, target: this.name() };
      case "MX":
        return { type, preference: this.next16(), exchange: this.name() };
      case "SOA": {
        this.name();
        this.name();
        this.at += 16;
        return { type, minimumSeconds: this.next32() };
      }
      default: {
        // A copy: what is kept of a packet does not keep the packet.
        const octets = Uint8Array.from(this.#octets.subarray(this.at, end));
        if (!isSound(type, octets)) throw new Malformed();
        this.at = end;
        return { type, octets };
      }
    }
  }
}

const NAMES = new Map(Object.entries(TYPES).map(([name, type]) => [type as number, name as keyof typeof TYPES]));

function isSound(type: "A" | "AAAA" | "TXT" | "TLSA", octets: Uint8Array): boolean {
  switch (type) {
    case "A":
      return octets.length === 4;
    case "AAAA":
      return octets.length === 16;
    case "TLSA":
      return octets.length > 3;
    case "TXT":
      return textOf(octets) !== null;
  }
}

/** The strings of a TXT record, joined (RFC 1035 §3.3.14): one character an octet. Null where the last one is cut off. */
export function textOf(octets: Uint8Array): string | null {
  const strings: string[] = [];
  for (let at = 0; at < octets.length;) {
    const end = at + 1 + (octets[at] as number);
    if (end > octets.length) return null;
    strings.push(Buffer.from(octets.subarray(at + 1, end)).toString("latin1"));
    at = end;
  }
  return octets.length === 0 ? null : strings.join("");
}

/** A label in lower case. What could be taken for two labels, or shows nothing, is written as RFC 1035 §5.1 has it: `\046`. */
function labelOf(octets: Uint8Array): string {
  let label = "";
  for (const octet of octets) {
    if (octet >= 0x41 && octet <= 0x5a) label += String.fromCharCode(octet | 0x20);
    else if (octet <= 0x20 || octet >= 0x7f || octet === 0x2e || octet === 0x5c)
      label += `\\${String(octet).padStart(3, "0")}`;
    else label += String.fromCharCode(octet);
  }
  return label;
}
