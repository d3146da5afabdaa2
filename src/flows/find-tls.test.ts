import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../adapters/memory/clock.ts";
import type { TlsaAnswer, TlsaRecord } from "../core/mail/dns-answer.ts";
import type { Domain } from "../core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../core/mail/ip.ts";
import { describeReply } from "../core/mail/reply.ts";
import type { TlsRule } from "../core/mail/next-hop-terms.ts";
import { textOfDemand } from "../core/tls-policy/demand.ts";
import { parseStsPolicy, type StsPolicy } from "../core/tls-policy/sts.ts";
import type { TlsResult } from "../core/tls-policy/tls-result.ts";
import { TlsFinder, type PublishedTls, type Surroundings } from "./find-tls.ts";

const DOMAIN = "a.example" as Domain;
const MX = "mx1.a.example";
const usable: TlsaRecord = { usage: 3, selector: 1, matchingType: 1, octets: new Uint8Array(32) };
const unusable: TlsaRecord = { ...usable, usage: 1 };
const SIGNED: TlsaAnswer = { kind: "records", records: [usable], isSecure: true };
const DANE = `dane ${MX} a.example: 3 1 1 ${"00".repeat(32)}`;

function sts(mode: string, mx = MX): StsPolicy {
  const parsed = parseStsPolicy(`version: STSv1\nmode: ${mode}\nmx: ${mx}\nmax_age: 86400`);
  assert.ok(parsed.ok);
  return parsed.value;
}

interface Case {
  readonly level?: TlsRule["level"];
  readonly pins?: readonly string[];
  /** By the name asked for, without `_25._tcp.`; what is not there has none. */
  readonly tlsa?: Readonly<Record<string, TlsaAnswer>>;
  readonly isSecure?: boolean;
  readonly canonical?: string;
  readonly sts?: StsPolicy;
  readonly published?: PublishedTls;
  readonly port?: number;
  readonly hasCredentials?: boolean;
  readonly domain?: Domain | null;
}

async function find(given: Case): Promise<{ said: string; asked: string[]; results: TlsResult[] }> {
  const asked: string[] = [];
  const results: TlsResult[] = [];
  const finder = new TlsFinder({
    clock: new ManualClock(),
    resolver: {
      tlsa: (name) => {
        asked.push(name);
        return Promise.resolve(given.tlsa?.[name.replace(/^_\d+\._tcp\./, "")] ?? { kind: "none" });
      },
    },
    stsPolicies: { policyOf: () => Promise.resolve(null) },
    tlsResults: { record: (result) => void results.push(result) },
    publishedTls: given.published ?? { dane: true, mtaSts: true },
  });
  const around: Surroundings = {
    domain: given.domain === undefined ? DOMAIN : given.domain,
    rule: { level: given.level ?? "default", pins: given.pins ?? [] },
    hasCredentials: given.hasCredentials ?? false,
    implicit: false,
    hosts: new Map([[MX, { isSecure: given.isSecure ?? true, canonical: given.canonical ?? null }]]),
    sts: given.sts ?? null,
  };
  const found = await finder.demandsOf([{ host: MX, address: IPV4_LOOPBACK, port: given.port ?? 25 }], around);
  if (!found.ok) return { said: describeReply(found.error), asked, results };
  const said = found.value.map(
    ({ tls, isImplicit, policy }) =>
      `${textOfDemand(tls)}${isImplicit ? " implicit" : ""}${policy ? ` (${policy.type} ${policy.domain})` : ""}`,
  );
  return { said: said.join(), asked, results };
}

test("what is demanded of a server", async () => {
  const trouble: TlsaAnswer = { kind: "trouble", reason: "SERVFAIL" };
  const cases: [what: string, given: Case, said: string | RegExp, failure?: string][] = [
    ["nothing published", {}, "may (no-policy-found a.example)"],
    ["an address", { domain: null, isSecure: false }, "may"],
    ["port 465 begins with TLS", { port: 465 }, `verify ${MX} implicit`],
    ["may, and a password goes to whom we know", { level: "may", hasCredentials: true }, `verify ${MX}`],
    ["encrypt is meant, with a password too", { level: "encrypt", hasCredentials: true }, "encrypt"],
    ["a password goes to whom we know", { hasCredentials: true }, `verify ${MX}`],

    ["TLSA in a signed zone", { tlsa: { [MX]: SIGNED } }, `${DANE} (tlsa ${MX})`],
    ["TLSA, turned off", { tlsa: { [MX]: SIGNED }, published: { dane: false, mtaSts: true } }, /^may/],
    ["TLSA, MX or address not signed", { tlsa: { [MX]: SIGNED }, isSecure: false }, /^may/],
    ["TLSA that is not signed", { tlsa: { [MX]: { ...SIGNED, isSecure: false } } }, /^may/],
    ["TLSA that cannot be told", { tlsa: { [MX]: trouble } }, /^451 4\.7\.5 Whether .*SERVFAIL/, "dnssec-invalid"],
    [
      "TLSA that cannot be used",
      { tlsa: { [MX]: { ...SIGNED, records: [unusable] } } },
      `dane ${MX} a.example:  (tlsa ${MX})`,
    ],
    [
      "the same, with a password",
      { tlsa: { [MX]: { ...SIGNED, records: [unusable] } }, hasCredentials: true },
      `verify ${MX}`,
    ],
    ["TLSA with a password", { tlsa: { [MX]: SIGNED }, hasCredentials: true }, /^dane/],
    [
      "TLSA where the alias leads",
      { canonical: "host.b.example", tlsa: { "host.b.example": SIGNED } },
      /^dane host\.b\.example mx1\.a\.example a\.example: .* \(tlsa host\.b\.example\)/,
    ],
    [
      "TLSA of the alias itself",
      { canonical: "host.b.example", tlsa: { [MX]: SIGNED } },
      /^dane mx1\.a\.example a\.example: /,
    ],
    ["TLSA of a submission port", { port: 465, tlsa: { [MX]: SIGNED } }, /^dane .* implicit/],

    ["MTA-STS", { sts: sts("enforce") }, `mta-sts enforce ${MX} (sts a.example)`],
    [
      "MTA-STS, another exchanger",
      { sts: sts("enforce", "mx.b.example") },
      /^451 4\.7\.5 The MTA-STS policy .* does not name/,
      "validation-failure",
    ],
    ["MTA-STS in testing", { sts: sts("testing") }, `mta-sts testing ${MX} (sts a.example)`],
    [
      "MTA-STS in testing, another exchanger",
      { sts: sts("testing", "mx.b.example") },
      "may (sts a.example)",
      "validation-failure",
    ],
    ["MTA-STS, mode none", { sts: sts("none") }, /^may/],
    ["DANE goes before MTA-STS", { sts: sts("enforce"), tlsa: { [MX]: SIGNED } }, /^dane/],
    ["DANE, and a policy that names others", { sts: sts("enforce", "mx.b.example"), tlsa: { [MX]: SIGNED } }, /^dane/],
    ["DANE that is unsure, and a policy", { sts: sts("enforce"), tlsa: { [MX]: trouble } }, /^451/, "dnssec-invalid"],

    ["none, whatever is published", { level: "none", port: 465, tlsa: { [MX]: SIGNED } }, "none"],
    ["may", { level: "may", sts: sts("enforce"), tlsa: { [MX]: SIGNED } }, "may"],
    ["encrypt", { level: "encrypt", tlsa: { [MX]: SIGNED } }, "encrypt"],
    ["verify", { level: "verify" }, `verify ${MX} a.example`],
    ["pin", { level: "pin", pins: ["0f"] }, "pin 0f"],
    ["dane", { level: "dane", published: { dane: false, mtaSts: false }, tlsa: { [MX]: SIGNED } }, /^dane/],
    ["dane, and none", { level: "dane" }, /^451 4\.7\.5 The route demands DANE/, "dane-required"],
    ["dane, not signed", { level: "dane", isSecure: false, tlsa: { [MX]: SIGNED } }, /demands DANE/, "dane-required"],
    [
      "dane, none usable",
      { level: "dane", tlsa: { [MX]: { ...SIGNED, records: [unusable] } } },
      /can be used/,
      "tlsa-invalid",
    ],
    ["mta-sts, in testing", { level: "mta-sts", sts: sts("testing") }, /^mta-sts enforce/],
    ["mta-sts, and DANE", { level: "mta-sts", sts: sts("enforce"), tlsa: { [MX]: SIGNED } }, /^mta-sts enforce/],
    [
      "mta-sts, and no policy",
      { level: "mta-sts" },
      /^451 4\.7\.5 The route demands MTA-STS/,
      "sts-policy-fetch-error",
    ],
  ];
  for (const [what, given, said, failure] of cases) {
    const found = await find(given);
    if (typeof said === "string") assert.equal(found.said, said, what);
    else assert.match(found.said, said, what);
    assert.deepEqual(
      found.results.map((result) => result.failure),
      failure === undefined ? [] : [failure],
      what,
    );
  }
});

test("TLSA records are asked for at the port, and not where an answer before was not signed", async () => {
  assert.deepEqual((await find({ port: 587, canonical: "h.b.example" })).asked, [
    "_587._tcp.h.b.example",
    `_587._tcp.${MX}`,
  ]);
  assert.deepEqual((await find({ isSecure: false })).asked, []);
  assert.deepEqual((await find({ published: { dane: false, mtaSts: true } })).asked, []);
});

test("an exchanger that may not be used is passed over while another may", async () => {
  const finder = new TlsFinder({
    clock: new ManualClock(),
    resolver: { tlsa: (name) => Promise.resolve(name.includes("mx2") ? { kind: "trouble", reason: "bogus" } : SIGNED) },
    stsPolicies: { policyOf: () => Promise.resolve(null) },
    tlsResults: { record: () => undefined },
    publishedTls: { dane: true, mtaSts: true },
  });
  const hosts = ["mx2.a.example", MX, "mx3.a.example"];
  const found = await finder.demandsOf(
    hosts.map((host) => ({ host, address: IPV4_LOOPBACK, port: 25 })),
    {
      domain: DOMAIN,
      rule: { level: "default", pins: [] },
      hasCredentials: false,
      implicit: false,
      hosts: new Map(hosts.map((host) => [host, { isSecure: host !== "mx3.a.example", canonical: null }])),
      sts: sts("enforce", "*.a.example"),
    },
  );
  assert.ok(found.ok);
  assert.deepEqual(
    found.value.map(({ host, tls }) => `${host} ${tls.kind}`),
    [`${MX} dane`, "mx3.a.example mta-sts"],
  );
});
