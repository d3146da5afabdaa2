/** `relaykeeper check`: reads the configuration and says what it would do. Nothing is changed, no relay need run. */
import { readFile } from "node:fs/promises";
import { systemClock } from "./adapters/node/clock.ts";
import { Certificates } from "./adapters/tls/certificates.ts";
import type { Config, ListenerConfig } from "./config.ts";
import { loadConfig, type ConfigSources } from "./config/load.ts";
import { formatSocketAddress } from "./config/schema.ts";
import { err, ok, type Result } from "./core/base/result.ts";
import { leader } from "./core/cl/layout.ts";
import { parsePolicy } from "./core/cl/policy-text.ts";
import { formatHostPort } from "./core/mail/host-port.ts";

/** What to print for people and as JSON, or what is wrong. */
export interface Checked {
  readonly text: string;
  readonly value: object;
  readonly warnings: readonly string[];
}

export async function check(sources: ConfigSources): Promise<Result<Checked, readonly string[]>> {
  const loaded = loadConfig(sources);
  if (!loaded.ok) return loaded;
  const config = loaded.value;
  const certificate = await describeCertificate(config);
  const policy = await describePolicy(config);
  const faults = [certificate, policy].flatMap((part) => (part.ok ? [] : part.error));
  if (!certificate.ok || !policy.ok) return err(faults);
  const facts: readonly (readonly [string, string])[] = [
    ["Configuration file", config.file ?? "none: every key has its default"],
    ["Name", config.hostname],
    ["Data directory", config.dataDirectory],
    ["Local domains", config.localDomains.length === 0 ? "none" : config.localDomains.join(", ")],
    ...config.listeners.map((listener) => ["Listener", describeListener(listener)] as const),
    ["Certificate", certificate.value.text],
    ["Initial policy", policy.value],
    ["Delivery", describeDelivery(config)],
    ["Local domains go to", config.delivery.local ? formatHostPort(config.delivery.local) : "where all mail goes"],
    ["Mailboxes are asked for", config.delivery.verifyRecipients ? "at RCPT" : "no"],
    ["Name servers", describeNameServers(config)],
    ["Console", config.console.address ? formatSocketAddress(config.console.address) : "off"],
    ["Log", config.log.level],
  ];
  return ok({
    text: facts.map(([label, text]) => `${leader(label, 26)}${text}`).join("\n"),
    value: valueOf(config),
    warnings: [...config.warnings, ...certificate.value.warnings],
  });
}

function describeListener(listener: ListenerConfig): string {
  const { configured, tls, auth, proxyProtocolFrom, allowBareLf, legacyTlsFrom, plainAuthFrom } = listener;
  const parts = [configured, { none: "no TLS", starttls: "STARTTLS", implicit: "TLS" }[tls]];
  parts.push({ off: "no AUTH", tls: "AUTH after TLS", always: "AUTH" }[auth]);
  if (proxyProtocolFrom.length > 0) parts.push("PROXY header believed");
  if (allowBareLf) parts.push("bare LF taken for CRLF");
  if (legacyTlsFrom.length > 0) parts.push("TLS 1.0 for some");
  if (plainAuthFrom.length > 0) parts.push("AUTH without TLS for some");
  return parts.join(", ");
}

function describeDelivery({ delivery }: Config): string {
  switch (delivery.mode) {
    case "capture":
      return "capture: accepted mail ends in the capture box and goes nowhere";
    case "mx":
      return "by MX";
    case "smarthost": {
      const target = delivery.smarthost ? formatHostPort(delivery.smarthost) : "";
      return `through ${target}, TLS ${delivery.tls}${delivery.credentials ? ", with AUTH" : ""}`;
    }
  }
}

function describeNameServers({ dns }: Config): string {
  const servers =
    dns.servers.length > 0 ? dns.servers.map(formatSocketAddress).join(", ") : "those of /etc/resolv.conf";
  return `${servers}; DNSSEC as they say ${dns.isTrusted ? "is believed" : "is believed on loopback addresses alone"}`;
}

interface CertificateFacts {
  readonly text: string;
  readonly warnings: readonly string[];
}

async function describeCertificate(config: Config): Promise<Result<CertificateFacts, readonly string[]>> {
  if (config.tls === null) return ok({ text: "self-signed, made in the data directory", warnings: [] });
  const source = { files: config.tls, dataDirectory: config.dataDirectory, hostname: config.hostname };
  const opened = await Certificates.open(source, systemClock);
  return opened.ok ? ok({ text: opened.value.describe(), warnings: opened.value.warnings() }) : err([opened.error]);
}

/** Passwords are sealed with a key that check does not touch: any will do to read the file. */
const READING = { seal: (secret: string) => secret, isSealed: () => true };

async function describePolicy({ policy }: Config): Promise<Result<string, readonly string[]>> {
  if (policy.initial === null) return ok("none: ALWRLY(*NONE)");
  let text: string;
  try {
    text = await readFile(policy.initial, "utf8");
  } catch (fault) {
    return err([`policy.initial: ${fault instanceof Error ? fault.message : String(fault)}`]);
  }
  const parsed = parsePolicy(text, systemClock.now(), READING);
  if (parsed.ok) return ok(`${policy.initial}, for a new data directory`);
  return err(parsed.error.map(({ line, message }) => `${policy.initial}:${line}: ${message.id} ${message.text}`));
}

/** The configuration with addresses as text and without secrets. */
function valueOf(config: Config): object {
  const { delivery } = config;
  return {
    file: config.file,
    hostname: config.hostname,
    dataDirectory: config.dataDirectory,
    localDomains: config.localDomains,
    listeners: config.listeners.map(({ configured, tls, auth }) => ({ address: configured, tls, auth })),
    tls: config.tls,
    policy: config.policy,
    delivery: {
      mode: delivery.mode,
      smarthost: delivery.smarthost ? formatHostPort(delivery.smarthost) : null,
      local: delivery.local ? formatHostPort(delivery.local) : null,
      verifyRecipients: delivery.verifyRecipients,
      tls: delivery.tls,
      publishedTls: delivery.publishedTls,
      user: delivery.credentials?.user ?? null,
    },
    dns: { servers: config.dns.servers.map(formatSocketAddress), trusted: config.dns.isTrusted },
    console: config.console.address ? formatSocketAddress(config.console.address) : null,
    log: config.log,
    limits: config.limits,
  };
}
