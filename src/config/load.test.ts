import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Config } from "../config.ts";
import { DEFAULT_LIMITS } from "../core/base/limits.ts";
import { formatIpAddress } from "../core/mail/ip.ts";
import { formatNetwork } from "../core/mail/network.ts";
import type { Environment } from "./environment.ts";
import { formatSocketAddress } from "./schema.ts";
import { loadConfig } from "./load.ts";

let directory = "";
before(async () => (directory = await mkdtemp(join(tmpdir(), "relaykeeper-config-"))));
after(async () => await rm(directory, { recursive: true }));

async function load(text: string | null, environment: Environment = {}) {
  const file = text === null ? null : "relay.toml";
  if (text !== null) await writeFile(join(directory, "relay.toml"), text, { mode: 0o600 });
  return loadConfig({ file, environment, dataDirectory: null, directory });
}

async function loaded(text: string | null, environment: Environment = {}): Promise<Config> {
  const result = await load(text, environment);
  assert.ok(result.ok, result.ok ? "" : result.error.join("\n"));
  return result.value;
}

async function faults(text: string | null, environment: Environment = {}): Promise<string[]> {
  const result = await load(text, environment);
  assert.ok(!result.ok);
  return result.error.map((line) => line.replace(`${directory}/`, ""));
}

describe("loadConfig()", () => {
  test("gives the defaults of the contract where there is no file", async () => {
    const config = await loaded(null);
    assert.equal(config.file, null);
    assert.equal(config.dataDirectory, join(directory, "data"));
    assert.deepEqual(
      config.listeners.map(({ configured, tls, auth }) => [configured, tls, auth]),
      [["127.0.0.1:2525", "starttls", "tls"]],
    );
    assert.equal(config.console.address?.port, 8025);
    assert.equal(config.delivery.mode, "capture");
    assert.equal(config.tls, null);
    assert.deepEqual(config.limits, DEFAULT_LIMITS);
    assert.deepEqual(config.warnings, []);
  });

  test("reads the file of the contract", async () => {
    const config = await loaded(`
      hostname = "relay.example.com"
      data_dir = "/var/lib/relaykeeper"
      local_domains = ["Example.COM", "bücher.example"]

      [[listener]]
      address = "0.0.0.0:25"
      proxy_protocol_from = ["10.0.0.5/32"]
      [[listener]]
      address = "[::]:465"
      tls = "implicit"
      auth = "always"
      allow_bare_lf = true

      [tls]
      certificate = "tls/fullchain.pem"
      key = "/etc/key.pem"
      [policy]
      initial = "policy.cl"
      [delivery]
      mode = "smarthost"
      smarthost = "smtp.example.net:587"
      local = "mail.example.com:25"
      tls = "require"
      user = "relay"
      password = "secret"
      [dns]
      servers = ["192.0.2.53", "[2001:db8::53]:5353"]
      trusted = true
      [reports]
      tls = true
      organization = "Example Inc."
      [console]
      address = ""
      [log]
      level = "warn"
      [limits]
      recipients = 500
      command_timeout_ms = 60_000
    `);
    assert.equal(config.hostname, "relay.example.com");
    assert.equal(config.dataDirectory, "/var/lib/relaykeeper");
    assert.deepEqual(config.localDomains, ["example.com", "xn--bcher-kva.example"]);
    const [first, second] = config.listeners;
    assert.deepEqual(first?.proxyProtocolFrom.map(formatNetwork), ["10.0.0.5/32"]);
    assert.equal(second && formatIpAddress(second.address.address), "::");
    assert.deepEqual([second?.tls, second?.auth, second?.allowBareLf], ["implicit", "always", true]);
    assert.deepEqual(config.tls, { certificate: join(directory, "tls/fullchain.pem"), key: "/etc/key.pem" });
    assert.equal(config.policy.initial, join(directory, "policy.cl"));
    assert.deepEqual(config.delivery, {
      mode: "smarthost",
      smarthost: { host: "smtp.example.net", port: 587 },
      local: { host: "mail.example.com", port: 25 },
      tls: "require",
      verifyRecipients: false,
      publishedTls: { dane: true, mtaSts: true },
      credentials: { user: "relay", password: "secret" },
    });
    assert.deepEqual(config.dns.servers.map(formatSocketAddress), ["192.0.2.53:53", "[2001:db8::53]:5353"]);
    assert.equal(config.dns.isTrusted, true);
    const reports = { contact: "postmaster@relay.example.com", organization: "Example Inc." };
    assert.deepEqual(config.tlsReports, reports);
    assert.equal(config.console.address, null);
    assert.equal(config.log.level, "warn");
    assert.deepEqual(config.limits, { ...DEFAULT_LIMITS, recipients: 500, commandTimeoutMs: 60_000 });
  });

  test("is frozen all through", async () => {
    const config = await loaded(null);
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.listeners[0]) && Object.isFrozen(config.limits));
  });

  test("takes --data-dir before file and environment", async () => {
    await writeFile(join(directory, "relay.toml"), 'data_dir = "a"');
    const environment = { RELAYKEEPER_DATA_DIR: "b" };
    const config = loadConfig({ file: "relay.toml", environment, dataDirectory: "c", directory });
    assert.equal(config.ok && config.value.dataDirectory, join(directory, "c"));
  });

  test("warns of a password that others may read and of AUTH without TLS", async () => {
    await load('[delivery]\nuser = "u"\npassword = "p"\n[[listener]]\naddress = "0.0.0.0:25"\nauth = "always"');
    await chmod(join(directory, "relay.toml"), 0o644);
    const config = loadConfig({ file: "relay.toml", environment: {}, dataDirectory: null, directory });
    assert.ok(config.ok);
    assert.match(config.value.warnings.join("\n"), /lets passwords cross.*\n.*chmod 600/s);
  });

  test("warns of what old devices may do", async () => {
    const keys = 'legacy_tls_from = ["10.9.0.0/16", "10.8.0.1/32"]\nplain_auth_from = ["2001:db8::/32"]';
    const { listeners, warnings } = await loaded(`[[listener]]\naddress = "0.0.0.0:25"\n${keys}`);
    assert.deepEqual(listeners[0]?.plainAuthFrom.map(formatNetwork), ["2001:db8::/32"]);
    assert.deepEqual(warnings, [
      "listener 0.0.0.0:25: TLS 1.0 and 1.1, which can be broken, are allowed to 10.9.0.0/16, 10.8.0.1/32",
      "listener 0.0.0.0:25: passwords cross the network without TLS from 2001:db8::/32",
    ]);
  });
});

const wrong: [what: string, text: string, ...expected: string[]][] = [
  [
    "a key with a slip",
    'hostname = "a.example"\nlocal_domain = []',
    "relay.toml:2: local_domain: no such key; did you mean local_domains?",
  ],
  [
    "a key of a table",
    '[delivery]\n\n# why\nmoed = "mx"',
    "relay.toml:4: delivery.moed: no such key; did you mean mode?",
  ],
  [
    "a key of the second listener",
    '[[listener]]\naddress = "127.0.0.1:25"\n[[listener]]\naddress = "127.0.0.1:26"\ntsl = "none"',
    "relay.toml:5: listener 2, tsl: no such key; did you mean tls?",
  ],
  [
    "a wrong word",
    '[[listener]]\ntls = "startls"',
    'relay.toml:2: listener 1, tls = "startls": must be one of "none", "starttls", "implicit"; did you mean "starttls"?',
  ],
  ["a wrong type", "hostname = 5", "relay.toml:1: hostname = 5: must be text in quotes"],
  ["a limit of nothing", "[limits]\nrecipients = 0", "relay.toml:2: limits.recipients = 0: must be at least 1"],
  [
    "an address without port",
    '[[listener]]\naddress = "0.0.0.0"',
    'relay.toml:2: listener 1, address = "0.0.0.0": is no address with a port; write it like 0.0.0.0:25 or [::]:25',
  ],
  [
    "an item of a list",
    'local_domains = [\n  "ok.example",\n  "not ok",\n]',
    'relay.toml:1: local_domains 2 = "not ok": is no domain name; write it like example.com',
  ],
  [
    "a name server by its name",
    '[dns]\nservers = ["127.0.0.1", "ns.example.net"]',
    'relay.toml:2: dns.servers 2 = "ns.example.net": is no address of a name server; write it like 127.0.0.1, 127.0.0.1:5353 or [::1]:53',
  ],
  [
    "reports from nobody",
    '[reports]\ncontact = "Post <a@b.example>"',
    'relay.toml:2: reports.contact = "Post <a@b.example>": is no address; write it like postmaster@example.com',
  ],
  [
    "more name servers than are asked",
    `[dns]\nservers = [${'"::1", '.repeat(8)}"::1"]`,
    `relay.toml:2: dns.servers = [${'"::1",'.repeat(8)}"::1"]: must have at most 8 values`,
  ],
  [
    "a console for strangers",
    '[console]\naddress = "0.0.0.0:8025"',
    'relay.toml:2: console.address = "0.0.0.0:8025": must be a loopback address such as 127.0.0.1:8025, or "" to turn the console off',
  ],
  ["half a certificate", '[tls]\nkey = "k"', "relay.toml:1: tls: certificate and key go together"],
  [
    "no smart host",
    '[delivery]\nmode = "smarthost"',
    'relay.toml:2: delivery.mode = "smarthost": needs delivery.smarthost',
  ],
  [
    "one address twice",
    '[[listener]]\naddress = "127.0.0.1:25"\n[[listener]]\naddress = "127.0.0.1:25"',
    "relay.toml:4: listener 2, address: the same as that of listener 1",
  ],
  [
    "old devices all over the world",
    '[[listener]]\nlegacy_tls_from = ["10.0.0.0/7"]',
    'relay.toml:2: listener 1, legacy_tls_from 1 = "10.0.0.0/7": is too wide: this is for old devices alone, whose network is at least a /8, or a /16 of IPv6',
  ],
  [
    "old TLS where there is none",
    '[[listener]]\ntls = "none"\nlegacy_tls_from = ["10.9.0.0/16"]',
    'relay.toml:3: listener 1, legacy_tls_from: there is no TLS here: tls = "none"',
  ],
  [
    "AUTH in the clear where there is none, or where it is anyway",
    '[[listener]]\nauth = "off"\nplain_auth_from = ["10.9.0.0/16"]\n[[listener]]\naddress = "127.0.0.1:0"\ntls = "implicit"\nplain_auth_from = ["10.9.0.0/16"]',
    'relay.toml:3: listener 1, plain_auth_from: needs auth = "tls" and a tls that is not "implicit"',
    'relay.toml:7: listener 2, plain_auth_from: needs auth = "tls" and a tls that is not "implicit"',
  ],
  [
    "several faults",
    'hostname = "-"\n[log]\nlevel = "loud"',
    'relay.toml:1: hostname = "-": is no domain name; write it like example.com',
    'relay.toml:3: log.level = "loud": must be one of "debug", "info", "warn", "error", "silent"',
  ],
];

describe("loadConfig() names file, line, key and what would be right of", () => {
  for (const [what, text, ...expected] of wrong) {
    test(what, async () => assert.deepEqual(await faults(text), expected));
  }

  test("a text that is no TOML", async () => {
    const [fault] = await faults('hostname = "a.example"\n[delivery\n');
    assert.match(fault ?? "", /^relay\.toml:2: /);
  });

  test("a password without printing it", async () => {
    const lines = await faults(`[delivery]\nuser = "u"\npassword = ["hunter2"]`);
    assert.deepEqual(lines, ["relay.toml:3: delivery.password = …: must be text in quotes"]);
  });

  test("a file that is not there", async () => {
    const result = loadConfig({ file: "none.toml", environment: {}, dataDirectory: null, directory });
    assert.match(
      result.ok ? "" : (result.error[0] ?? ""),
      /none\.toml cannot be read: there is no such file\. Name one .*--config/,
    );
  });
});

describe("loadConfig() with environment", () => {
  test("overrides keys of every kind", async () => {
    await writeFile(join(directory, "password"), "from a file\n");
    const config = await loaded('hostname = "file.example"\n[[listener]]\naddress = "127.0.0.1:25"', {
      RELAYKEEPER_HOSTNAME: "variable.example",
      RELAYKEEPER_LOCAL_DOMAINS: "a.example, b.example",
      RELAYKEEPER_LISTENER_ADDRESS: "127.0.0.1:1025",
      RELAYKEEPER_LISTENER_2_ADDRESS: "127.0.0.1:1026",
      RELAYKEEPER_LISTENER_2_ALLOW_BARE_LF: "true",
      RELAYKEEPER_DELIVERY_USER: "u",
      RELAYKEEPER_DELIVERY_PASSWORD_FILE: "password",
      RELAYKEEPER_LIMITS_RECIPIENTS: "123",
      RELAYKEEPER_CONSOLE_ADDRESS: "",
      RELAYKEEPER_SERVICE_HOST: "10.0.0.1",
      RELAYKEEPER_PORT_25_TCP: "tcp://10.0.0.1:25",
      RELAYKEEPER_CONFIG: "relay.toml",
      RELAYKEEPER_SOMETHING_ELSE: "of somebody else",
      PATH: "/bin",
    });
    assert.equal(config.hostname, "variable.example");
    assert.deepEqual(config.localDomains, ["a.example", "b.example"]);
    assert.deepEqual(
      config.listeners.map(({ configured, allowBareLf }) => [configured, allowBareLf]),
      [
        ["127.0.0.1:1025", false],
        ["127.0.0.1:1026", true],
      ],
    );
    assert.deepEqual(config.delivery.credentials, { user: "u", password: "from a file" });
    assert.equal(config.limits.recipients, 123);
    assert.equal(config.console.address, null);
  });

  const wrongVariables: [Environment, string][] = [
    [
      { RELAYKEEPER_DELIVERY_MDOE: "mx" },
      "RELAYKEEPER_DELIVERY_MDOE: no such key; did you mean RELAYKEEPER_DELIVERY_MODE?",
    ],
    [{ RELAYKEEPER_TLS_CIPHERS_OF_OLD: "x" }, "RELAYKEEPER_TLS_CIPHERS_OF_OLD: no such key"],
    [{ RELAYKEEPER_HOSTNME: "x" }, "RELAYKEEPER_HOSTNME: no such key; did you mean RELAYKEEPER_HOSTNAME?"],
    [{ RELAYKEEPER_LIMITS_HOPS: "many" }, 'RELAYKEEPER_LIMITS_HOPS: "many" is no whole number'],
    [
      { RELAYKEEPER_LOG_LEVEL: "warm" },
      'RELAYKEEPER_LOG_LEVEL: log.level = "warm": must be one of "debug", "info", "warn", "error", "silent"; did you mean "warn"?',
    ],
  ];
  for (const [environment, expected] of wrongVariables) {
    test(`names ${Object.keys(environment)[0]}`, async () =>
      assert.deepEqual(await faults(null, environment), [expected]));
  }
});
