/** What may stand in the configuration file: every key with its meaning and its default. docs/configuration.md is made of it. */
import { z } from "zod";
import { DEFAULT_LIMITS, type Limits } from "../core/base/limits.ts";
import { err, ok, type Result } from "../core/base/result.ts";
import { parseDomain, type Domain } from "../core/mail/domain.ts";
import { formatIpAddress, isLoopback, parseIpAddress } from "../core/mail/ip.ts";
import { formatMailbox } from "../core/mail/mailbox.ts";
import { parseCidr, type Network } from "../core/mail/network.ts";
import { parseMailbox } from "../core/mail/path.ts";
import { isPrintableAscii } from "../core/mail/xtext.ts";
import { formatHostPort, parseHostPort, type HostPort } from "../core/mail/host-port.ts";
import type { SocketAddress } from "../config.ts";

/** RFC 1035 §4.2. */
const DNS_PORT = 53;

/** A string that goes through a door of the ground floor. */
function read<T>(door: (text: string) => Result<T, string>) {
  return z.string().transform((text, context): T => {
    const value = door(text);
    if (value.ok) return value.value;
    context.addIssue({ code: "custom", message: value.error });
    return z.NEVER;
  });
}

function readDomain(text: string): Result<Domain, string> {
  const domain = parseDomain(text);
  return domain.ok ? domain : err("is no domain name; write it like example.com");
}

function readNetwork(text: string): Result<Network, string> {
  const network = parseCidr(text);
  return network.ok ? network : err("is no network; write it like 10.0.0.5/32 or 2001:db8::/32");
}

/** What is allowed to old devices alone is not for half the world. */
function readNarrowNetwork(text: string): Result<Network, string> {
  const network = readNetwork(text);
  if (!network.ok || network.value.prefixBits >= (network.value.base.family === 4 ? 8 : 16)) return network;
  return err("is too wide: this is for old devices alone, whose network is at least a /8, or a /16 of IPv6");
}

function readHostPort(text: string): Result<HostPort, string> {
  const target = parseHostPort(text);
  return target.ok ? target : err("is no host with a port; write it like smtp.example.net:587");
}

function readSocketAddress(text: string): Result<SocketAddress, string> {
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const address = parseIpAddress(parts?.[1] ?? parts?.[2] ?? "");
  const port = Number(parts?.[3]);
  if (!address.ok || (parts?.[1] === undefined) !== (address.value.family === 4))
    return err("is no address with a port; write it like 0.0.0.0:25 or [::]:25");
  return port > 65_535 ? err("has a port above 65535") : ok({ address: address.value, port });
}

export function formatSocketAddress({ address, port }: SocketAddress): string {
  return formatHostPort({ host: formatIpAddress(address), port });
}

function readNameServer(text: string): Result<SocketAddress, string> {
  const address = parseIpAddress(text);
  if (address.ok) return ok({ address: address.value, port: DNS_PORT });
  const server = readSocketAddress(text);
  return server.ok && server.value.port > 0
    ? server
    : err("is no address of a name server; write it like 127.0.0.1, 127.0.0.1:5353 or [::1]:53");
}

function readContact(text: string): Result<string, string> {
  const mailbox = parseMailbox(text);
  const isPlain = mailbox.ok && mailbox.value.host.kind === "domain" && isPrintableAscii(text);
  return isPlain ? ok(formatMailbox(mailbox.value)) : err("is no address; write it like postmaster@example.com");
}

function readConsoleAddress(text: string): Result<SocketAddress | null, string> {
  if (text === "") return ok(null);
  const address = readSocketAddress(text);
  if (!address.ok || isLoopback(address.value.address)) return address;
  return err('must be a loopback address such as 127.0.0.1:8025, or "" to turn the console off');
}

const listener = z.strictObject({
  address: z
    .string()
    .transform((text, context) => {
      const address = readSocketAddress(text);
      if (address.ok) return { configured: text, ...address.value };
      context.addIssue({ code: "custom", message: address.error });
      return z.NEVER;
    })
    .prefault("127.0.0.1:2525")
    .describe(
      "Address and port. `0.0.0.0:25` is every IPv4 address, `[::]:25` every IPv6 address; port 0 takes a free one.",
    ),
  tls: z
    .enum(["none", "starttls", "implicit"])
    .prefault("starttls")
    .describe("`starttls` offers STARTTLS, `implicit` begins with TLS (port 465)."),
  auth: z
    .enum(["off", "tls", "always"])
    .prefault("tls")
    .describe("Whether AUTH is offered: never, after TLS only, or always."),
  proxy_protocol_from: z
    .array(read(readNetwork))
    .prefault([])
    .describe("Networks whose PROXY header (version 1 and 2) is believed, and required. Nobody by default."),
  allow_bare_lf: z
    .boolean()
    .prefault(false)
    .describe("Takes a bare LF of old devices for CRLF on this listener. It never ends the data."),
  legacy_tls_from: z
    .array(read(readNarrowNetwork))
    .prefault([])
    .describe(
      "Networks of old devices that may use TLS 1.0 and 1.1, which others on the way can break. Nobody by default: TLS 1.2 is the least. [tls.md](tls.md) says more.",
    ),
  plain_auth_from: z
    .array(read(readNarrowNetwork))
    .prefault([])
    .describe(
      'Networks of old devices that may use AUTH without TLS, where `auth` is `"tls"`: everybody on the way can read their passwords. Nobody by default.',
    ),
});

const PUBLISHED_TLS = ["dane", "mta-sts"] as const;

const delivery = z.strictObject({
  mode: z
    .enum(["mx", "smarthost", "capture"])
    .prefault("capture")
    .describe("Where accepted mail goes: by MX, to the smart host, or into the capture box, which it never leaves."),
  smarthost: read(readHostPort)
    .optional()
    .describe("Next hop of mode `smarthost`: `smtp.example.net:587`. MAILROUTER of CHGSMTPA goes before it."),
  local: read(readHostPort).optional().describe("Next hop for `local_domains`: `mail.example.com:25`."),
  verify_recipients: z
    .boolean()
    .prefault(false)
    .describe(
      "Asks `local` at RCPT whether it knows the mailbox, and refuses what it does not know, so that no report on it goes to a sender who may be false. What it leaves in doubt is taken.",
    ),
  tls: z
    .enum(["none", "may", "require", "implicit"])
    .prefault("may")
    .describe("TLS towards the smart host: never, when it offers STARTTLS, always, or from the first octet."),
  published_tls: z
    .array(z.enum(PUBLISHED_TLS))
    .prefault([...PUBLISHED_TLS])
    .describe(
      "What next hops publish of TLS and the relay keeps to, where no route says otherwise: TLSA records of signed zones (`dane`), and MTA-STS. `[]` keeps to neither.",
    ),
  user: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe(
      'User name for the smart host. Sent only after TLS, and under `tls = "may"` to a verified certificate too.',
    ),
  password: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe("Password for the smart host; better in a file that `RELAYKEEPER_DELIVERY_PASSWORD_FILE` names."),
});

const tls = z.strictObject({
  certificate: z.string().min(1).optional().describe("PEM file: our certificate, then the chain to the authority."),
  key: z.string().min(1).optional().describe("PEM file: the private key, not encrypted."),
});

const limitKeys = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];

/** `commandLineOctets` is `command_line_octets` in the file. */
export function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const limits = z
  .strictObject(
    Object.fromEntries(
      limitKeys.map(
        (key) =>
          [
            snakeCase(key),
            z
              .int()
              .min(DEFAULT_LIMITS[key] === 0 ? 0 : 1)
              .prefault(DEFAULT_LIMITS[key]),
          ] as const,
      ),
    ) as Record<string, z.ZodPrefault<z.ZodInt>>,
  )
  .transform((values): Limits => {
    const entries = limitKeys.map((key) => [key, values[snakeCase(key)] ?? DEFAULT_LIMITS[key]]);
    return Object.fromEntries(entries) as Limits;
  });

export const configSchema = z.strictObject({
  hostname: read(readDomain)
    .optional()
    .describe("Our name in the greeting, in EHLO and in Received fields. The name of the machine by default."),
  data_dir: z
    .string()
    .min(1)
    .prefault("./data")
    .describe("Queue, policy, journal, keys and the control socket. Relative to the configuration file."),
  local_domains: z
    .array(read(readDomain))
    .prefault([])
    .describe("Mail for these domains is ours: it is never relay, whatever ALWRLY says."),
  listener: z
    .array(listener)
    .min(1)
    .max(64)
    .prefault([{}])
    .describe("Where SMTP is spoken; repeat the table for more."),
  tls: tls.prefault({}).describe("Without it a self-signed certificate is made in the data directory."),
  policy: z
    .strictObject({
      initial: z
        .string()
        .min(1)
        .optional()
        .describe("CL script that is applied once, when the data directory is new, and never again."),
    })
    .prefault({})
    .describe("How the policy begins. Afterwards CHGSMTPA and ADDSMTPLE change it."),
  delivery: delivery.prefault({}).describe("The way out."),
  dns: z
    .strictObject({
      servers: z
        .array(read(readNameServer))
        .max(8)
        .prefault([])
        .describe("Addresses, with a port where it is not 53: `127.0.0.1`, `[2001:db8::53]:5353`."),
      trusted: z
        .boolean()
        .prefault(false)
        .describe(
          "They are believed when they say that DNSSEC validated an answer, and so must the network be on the way to them. On loopback addresses they always are.",
        ),
    })
    .prefault({})
    .describe("The name servers that resolve for the relay; without it those of `/etc/resolv.conf`."),
  reports: z
    .strictObject({
      tls: z
        .boolean()
        .prefault(false)
        .describe(
          "Sends the domains that ask for it a daily report of how TLS with their servers went (TLSRPT). [tls.md](tls.md#reports) says more.",
        ),
      contact: read(readContact)
        .optional()
        .describe(
          "The address such reports are from, and where their readers may ask. `postmaster@` the hostname by default.",
        ),
      organization: z.string().min(1).max(200).optional().describe("Whose reports they are. The hostname by default."),
    })
    .prefault({})
    .describe("What the relay tells others of its own accord."),
  console: z
    .strictObject({
      address: read(readConsoleAddress)
        .prefault("127.0.0.1:8025")
        .describe(
          'Where `/health/live`, `/health/ready` and `/metrics` (for Prometheus) answer; a loopback address. `""` turns it off.',
        ),
    })
    .prefault({})
    .describe("The HTTP port."),
  log: z
    .strictObject({
      level: z
        .enum(["debug", "info", "warn", "error", "silent"])
        .prefault("info")
        .describe("The least of what is logged, to standard error: short lines on a terminal, else JSON."),
    })
    .prefault({})
    .describe("Lines for developers and operators. Evidence is in the journal."),
  limits: limits.prefault({}).describe("Every limit of the house, in the unit its name ends with."),
});

export type ParsedFile = z.output<typeof configSchema>;

/** What JSON Schema says of one key: enough to read an environment variable and to write the documentation. */
export interface KeySchema {
  readonly type?: "string" | "integer" | "number" | "boolean" | "array" | "object";
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly items?: KeySchema;
  readonly properties?: Readonly<Record<string, KeySchema>>;
}

/** The file as JSON Schema. */
export function fileSchema(): KeySchema {
  return z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" }) as KeySchema;
}

/** The keys that may stand at a path; empty where none may. */
export function keysAt(schema: KeySchema, path: readonly PropertyKey[]): readonly string[] {
  return Object.keys(schemaAt(schema, path)?.properties ?? {});
}

export function schemaAt(schema: KeySchema, path: readonly PropertyKey[]): KeySchema | undefined {
  return path.reduce<KeySchema | undefined>(
    (at, key) => (typeof key === "number" ? at?.items : at?.properties?.[String(key)]),
    schema,
  );
}
