import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS } from "../base/time.ts";
import type { Domain } from "../mail/domain.ts";
import { formatMailbox } from "../mail/mailbox.ts";
import { parseIpAddress, type IpAddress } from "../mail/ip.ts";
import type { AppliedPolicy } from "./demand.ts";
import { parseReportRecord, reportFileName, reportId, reportJson } from "./tls-report.ts";
import { dayOf, TlsTally, type TallyLimits } from "./tls-tally.ts";
import type { TlsResult } from "./tls-result.ts";

const LIMITS: TallyLimits = { tlsTallyPolicies: 100, tlsTallyFailures: 10, tlsTallyOctets: 100_000 };
const PARTY = { hostname: "mail.sender.example", organization: "Sender", contact: "sts-reporting@sender.example" };
const DAY = dayOf(Date.parse("2016-04-01T12:00:00Z"));
const DOMAIN = "company-y.example" as Domain;
const POLICY: AppliedPolicy = {
  type: "sts",
  domain: DOMAIN,
  strings: ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"],
  mxPatterns: ["*.mail.company-y.example"],
};

function ip(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function result(given: Partial<TlsResult> = {}): TlsResult {
  return {
    at: DAY * DAY_MS,
    policy: POLICY,
    failure: null,
    mxHost: "MX1.mail.company-y.example",
    receivingAddress: ip("203.0.113.58"),
    sendingAddress: ip("2001:db8:abcd:12::1"),
    reason: "",
    ...given,
  };
}

test("what came of a day is told in the fields of RFC 8460 appendix B", () => {
  const tally = new TlsTally(DAY, LIMITS);
  for (let i = 0; i < 5_326; i++) tally.add(result());
  for (let i = 0; i < 100; i++) tally.add(result({ failure: "certificate-expired" }));
  const refused = {
    failure: "starttls-not-supported",
    reason: "it offers no TLS",
    mxHost: "mx2.mail.company-y.example",
  };
  for (let i = 0; i < 200; i++) tally.add(result({ ...refused, failure: "starttls-not-supported" }));
  tally.add(result({ failure: "sts-policy-fetch-error", mxHost: "", receivingAddress: null, sendingAddress: null }));
  assert.deepEqual(tally.domains(), [DOMAIN]);
  assert.deepEqual(reportJson(DAY, DOMAIN, tally.policiesOf(DOMAIN), PARTY), {
    "organization-name": "Sender",
    "date-range": { "start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z" },
    "contact-info": "sts-reporting@sender.example",
    "report-id": "2016-04-01.company-y.example@mail.sender.example",
    policies: [
      {
        policy: {
          "policy-type": "sts",
          "policy-string": POLICY.strings,
          "policy-domain": "company-y.example",
          "mx-host": ["*.mail.company-y.example"],
        },
        summary: { "total-successful-session-count": 5_326, "total-failure-session-count": 301 },
        "failure-details": [
          {
            "result-type": "certificate-expired",
            "sending-mta-ip": "2001:db8:abcd:12::1",
            "receiving-mx-hostname": "mx1.mail.company-y.example",
            "receiving-ip": "203.0.113.58",
            "failed-session-count": 100,
          },
          {
            "result-type": "starttls-not-supported",
            "sending-mta-ip": "2001:db8:abcd:12::1",
            "receiving-mx-hostname": "mx2.mail.company-y.example",
            "receiving-ip": "203.0.113.58",
            "failed-session-count": 200,
            "failure-reason-code": "it offers no TLS",
          },
          { "result-type": "sts-policy-fetch-error", "failed-session-count": 1 },
        ],
      },
    ],
  });
  assert.equal(reportId(DAY, DOMAIN, PARTY), "2016-04-01.company-y.example@mail.sender.example");
  const name = reportFileName(DAY, DOMAIN, PARTY);
  assert.equal(name, "mail.sender.example!company-y.example!1459468800!1459555199.json.gz");
});

test("policies of one domain stand in one report, whatever their kind", () => {
  const tally = new TlsTally(DAY, LIMITS);
  const none: AppliedPolicy = { type: "no-policy-found", domain: DOMAIN, strings: [], mxPatterns: [] };
  tally.add(result());
  tally.add(result({ policy: { ...POLICY, strings: [...POLICY.strings] } }));
  tally.add(result({ policy: none }));
  tally.add(result({ policy: { ...none, type: "tlsa", strings: ["3 1 1 0f"] } }));
  tally.add(result({ policy: { ...none, domain: "other.example" as Domain } }));
  const types = tally.policiesOf(DOMAIN).map(({ policy, successes }) => [policy.type, successes]);
  assert.deepEqual(types, [
    ["sts", 2],
    ["no-policy-found", 1],
    ["tlsa", 1],
  ]);
  tally.forget(DOMAIN);
  assert.deepEqual(tally.domains(), ["other.example"]);
});

test("a day is kept and read again as it was; what is no day is none", () => {
  const tally = new TlsTally(DAY, LIMITS);
  tally.add(result());
  for (let i = 0; i < 3; i++) tally.add(result({ failure: "certificate-expired", reason: "since yesterday" }));
  const again = TlsTally.fromRecord(JSON.parse(JSON.stringify(tally.toRecord())), LIMITS);
  assert.deepEqual(again?.toRecord(), tally.toRecord());
  again?.add(result({ failure: "certificate-expired", reason: "since yesterday" }));
  assert.equal(again?.policiesOf(DOMAIN)[0]?.details[0]?.sessions, 4);
  for (const record of [null, "x", {}, { version: 2, day: 1, policies: [] }, { version: 1, day: 1.5, policies: [] }])
    assert.equal(TlsTally.fromRecord(record, LIMITS), null);
  const odd = {
    version: 1,
    day: 7,
    policies: [null, { policy: { type: "sts", domain: "..", strings: 1 } }, { policy: 5 }],
  };
  assert.deepEqual(TlsTally.fromRecord(odd, LIMITS)?.domains(), []);
});

test("a day has an end: policies, failures and texts find no room, and are counted all the same", () => {
  const tally = new TlsTally(DAY, { tlsTallyPolicies: 3, tlsTallyFailures: 2, tlsTallyOctets: 100_000 });
  for (let i = 0; i < 10; i++) {
    tally.add(result({ policy: { ...POLICY, domain: `d${i}.example` as Domain } }));
    tally.add(
      result({ policy: { ...POLICY, domain: "d0.example" as Domain }, failure: "validation-failure", reason: `${i}` }),
    );
  }
  assert.equal(tally.domains().length, 3);
  assert.equal(tally.uncounted, 7);
  const [first] = tally.policiesOf("d0.example" as Domain);
  assert.deepEqual([first?.successes, first?.failures, first?.details.length], [1, 10, 2]);

  const narrow = new TlsTally(DAY, { tlsTallyPolicies: 1_000, tlsTallyFailures: 1_000, tlsTallyOctets: 50_000 });
  for (let i = 0; i < 1_000; i++) {
    narrow.add(result({ policy: { ...POLICY, strings: ["x".repeat(10_000), `${i}`] } }));
    narrow.add(result({ failure: "validation-failure", reason: `${i} ${"y".repeat(5_000)}` }));
  }
  const kept = JSON.stringify(narrow.toRecord()).length;
  assert.ok(kept < 100_000 && kept > 10_000, `${kept} octets`);
  assert.ok(narrow.uncounted > 900);
});

test("where reports go", () => {
  const cases: [texts: readonly string[], targets: readonly string[]][] = [
    [["v=TLSRPTv1;rua=mailto:reports@example.com"], ["reports@example.com"]],
    [["v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt"], ["https://reporting.example.com/v1/tlsrpt"]],
    [["v=TLSRPTv1;x=1;rua=https://a.example/ , mailto:b@example.com;"], ["https://a.example/", "b@example.com"]],
    [["v=TLSRPTv1;rua=mailto:a%2Cb%21@example.com"], []],
    [["v=TLSRPTv1;rua=mailto:a%21b@example.com?subject=x"], ["a!b@example.com"]],
    [["v=spf1 -all", "v=TLSRPTv1;rua=mailto:a@example.com"], ["a@example.com"]],
    [["v=TLSRPTv1;rua=mailto:a@example.com", "v=TLSRPTv1;rua=mailto:b@example.com"], []],
    [["v=TLSRPTv2;rua=mailto:a@example.com"], []],
    [["v=TLSRPTv1"], []],
    [["v=TLSRPTv1;rua="], []],
    [["v=TLSRPTv1;rua=http://a.example/,ftp://a.example,mailto:no-address,mailto:a@[127.0.0.1]"], []],
    [["v=TLSRPTv1;rua=https://a.example:25/,https://u:p@a.example/,https://a.example/\r\nX: y"], []],
    [["v=TLSRPTv1;rua=https://a.example:443/x"], ["https://a.example:443/x"]],
    [["v=TLSRPTv1;rua=mailto:%0d%0aBcc@example.com,mailto:a@example.com%0d%0aBcc:b@example.com"], []],
    [[`v=TLSRPTv1;rua=https://a.example/${"x".repeat(2_000)}`], []],
    [[`v=TLSRPTv1;rua=${"mailto:a@example.com,".repeat(1_000)}`], Array.from({ length: 5 }, () => "a@example.com")],
  ];
  for (const [texts, expected] of cases) {
    const targets = parseReportRecord(texts).map((one) => (one.kind === "mail" ? formatMailbox(one.mailbox) : one.url));
    assert.deepEqual(targets, expected, texts.join(" | ").slice(0, 200));
  }
});
