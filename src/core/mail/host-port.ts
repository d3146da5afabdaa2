import { err, ok, type Result } from "../base/result.ts";
import { parseDomain } from "./domain.ts";
import { formatIpAddress, parseIpAddress } from "./ip.ts";

/** A host that an operator named, and its port: `smtp.example.net:587`. */
export interface HostPort {
  /** A domain, or an address as text without brackets. */
  readonly host: string;
  readonly port: number;
}

export const SMTP_PORT = 25;

/** `host`, `host:port`, `192.0.2.1:25`, `[2001:db8::1]:25`; square brackets around an address are allowed. Port 25 where none stands. */
export function parseHostPort(text: string): Result<HostPort, "host" | "port"> {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
  if (!parts) return err(/:\d*$/.test(text) && !text.includes("[") ? "port" : "host");
  const port = parts[3] === undefined ? SMTP_PORT : Number(parts[3]);
  if (port < 1 || port > 65_535) return err("port");
  const literal = parts[1] ?? parts[2] ?? "";
  const address = parseIpAddress(literal.replace(/^IPv6:/i, ""));
  if (address.ok) return ok({ host: formatIpAddress(address.value), port });
  if (parts[1] !== undefined) return err("host");
  // One label alone is a host of the local network, as in /etc/hosts.
  const domain = parseDomain(literal);
  return domain.ok ? ok({ host: domain.value, port }) : err("host");
}

export function formatHostPort(target: HostPort): string {
  return target.host.includes(":") ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}
