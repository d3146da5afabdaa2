import type { Domain } from "../../core/mail/domain.ts";
import type { IpAddress } from "../../core/mail/ip.ts";

/**
 * The name under which a DNS list has an address (RFC 5782 §2.1, §2.4): 192.0.2.99 is `99.2.0.192.list.example`, an IPv6 address
 * its 32 hexadecimal digits, the last one first.
 */
export function listName(client: IpAddress, list: Domain): string {
  if (client.family === 4) {
    const { bits } = client;
    return `${bits & 255}.${(bits >>> 8) & 255}.${(bits >>> 16) & 255}.${bits >>> 24}.${list}`;
  }
  const digits = client.words.map((word) => word.toString(16).padStart(8, "0")).join("");
  return `${[...digits].reverse().join(".")}.${list}`;
}
