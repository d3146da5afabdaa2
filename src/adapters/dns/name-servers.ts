import { formatIpAddress, isLoopback, parseIpAddress, type IpAddress } from "../../core/mail/ip.ts";

const DNS_PORT = 53;
/** More of them are not asked (resolv.conf(5): MAXNS). */
const SYSTEM_SERVERS_MAX = 3;

/** A name server that resolves for us. */
export interface NameServer {
  /** As sockets take it: `192.0.2.53`, `fe80::53%eth0`. */
  readonly host: string;
  readonly port: number;
  /** Whether it is believed when it says that it validated an answer (AD): the way to it must be safe (RFC 4035 §4.9.3). */
  readonly isBelieved: boolean;
}

/** What crosses no network is believed; anything else only where the operator says so. */
export function nameServer(address: IpAddress, port: number, isTrusted: boolean): NameServer {
  return { host: formatIpAddress(address), port, isBelieved: isTrusted || isLoopback(address) };
}

/** The `nameserver` lines of resolv.conf(5); this machine where there are none. */
export function parseResolvConf(text: string, isTrusted: boolean): readonly NameServer[] {
  const servers: NameServer[] = [];
  for (const line of text.split("\n")) {
    const [keyword, host = ""] = line.trim().split(/\s+/);
    const address = parseIpAddress(host);
    if (keyword !== "nameserver" || !address.ok) continue;
    const zone = /%[\w.-]+$/.exec(host)?.[0] ?? "";
    const server = nameServer(address.value, DNS_PORT, isTrusted);
    servers.push({ ...server, host: server.host + zone });
  }
  const loopback = { host: "127.0.0.1", port: DNS_PORT, isBelieved: true };
  return servers.length > 0 ? servers.slice(0, SYSTEM_SERVERS_MAX) : [loopback];
}
