/** The resolver against name servers that the world uses: NSD serves, Unbound resolves and validates. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ClosableResolver } from "../../src/adapters/dns/resolver.ts";
import { parseDomain, type Domain } from "../../src/core/mail/domain.ts";
import { formatIpAddress } from "../../src/core/mail/ip.ts";
import { resolverAt } from "../dns/resolver-at.ts";
import { nameServerPrograms, startNameServers, type NameServers, type Zone } from "./name-servers.ts";
import { missing } from "./programs.ts";

/** More than a datagram takes: a long key, split into strings as TXT has them. */
const LONG = "k".repeat(3_000);
const LONG_STRINGS = (LONG.match(/.{1,255}/g) ?? []).map((part) => `"${part}"`).join(" ");
const DIGEST = "0f".repeat(32);

const ZONES: readonly Zone[] = [
  {
    name: "signed.test",
    isSigned: true,
    records: [
      "@ IN MX 20 mx2",
      "@ IN MX 10 mx1",
      "mx1 IN A 192.0.2.1",
      "mx1 IN AAAA 2001:db8::1",
      "mx2 IN CNAME mx1",
      "out IN CNAME host.plain.test.",
      "null IN MX 0 .",
      `s1._domainkey IN TXT ${LONG_STRINGS}`,
      `_25._tcp.mx1 IN TLSA 3 1 1 ${DIGEST}`,
    ],
  },
  {
    name: "bogus.test",
    isSigned: true,
    records: ["@ IN MX 10 mx1", "mx1 IN A 192.0.2.1"],
    tamper: (signed) => signed.replaceAll("192.0.2.1", "192.0.2.66").replace(/\tMX\t10 mx1/, "\tMX\t10 evil"),
  },
  { name: "plain.test", isSigned: false, records: ["@ IN MX 10 host", "host IN A 192.0.2.7"] },
];

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

describe("Resolver with NSD and Unbound", { skip: missing(...nameServerPrograms) }, () => {
  let servers: NameServers;
  let resolver: ClosableResolver;
  before(async () => {
    servers = await startNameServers(ZONES);
    resolver = resolverAt(servers.unboundPort);
  });
  after(async () => {
    resolver.close();
    await servers.stop();
  });

  test("a signed zone is secure: MX, addresses, an alias, TLSA", async () => {
    assert.deepEqual(await resolver.mx(domain("signed.test")), {
      kind: "mx",
      hosts: [
        { preference: 10, host: "mx1.signed.test" },
        { preference: 20, host: "mx2.signed.test" },
      ],
      isSecure: true,
    });
    for (const host of ["mx1.signed.test", "mx2.signed.test"]) {
      const answer = await resolver.addresses(host);
      assert.ok(answer.kind === "addresses" && answer.isSecure, JSON.stringify(answer));
      assert.deepEqual(answer.addresses.map(formatIpAddress), ["2001:db8::1", "192.0.2.1"]);
    }
    const tlsa = await resolver.tlsa(domain("_25._tcp.mx1.signed.test"));
    assert.ok(tlsa.kind === "records" && tlsa.isSecure, JSON.stringify(tlsa));
    const [record] = tlsa.records;
    assert.deepEqual(record && { ...record, octets: Buffer.from(record.octets).toString("hex") }, {
      usage: 3,
      selector: 1,
      matchingType: 1,
      octets: DIGEST,
    });
  });

  test("a zone that is not signed is not secure, nor is what a signed one leads there", async () => {
    const mx = await resolver.mx(domain("plain.test"));
    assert.ok(mx.kind === "mx" && !mx.isSecure, JSON.stringify(mx));
    const out = await resolver.addresses("out.signed.test");
    assert.ok(out.kind === "addresses" && !out.isSecure, JSON.stringify(out));
    assert.deepEqual(out.addresses.map(formatIpAddress), ["192.0.2.7"]);
  });

  test("what was tampered with is trouble", async () => {
    const trouble = { kind: "trouble", reason: "the name server failed (SERVFAIL)" };
    assert.deepEqual(await resolver.mx(domain("bogus.test")), trouble);
    assert.deepEqual(await resolver.addresses("mx1.bogus.test"), trouble);
  });

  test("what is not there, is not there", async () => {
    assert.deepEqual(await resolver.mx(domain("mx1.signed.test")), { kind: "no-mx" });
    assert.deepEqual(await resolver.mx(domain("null.signed.test")), { kind: "null-mx" });
    assert.deepEqual(await resolver.mx(domain("absent.signed.test")), { kind: "no-such-domain" });
    assert.deepEqual(await resolver.addresses("absent.plain.test"), { kind: "none" });
    assert.deepEqual(await resolver.tlsa(domain("_25._tcp.mx2.signed.test")), { kind: "none" });
  });

  test("a text that fits into no datagram comes over TCP", async () => {
    const name = domain("s1._domainkey.signed.test");
    assert.deepEqual(await resolver.txt(name), { kind: "texts", texts: [LONG] });
    const direct = resolverAt(servers.nsdPort);
    assert.deepEqual(await direct.txt(name), { kind: "texts", texts: [LONG] });
    direct.close();
  });

  test("a server of these zones alone answers for them, insecurely, and for no others", async () => {
    const direct = resolverAt(servers.nsdPort);
    const mx = await direct.mx(domain("signed.test"));
    assert.ok(mx.kind === "mx" && !mx.isSecure, JSON.stringify(mx));
    assert.deepEqual(await direct.mx(domain("mx1.signed.test")), { kind: "no-mx" });
    assert.equal((await direct.mx(domain("elsewhere.example"))).kind, "trouble");
    direct.close();
  });
});
