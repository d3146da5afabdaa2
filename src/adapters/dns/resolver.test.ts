import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { FakeNameServer } from "../../../tests/dns/fake-name-server.ts";
import { systemRandom } from "../node/random.ts";
import { ManualClock } from "../memory/clock.ts";
import type { AddressAnswer } from "../../core/mail/dns-answer.ts";
import { parseDomain, type Domain } from "../../core/mail/domain.ts";
import { formatIpAddress, parseIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import { DEFAULT_LIMITS } from "../../core/base/limits.ts";
import { AnswerCache } from "./answer-cache.ts";
import { ChangingFile } from "./changing-file.ts";
import { parseHosts } from "./hosts-file.ts";
import { listName } from "./list-name.ts";
import { nameServer, parseResolvConf } from "./name-servers.ts";
import { createResolver, type ClosableResolver, type ResolverOptions } from "./resolver.ts";

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function address(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function texts(answer: AddressAnswer): string[] {
  assert.equal(answer.kind, "addresses");
  return answer.kind === "addresses" ? answer.addresses.map(formatIpAddress) : [];
}

interface Bench {
  readonly server: FakeNameServer;
  readonly clock: ManualClock;
  readonly resolver: ClosableResolver;
}

async function open(test: TestContext, options: Partial<ResolverOptions> = {}): Promise<Bench> {
  const server = await FakeNameServer.start();
  const clock = new ManualClock();
  const resolver = createResolver({
    servers: [server.address],
    isTrusted: false,
    limits: DEFAULT_LIMITS,
    hostsFile: "/nonexistent",
    resolvConf: "/nonexistent",
    clock,
    random: systemRandom(),
    ...options,
  });
  test.after(async () => {
    resolver.close();
    await server.stop();
  });
  return { server, clock, resolver };
}

const mx = (preference: number, exchange: string) => ({ type: "MX", ttl: 60, data: { preference, exchange } });
const a = (data: string, ttl = 60) => ({ type: "A", ttl, data });
const aaaa = (data: string, ttl = 60) => ({ type: "AAAA", ttl, data });

describe("Resolver.mx()", () => {
  it("gives the hosts by preference", async (test) => {
    const { server, resolver } = await open(test);
    server.zone.set("MX example.net", [mx(20, "b.example.net"), mx(10, "A.Example.NET")]);
    assert.deepEqual(await resolver.mx(domain("example.net")), {
      kind: "mx",
      hosts: [
        { preference: 10, host: "a.example.net" },
        { preference: 20, host: "b.example.net" },
      ],
      isSecure: false,
    });
  });

  it("tells the null MX, no MX, no such domain and trouble apart", async (test) => {
    const { server, resolver } = await open(test);
    server.zone.set("MX null.example", [mx(0, ".")]);
    server.zone.set("A bare.example", [a("192.0.2.1")]);
    server.zone.set("MX broken.example", "SERVFAIL");
    server.zone.set("MX refused.example", "REFUSED");
    server.zone.set("MX literal.example", [mx(10, "192.0.2.1")]);
    server.zone.set("MX both.example", [mx(0, "."), mx(10, "mail.both.example")]);
    assert.equal((await resolver.mx(domain("null.example"))).kind, "null-mx");
    assert.equal((await resolver.mx(domain("bare.example"))).kind, "no-mx");
    assert.equal((await resolver.mx(domain("absent.example"))).kind, "no-such-domain");
    assert.equal((await resolver.mx(domain("literal.example"))).kind, "trouble");
    assert.deepEqual(await resolver.mx(domain("broken.example")), {
      kind: "trouble",
      reason: "the name server failed (SERVFAIL)",
    });
    assert.equal((await resolver.mx(domain("refused.example"))).kind, "trouble");
    assert.deepEqual(await resolver.mx(domain("both.example")), {
      kind: "mx",
      hosts: [{ preference: 10, host: "mail.both.example" }],
      isSecure: false,
    });
  });

  it("answers with trouble at the deadline, though the server is silent", async (test) => {
    const { server, clock, resolver } = await open(test);
    server.zone.set("MX silent.example", "silence");
    const answer = resolver.mx(domain("silent.example"));
    await clock.run(10_000);
    assert.deepEqual(await answer, { kind: "trouble", reason: "no answer in time" });
  });

  it("asks once for equal questions at the same time, and again when the answer is old", async (test) => {
    const { server, clock, resolver } = await open(test);
    server.zone.set("MX example.net", [mx(10, "a.example.net")]);
    const name = domain("example.net");
    await Promise.all([resolver.mx(name), resolver.mx(name), resolver.mx(name)]);
    await resolver.mx(name);
    assert.deepEqual(server.asked, ["MX example.net"]);
    clock.advance(300_000);
    await resolver.mx(name);
    assert.equal(server.asked.length, 2);
  });

  it("silent name servers hold up nobody who has an answer", async (test) => {
    const { server, clock, resolver } = await open(test, { limits: { ...DEFAULT_LIMITS, dnsPorts: 4 } });
    const silent = Array.from({ length: 100 }, (_, i) => domain(`silent${i}.example`));
    for (const name of silent) server.zone.set(`MX ${name}`, "silence");
    server.zone.set("MX example.net", [mx(10, "a.example.net")]);
    const waiting = silent.map((name) => resolver.mx(name));
    // No time passes: it does not wait for one of them to be given up.
    assert.equal((await resolver.mx(domain("example.net"))).kind, "mx");
    await clock.run(10_000);
    for (const answer of await Promise.all(waiting)) assert.equal(answer.kind, "trouble");
    assert.ok(new Set(server.questions.map(({ port }) => port)).size <= 5, "ports are shared");
  });

  it("does not keep trouble", async (test) => {
    const { server, resolver } = await open(test);
    server.zone.set("MX example.net", "SERVFAIL");
    assert.equal((await resolver.mx(domain("example.net"))).kind, "trouble");
    server.zone.set("MX example.net", [mx(10, "a.example.net")]);
    assert.equal((await resolver.mx(domain("example.net"))).kind, "mx");
  });

  it("answers with trouble where too many questions are under way", async (test) => {
    const { server, clock, resolver } = await open(test, { limits: { ...DEFAULT_LIMITS, dnsQueries: 1 } });
    server.zone.set("MX silent.example", "silence");
    const first = resolver.mx(domain("silent.example"));
    assert.equal((await resolver.mx(domain("example.net"))).kind, "trouble");
    await clock.run(10_000);
    await first;
  });
});

describe("Resolver.addresses()", () => {
  it("gives IPv6 first, then by turns", async (test) => {
    const { server, resolver } = await open(test);
    server.zone.set("A mail.example", [a("192.0.2.1"), a("192.0.2.2"), a("192.0.2.3")]);
    server.zone.set("AAAA mail.example", [aaaa("2001:db8::1")]);
    assert.deepEqual(texts(await resolver.addresses("Mail.Example.")), [
      "2001:db8::1",
      "192.0.2.1",
      "192.0.2.2",
      "192.0.2.3",
    ]);
  });

  it("reads address literals without asking", async (test) => {
    const { server, resolver } = await open(test);
    for (const literal of ["192.0.2.1", "[192.0.2.1]"]) {
      assert.deepEqual(texts(await resolver.addresses(literal)), ["192.0.2.1"]);
    }
    for (const literal of ["2001:db8::1", "[IPv6:2001:db8::1]", "[2001:db8::1]"]) {
      assert.deepEqual(texts(await resolver.addresses(literal)), ["2001:db8::1"]);
    }
    assert.deepEqual(server.asked, []);
  });

  it("uses one family while the other is in trouble, and asks again soon", async (test) => {
    const { server, clock, resolver } = await open(test);
    server.zone.set("A mail.example", [a("192.0.2.1", 3_000)]);
    server.zone.set("AAAA mail.example", "SERVFAIL");
    assert.deepEqual(texts(await resolver.addresses("mail.example")), ["192.0.2.1"]);
    server.zone.set("AAAA mail.example", [aaaa("2001:db8::1")]);
    clock.advance(5_000);
    assert.deepEqual(texts(await resolver.addresses("mail.example")), ["2001:db8::1", "192.0.2.1"]);
  });

  it("tells none and trouble apart", async (test) => {
    const { server, resolver } = await open(test);
    server.zone.set("MX mail.example", [mx(10, "a.example")]);
    server.zone.set("A half.example", "SERVFAIL");
    assert.equal((await resolver.addresses("mail.example")).kind, "none");
    assert.equal((await resolver.addresses("absent.example")).kind, "none");
    assert.equal((await resolver.addresses("half.example")).kind, "trouble");
  });

  it("keeps an answer as long as its TTL says", async (test) => {
    const { server, clock, resolver } = await open(test);
    server.zone.set("A mail.example", [a("192.0.2.1", 60)]);
    await resolver.addresses("mail.example");
    clock.advance(59_999);
    await resolver.addresses("mail.example");
    assert.equal(server.asked.length, 2);
    clock.advance(1);
    await resolver.addresses("mail.example");
    assert.equal(server.asked.length, 4);
  });

  it("knows localhost and the names of the hosts file, and reads it again when it changed", async (test) => {
    const directory = await mkdtemp(join(tmpdir(), "relaykeeper-hosts-"));
    test.after(() => rm(directory, { recursive: true }));
    const hostsFile = join(directory, "hosts");
    await writeFile(hostsFile, "192.0.2.7 mail.internal mail # ours\n");
    const { server, resolver } = await open(test, { hostsFile });
    assert.deepEqual(texts(await resolver.addresses("MAIL.internal")), ["192.0.2.7"]);
    assert.deepEqual(texts(await resolver.addresses("localhost")), ["::1", "127.0.0.1"]);
    await writeFile(hostsFile, "192.0.2.88 mail.internal\n");
    assert.deepEqual(texts(await resolver.addresses("mail.internal")), ["192.0.2.88"]);
    assert.deepEqual(server.asked, []);
  });
});

describe("Resolver.txt()", () => {
  it("joins the strings of a record, and tells none, no such domain and trouble apart", async (test) => {
    const { server, resolver } = await open(test);
    server.zone.set("TXT s1._domainkey.example.net", [
      { type: "TXT", ttl: 60, data: ["v=DKIM1; k=rsa; p=MIIB", "IjAN"] },
      { type: "TXT", ttl: 60, data: ["other"] },
    ]);
    server.zone.set("A bare.example", [a("192.0.2.1")]);
    server.zone.set("TXT broken.example", "SERVFAIL");
    assert.deepEqual(await resolver.txt(domain("s1._domainkey.example.net")), {
      kind: "texts",
      texts: ["v=DKIM1; k=rsa; p=MIIBIjAN", "other"],
    });
    assert.equal((await resolver.txt(domain("bare.example"))).kind, "none");
    assert.equal((await resolver.txt(domain("absent.example"))).kind, "no-such-domain");
    assert.equal((await resolver.txt(domain("broken.example"))).kind, "trouble");
  });
});

describe("Resolver.listed()", () => {
  const list = domain("list.example");

  it("asks for the reversed address and believes 127.0.0.0/8 alone", async (test) => {
    const { server, resolver } = await open(test);
    server.zone.set("A 2.2.0.192.list.example", [a("127.0.0.2")]);
    server.zone.set("A 3.2.0.192.list.example", [a("192.0.2.80")]);
    server.zone.set("A 4.2.0.192.list.example", [a("127.255.255.254")]);
    server.zone.set("A 5.2.0.192.list.example", "SERVFAIL");
    const cases = [
      ["192.0.2.2", "listed"],
      ["192.0.2.3", "not-listed"],
      ["192.0.2.4", "unknown"],
      ["192.0.2.5", "unknown"],
      ["192.0.2.6", "not-listed"],
    ] as const;
    for (const [client, expected] of cases) assert.equal(await resolver.listed(address(client), list), expected);
  });

  it("asks for an IPv6 address digit by digit", async (test) => {
    const { server, resolver } = await open(test);
    const name = listName(address("2001:db8::567:89ab"), list);
    assert.equal(name, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.list.example");
    server.zone.set(`A ${name}`, [a("127.0.0.10")]);
    assert.equal(await resolver.listed(address("2001:db8::567:89ab"), list), "listed");
  });

  it("does not wait for a silent list longer than it should", async (test) => {
    const { server, clock, resolver } = await open(test);
    server.zone.set("A 2.2.0.192.list.example", "silence");
    const answer = resolver.listed(address("192.0.2.2"), list);
    await clock.run(2_000);
    assert.equal(await answer, "unknown");
  });
});

describe("what is kept", () => {
  const cases = [
    ["a record that names no time", { ttl: 0 }, 5_000],
    ["a record for a while", { ttl: 60 }, 60_000],
    ["a record for a day", { ttl: 86_400 }, 3_600_000],
    ["no record and no SOA", { soa: null }, 5_000],
    ["no record, by the SOA", { soa: 60 }, 60_000],
    ["no record for a day", { soa: 86_400 }, 300_000],
  ] as const;
  for (const [what, said, keptMs] of cases) {
    it(`${what}: ${keptMs / 1_000} s`, async (test) => {
      const { server, clock, resolver } = await open(test);
      if ("ttl" in said) server.zone.set("MX example.net", [{ ...mx(10, "a.example.net"), ttl: said.ttl }]);
      else if (said.soa !== null) server.soa = { ttl: 172_800, minimum: said.soa };
      await resolver.mx(domain("example.net"));
      clock.advance(keptMs - 1);
      await resolver.mx(domain("example.net"));
      assert.equal(server.asked.length, 1);
      clock.advance(1);
      await resolver.mx(domain("example.net"));
      assert.equal(server.asked.length, 2);
    });
  }
});

describe("name servers", () => {
  const believed: readonly (readonly [host: string, isTrusted: boolean, isBelieved: boolean])[] = [
    ["127.0.0.1", false, true],
    ["127.0.0.53", false, true],
    ["::1", false, true],
    ["192.0.2.53", false, false],
    ["2001:db8::53", false, false],
    ["192.0.2.53", true, true],
  ];
  for (const [host, isTrusted, isBelieved] of believed) {
    it(`${host}${isTrusted ? ", trusted," : ""} is ${isBelieved ? "" : "not "}believed`, () => {
      assert.deepEqual(nameServer(address(host), 53, isTrusted), { host, port: 53, isBelieved });
    });
  }

  it("are those of resolv.conf, three at most, this machine where there are none", () => {
    const hosts = (text: string): string[] => parseResolvConf(text, false).map(({ host }) => host);
    const text = "# x\nsearch example\nnameserver 192.0.2.1\n nameserver\tfe80::53%eth0 \nnameserver ns.example\n";
    assert.deepEqual(hosts(text), ["192.0.2.1", "fe80::53%eth0"]);
    assert.deepEqual(hosts(`${text}nameserver 192.0.2.2\nnameserver 192.0.2.3`).length, 3);
    assert.deepEqual(hosts("nameserver nonsense"), ["127.0.0.1"]);
  });

  it("are read again when resolv.conf changed", async (test) => {
    const directory = await mkdtemp(join(tmpdir(), "relaykeeper-resolv-"));
    test.after(() => rm(directory, { recursive: true }));
    const resolvConf = join(directory, "resolv.conf");
    const file = new ChangingFile(resolvConf, 100, (text) => parseResolvConf(text, true));
    assert.equal((await file.read())[0]?.host, "127.0.0.1");
    await writeFile(resolvConf, "nameserver 192.0.2.1\n");
    assert.equal((await file.read())[0]?.host, "192.0.2.1");
    await writeFile(resolvConf, `nameserver 192.0.2.2\n${"#".repeat(100)}`);
    assert.equal((await file.read())[0]?.host, "192.0.2.1", "a file that is too long is not read");
  });
});

describe("AnswerCache", () => {
  it("keeps the answers asked for last, and none beyond its time", () => {
    const cache = new AnswerCache<number>(2, 1_000);
    cache.set("a", 1, 0, 100);
    cache.set("b", 2, 0, 100);
    assert.equal(cache.get("a", 0), 1);
    cache.set("c", 3, 0, 100);
    assert.equal(cache.get("b", 0), null);
    assert.equal(cache.get("a", 99), 1);
    assert.equal(cache.get("a", 100), null);
    assert.equal(cache.size, 1);
  });

  it("keeps no more than so many octets, and nothing for longer where the clock is set back", () => {
    const cache = new AnswerCache<string>(100, 100);
    cache.set("a", "x".repeat(40), 0, 100);
    cache.set("b", "x".repeat(40), 50, 100);
    assert.equal(cache.size, 2);
    cache.set("b", "x".repeat(41), 50, 100);
    cache.set("c", "x".repeat(40), 50, 100);
    assert.equal(cache.get("a", 50), null);
    assert.equal(cache.get("c", 49), null);
    cache.set("d", "x".repeat(100), 50, 100);
    assert.equal(cache.size, 0);
  });
});

describe("parseHosts()", () => {
  it("reads addresses and names, and skips what it does not understand", () => {
    const hosts = parseHosts("# comment\n192.0.2.1 one two\nnonsense here\n2001:db8::1\tone\n192.0.2.1 one\n");
    assert.deepEqual(hosts.get("one")?.map(formatIpAddress), ["192.0.2.1", "2001:db8::1"]);
    assert.deepEqual(hosts.get("two")?.map(formatIpAddress), ["192.0.2.1"]);
    assert.deepEqual(hosts.get("localhost")?.map(formatIpAddress), ["::1", "127.0.0.1"]);
    assert.equal(hosts.get("here"), undefined);
  });
});
