import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { finish } from "../base/steps.ts";
import { parseDomain, type Domain } from "../mail/domain.ts";
import { ipv4, normaliseIpv6, type IpAddress } from "../mail/ip.ts";
import { networkOf } from "../mail/network.ts";
import { routeRule } from "../../../tests/policy/route-arbitrary.ts";
import {
  DEFAULT_ATTRIBUTES,
  type Attributes,
  type EntryValue,
  type ListName,
  type NewEntry,
} from "../policy/policy.ts";
import { valueKey } from "../policy/coverage.ts";
import { sortEntries } from "./entry-order.ts";
import { diffPolicy } from "./policy-diff.ts";
import { formatPolicy, parsePolicy } from "./policy-text.ts";
import { readChangedRoute } from "./route-value.ts";
import { splitSource } from "./source.ts";
import type { Arguments } from "./arguments.ts";
import { readCommand } from "./command.ts";
import type { RouteRule } from "../policy/route-rule.ts";
import { ok } from "../base/result.ts";

const NOW = Date.UTC(2026, 10, 24);

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

const sealing = {
  seal: (secret: string) => `sealed:${secret}`,
  isSealed: (text: string) => text.startsWith("sealed:"),
};

// --- generators -------------------------------------------------------------------------------------------------------

/** Objects like those of the code, so that they compare. */
const PLAIN = { noNullPrototype: true } as const;

const word32 = fc.integer({ min: 0, max: 0xffffffff });
const address: fc.Arbitrary<IpAddress> = fc.oneof(
  word32.map((bits) => ipv4(bits)),
  fc.tuple(word32, word32, word32, word32).map((words) => normaliseIpv6(words)),
);
const network = fc
  .tuple(address, fc.integer({ min: 0, max: 128 }))
  .map(([base, bits]) => networkOf(base, base.family === 4 ? bits % 33 : bits));
const name = fc
  .array(fc.stringMatching(/^[a-z][a-z0-9-]{0,5}[a-z]$/), { minLength: 1, maxLength: 3 })
  .map((labels) => domain([...labels.map((label) => label.replace("--", "-x")), "example"].join(".")));
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom("", "O'Brien", "*BLANK", "a\nb", "/* no */", "x +"),
);

const byPassword = fc
  .tuple(fc.string({ maxLength: 8 }), fc.constantFrom("auto", "plain", "login", "cram-md5"))
  .map(([secret, method]) => ({ sealedPassword: `sealed:${secret}`, method, account: "" }) as const);
const byAccount = fc
  .tuple(fc.constantFrom("M365", "0-A.B"), fc.constantFrom("auto", "xoauth2", "oauthbearer"))
  .map(([account, method]) => ({ sealedPassword: "", method, account }) as const);

function value(list: ListName): fc.Arbitrary<EntryValue> {
  const networks = network.map((each): EntryValue => ({ kind: "network", network: each }));
  const addresses = address.map((each): EntryValue => ({ kind: "address", address: each }));
  const domains = fc
    .tuple(name, fc.boolean())
    .map(([each, subdomains]): EntryValue => ({ kind: "domain", domain: each, subdomains }));
  switch (list) {
    case "*ACCEPT":
    case "*REJECT":
      return networks;
    case "*NEAR":
      return fc.oneof(networks, domains);
    case "*DOMAIN":
      return fc
        .tuple(name, fc.option(address))
        .map(([each, at]): EntryValue => ({ kind: "interface-domain", domain: each, address: at }));
    case "*ETRNSVR":
      return name.map((each): EntryValue => ({ kind: "etrn-domain", domain: each }));
    case "*SVRBIND":
    case "*CLTBIND":
      return addresses;
    case "*HOSTAUTH":
      return fc
        .tuple(name, fc.string({ maxLength: 8 }), fc.oneof(byPassword, byAccount))
        .map(([host, user, rest]): EntryValue => ({ kind: "host-credentials", host, user, ...rest }));
    case "*ROUTE":
      return routeRule.map((route) => ({ kind: "route", route }));
  }
}

const expiry = fc.option(fc.integer({ min: 0, max: Date.UTC(2100, 0) }));
const entry: fc.Arbitrary<NewEntry> = fc
  .constantFrom<ListName[]>(
    "*ACCEPT",
    "*REJECT",
    "*NEAR",
    "*DOMAIN",
    "*SVRBIND",
    "*CLTBIND",
    "*HOSTAUTH",
    "*ROUTE",
    "*ETRNSVR",
  )
  .chain((list) => fc.record({ list: fc.constant(list), value: value(list), text, expiresAt: expiry }, PLAIN));
const entries = fc.uniqueArray(entry, {
  maxLength: 12,
  selector: ({ list, value: each }) => `${list} ${valueKey(each)}`,
});

const yesNo = fc.constantFrom("*YES" as const, "*NO" as const);
const level = (max: number) =>
  fc.record({ attempts: fc.integer({ min: 0, max }), interval: fc.integer({ min: 0, max }) }, PLAIN);
const attributes: fc.Arbitrary<Attributes> = fc.record(
  {
    ALWRLY: fc.constantFrom("*NONE", "*ALL", "*LIST", "*NEAR", "*BOTH"),
    ALWAUTH: fc.constantFrom("*NONE", "*RELAY", "*LCLRLY"),
    OVRRJTCNNL: yesNo,
    RBLSVR: fc.uniqueArray(name, { maxLength: 3 }),
    PCTRTGCHR: yesNo,
    ALWBARELF: yesNo,
    VFYFROMUSR: fc.constantFrom("*NONE", "*ALL", "*LIST"),
    MAILROUTER: fc.option(
      fc.oneof(
        name,
        name.map((each) => `${each}:587`),
        fc.constant("[2001:db8::1]:25"),
        fc.constant("192.0.2.1"),
      ),
    ),
    FWDHUBSVR: fc.option(name),
    FIREWALL: yesNo,
    RTYMIN: level(99),
    RTYHOUR: level(99),
    RTYDAY: level(9),
    MAXEMMSIZE: fc.integer({ min: 1, max: 2_097_151 }),
    MAXINEMM: fc.integer({ min: 1, max: 100_000 }),
    MAXOUTEMM: fc.integer({ min: 1, max: 10_000 }),
    MIME8BIT: yesNo,
    JOURNAL: yesNo,
    AUTOSTART: yesNo,
    ALIASDMN: fc.uniqueArray(name, { maxLength: 3 }),
    IFCDMN: yesNo,
    ETRNSVR: yesNo,
    ARCDMN: fc.option(name),
  },
  PLAIN,
);

function fileOf(...policy: Parameters<typeof formatPolicy>): string {
  return `${[...formatPolicy(...policy)].filter((line) => line !== undefined).join("\n")}\n`;
}

function diff(...policies: Parameters<typeof diffPolicy>): readonly string[] {
  return [...diffPolicy(...policies)].filter((line) => line !== undefined);
}

// --- properties -------------------------------------------------------------------------------------------------------

test("parsePolicy() of formatPolicy() is the same policy", () => {
  fc.assert(
    fc.property(attributes, entries, fc.boolean(), (wanted, lists, all) => {
      const file = fileOf(wanted, lists, all);
      const parsed = parsePolicy(file, NOW, null);
      assert.ok(parsed.ok, parsed.ok ? "" : `${file}\n${JSON.stringify(parsed.error)}`);
      assert.deepEqual(parsed.value.change.attributes, wanted);
      assert.deepEqual(parsed.value.change.entries, finish(sortEntries(lists)));
      assert.equal(fileOf(parsed.value.change.attributes, parsed.value.change.entries, all), file);
    }),
  );
});

test("diffPolicy() is empty for the same policy and names each side's own entries", () => {
  fc.assert(
    fc.property(attributes, entries, entries, (wanted, before, after) => {
      assert.deepEqual(
        diff({ attributes: wanted, entries: before }, { attributes: wanted, entries: [...before].reverse() }),
        [],
      );
      const lines = diff({ attributes: wanted, entries: before }, { attributes: wanted, entries: after });
      const kept = new Set(after.map(({ list, value: each }) => `${list} ${valueKey(each)}`));
      const gone = before.filter(({ list, value: each }) => !kept.has(`${list} ${valueKey(each)}`));
      assert.equal(lines.filter((line) => /^RMVSMTP(LE|RTE) /.test(line)).length, gone.length);
      assert.equal(
        lines.filter((line) => /^ADDSMTP(LE|RTE) /.test(line)).length,
        after.length - (before.length - gone.length),
      );
    }),
  );
});

test("diffPolicy() of a changed route is a CHGSMTPRTE that makes the new one of the old one", () => {
  fc.assert(
    fc.property(routeRule, routeRule, (old, other) => {
      const wanted: RouteRule = { ...other, name: old.name };
      const [line, ...more] = diff(
        { attributes: DEFAULT_ATTRIBUTES, entries: [routeEntry(old)] },
        {
          attributes: DEFAULT_ATTRIBUTES,
          entries: [routeEntry(wanted)],
        },
      );
      assert.deepEqual(more, []);
      const changed = line === undefined ? ok(old) : readChangedRoute(argumentsOf(line), old);
      assert.deepEqual(changed.ok ? changed.value : changed.error, wanted, line);
    }),
  );
});

function routeEntry(route: RouteRule): NewEntry {
  return { list: "*ROUTE", value: { kind: "route", route }, text: "", expiresAt: null };
}

function argumentsOf(line: string): Arguments {
  const [source] = splitSource(line);
  const read = source && readCommand(source);
  assert.ok(read?.ok && read.value.kind === "command", line);
  return read.value.arguments;
}

// --- examples ---------------------------------------------------------------------------------------------------------

test("formatPolicy() writes the form of the contract", () => {
  const file = fileOf(
    { ...DEFAULT_ATTRIBUTES, ALWRLY: "*LIST", ALIASDMN: [domain("b.example"), domain("a.example")] },
    [
      {
        list: "*NEAR",
        value: { kind: "domain", domain: domain("partner.example"), subdomains: false },
        text: "",
        expiresAt: null,
      },
      {
        list: "*ACCEPT",
        value: { kind: "network", network: networkOf(ipv4(0x0a640201), 32) },
        text: "ERP",
        expiresAt: NOW,
      },
    ],
  );
  assert.equal(
    file,
    `CHGSMTPA ALWRLY(*LIST)
CHGSMTPA ALIASDMN('b.example' 'a.example')
ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.2.1') SUBNETMASK('255.255.255.255') TEXT('ERP') EXPDATE('2026-11-24T00:00:00Z')
ADDSMTPLE TYPE(*NEAR) HOSTNAME('partner.example')
`,
  );
});

test("parsePolicy() names line and column of every fault and gives no policy", () => {
  const parsed = parsePolicy(
    `/* our relay */
CHGSMTPA ALWRLY(*LIST)
ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.1') +
          SUBNETMASK('255.0.255.0')
RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.1')
ADDSMTPLE TYPE(*NEAR) HOSTNAME('a.example')
ADDSMTPLE TYPE(*NEAR) HOSTNAME('A.EXAMPLE.')
CHGSMTPA ALWRLY(*NONE)
ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('a.example') USERNAME('u') PASSWORD('clear')
ADDSMTPLE TYPE(*ACCEPT`,
    NOW,
    null,
  );
  assert.ok(!parsed.ok);
  assert.deepEqual(
    parsed.error.map(({ line, column, message: { id } }) => `${line}:${column} ${id}`),
    ["4:11 SMR0114", "5:1 SMR0702", "7:1 SMR0703", "8:10 SMR0712", "9:63 SMR0711", "10:23 SMR0023"],
  );
});

test("parsePolicy() seals passwords, counts durations from now and hears CONFIRM(*YES)", () => {
  const file =
    "ADDSMTPLE *HOSTAUTH HOSTNAME(a.example) USERNAME('u') PASSWORD('clear') EXPDATE(*30D)\nCHGSMTPA ALWRLY(*ALL) CONFIRM(*YES)";
  const parsed = parsePolicy(file, NOW, sealing);
  assert.ok(parsed.ok && parsed.value.confirmed);
  const [only] = parsed.value.change.entries;
  assert.ok(only?.value.kind === "host-credentials");
  assert.equal(only.value.sealedPassword, "sealed:clear");
  assert.equal(only.expiresAt, NOW + 30 * 86_400_000);
  const strange = parsePolicy(
    "ADDSMTPLE *HOSTAUTH HOSTNAME(a.example) USERNAME('u') PASSWORD('{sealed}other')",
    NOW,
    sealing,
  );
  assert.ok(!strange.ok && strange.error[0]?.message.id === "SMR0127");
});

test("parsePolicy() gives up on a file of faults and takes an empty one", () => {
  const faulty = parsePolicy("FOO\n".repeat(5_000), NOW, null);
  assert.ok(!faulty.ok && faulty.error.length === 100);
  const empty = parsePolicy("", NOW, null);
  assert.ok(empty.ok);
  assert.deepEqual(empty.value.change, { kind: "replace", attributes: DEFAULT_ATTRIBUTES, entries: [] });
});
