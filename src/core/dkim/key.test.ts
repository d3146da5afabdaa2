import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDomain, type Domain } from "../mail/domain.ts";
import { keysFor, parseRecordName, parseSelector, recordName, type DkimKey } from "./key.ts";
import { comparePublished, formatKeyRecord, formatZoneLine, type Published } from "./key-record.ts";

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function key(name: string, state: DkimKey["state"] = "signing", subdomains = false): DkimKey {
  return {
    domain: domain(name),
    selector: `s-${state}`,
    algorithm: "rsa-sha256",
    publicKey: "AAAA",
    state,
    subdomains,
    createdAt: 0,
    createdBy: "QSECOFR",
  };
}

describe("who signs", () => {
  const keys = [
    key("example.com", "signing", true),
    key("example.com", "retired", true),
    key("own.example.com", "pending"),
    key("example.net"),
  ];
  const of = (name: string) =>
    keysFor(domain(name), (one) => keys.filter((each) => each.domain === one)).map(recordName);
  const signing = ["s-signing._domainkey.example.com"];
  test("the domain's own", () => assert.deepEqual(of("example.com"), signing));
  test("the nearest above that signs below", () => assert.deepEqual(of("a.b.example.com"), signing));
  test("not one above where the domain has its own that does not sign yet", () =>
    assert.deepEqual(of("own.example.com"), []));
  test("not one above that does not sign below", () => assert.deepEqual(of("www.example.net"), []));
  test("nobody for others", () => assert.deepEqual([...of("example.org"), ...of("badexample.com"), ...of("com")], []));
});

describe("selectors", () => {
  const table: readonly (readonly [string, string | null])[] = [
    ["s1", "s1"],
    ["S1.2026", "s1.2026"],
    ["-s", null],
    ["s-", null],
    ["", null],
    ["a..b", null],
    ["../x", null],
    ["a/b", null],
    ["a_b", null],
    ["x".repeat(64), null],
    [Array(4).fill("x".repeat(60)).join("."), null],
  ];
  for (const [text, expected] of table) {
    test(JSON.stringify(text.slice(0, 20)), () => {
      const parsed = parseSelector(text, domain("example.com"));
      assert.equal(parsed.ok ? parsed.value : null, expected);
    });
  }
  test("the name of a record reads back", () => {
    const name = recordName({ selector: "a.b", domain: domain("example.com") });
    assert.deepEqual(parseRecordName(name), { selector: "a.b", domain: "example.com" });
    for (const wrong of ["example.com", "._domainkey.example.com", "a._domainkey.", "../a._domainkey.example.com"]) {
      assert.equal(parseRecordName(wrong), null, wrong);
    }
  });
});

describe("what is published", () => {
  const rsa = { algorithm: "rsa-sha256", publicKey: "A".repeat(392) } as const;
  const ed25519 = { algorithm: "ed25519-sha256", publicKey: "B".repeat(44) } as const;
  const table: readonly (readonly [string, typeof rsa | typeof ed25519, readonly string[], Published])[] = [
    ["as we say it", rsa, [formatKeyRecord(rsa)], "published"],
    ["as we say it, Ed25519", ed25519, [formatKeyRecord(ed25519)], "published"],
    ["p= alone, with white space", rsa, [`p = ${"A".repeat(200)} ${"A".repeat(192)} ;`], "published"],
    ["nothing", rsa, [], "missing"],
    ["something else there", rsa, ["v=spf1 -all", "hello"], "missing"],
    ["withdrawn", rsa, ["v=DKIM1; k=rsa; p="], "revoked"],
    ["two", rsa, [formatKeyRecord(rsa), formatKeyRecord(ed25519)], "several"],
    ["another", rsa, [`v=DKIM1; p=${"C".repeat(392)}`], "different"],
    ["a short one", rsa, [`v=DKIM1; p=${"C".repeat(216)}`], "too-short"],
    ["the same octets as RSA, and too few of them", ed25519, [`v=DKIM1; k=rsa; p=${"B".repeat(44)}`], "different"],
    ["a short RSA key instead", ed25519, [`v=DKIM1; p=${"C".repeat(216)}`], "too-short"],
    ["only SHA-1", rsa, [`${formatKeyRecord(rsa)}; h=sha1`], "different"],
    ["SHA-256 too", rsa, [`${formatKeyRecord(rsa)}; h=sha1 : sha256; s=email; t=s`], "published"],
    ["not for mail", rsa, [`${formatKeyRecord(rsa)}; s=tls`], "different"],
    ["testing", rsa, [`${formatKeyRecord(rsa)}; t=y:s`], "testing"],
  ];
  for (const [name, ours, texts, expected] of table) {
    test(name, () => assert.equal(comparePublished(ours, texts), expected));
  }
  test("a zone file gets strings of at most 255 octets", () => {
    const text = formatKeyRecord(rsa);
    const line = formatZoneLine("s._domainkey.example.com", text);
    const strings = [...line.matchAll(/"([^"]*)"/g)].map(([, string = ""]) => string);
    assert.equal(strings.join(""), text);
    assert.ok(strings.length === 2 && strings.every(({ length }) => length <= 255));
    assert.match(line, /^s\._domainkey\.example\.com\. IN TXT \( "v=DKIM1/);
  });
});
