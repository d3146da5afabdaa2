/** What the tests use of dns-packet. */
declare module "dns-packet" {
  export interface Question {
    readonly type: string;
    readonly name: string;
  }
  export interface Answer {
    readonly type: string;
    readonly name: string;
    readonly ttl?: number;
    readonly data?: unknown;
    /** Of OPT. */
    readonly udpPayloadSize?: number;
    readonly flag_do?: boolean;
  }
  export interface Packet {
    readonly id?: number;
    readonly type?: "query" | "response";
    /** The RCODE stands in the low four bits. */
    readonly flags?: number;
    readonly questions?: readonly Question[];
    readonly answers?: readonly Answer[];
    readonly authorities?: readonly Answer[];
    readonly additionals?: readonly Answer[];
  }
  export function encode(packet: Packet): Buffer;
  export function decode(octets: Buffer): Packet;
}
