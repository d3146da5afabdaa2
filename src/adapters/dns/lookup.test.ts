import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { FakeNameServer, type Asked, type Said } from "../../../tests/dns/fake-name-server.ts";
import { ManualClock } from "../memory/clock.ts";
import { systemClock } from "../node/clock.ts";
import { systemRandom } from "../node/random.ts";
import { Lookup, type Looked, type Patience } from "./lookup.ts";
import type { NameServer } from "./name-servers.ts";
import type { QuestionType } from "./packet.ts";

const PATIENCE: Patience = { timeoutMs: 10_000, tries: 3 };

interface Bench {
  readonly servers: readonly FakeNameServer[];
  readonly lookup: Lookup;
  readonly clock: ManualClock;
  readonly find: (name: string, type?: QuestionType) => Promise<Looked>;
}

async function open(
  test: TestContext,
  options: { servers?: number; isBelieved?: boolean; ports?: number } = {},
): Promise<Bench> {
  const servers: FakeNameServer[] = [];
  for (let i = 0; i < (options.servers ?? 1); i++) servers.push(await FakeNameServer.start());
  const clock = new ManualClock();
  const asked = servers.map(({ port }): NameServer => ({
    host: "127.0.0.1",
    port,
    isBelieved: options.isBelieved ?? true,
  }));
  const lookup = new Lookup({
    servers: () => Promise.resolve(asked),
    clock,
    random: systemRandom(),
    socketsMax: options.ports ?? 64,
    connectionsMax: 2,
  });
  test.after(async () => {
    lookup.close();
    for (const server of servers) await server.stop();
  });
  return { servers, lookup, clock, find: (name, type = "A") => lookup.find(name, type, PATIENCE) };
}

function the<T>(one: T | undefined): T {
  assert.ok(one !== undefined);
  return one;
}

const a = (data: string, name?: string) => ({ type: "A", ttl: 60, data, ...(name === undefined ? {} : { name }) });
const alias = (data: string, name?: string) => ({
  type: "CNAME",
  ttl: 30,
  data,
  ...(name === undefined ? {} : { name }),
});

function octetsOf(looked: Looked): number[][] {
  assert.equal(looked.kind, "records", JSON.stringify(looked));
  if (looked.kind !== "records") return [];
  return looked.records.map((data) => (data.type === "A" ? [...data.octets] : []));
}

describe("Lookup follows aliases (CNAME)", () => {
  it("within one answer, with the shortest TTL of all", async (test) => {
    const { servers, find } = await open(test);
    the(servers[0]).zone.set("A www.example.net", [
      alias("Host.example.net"),
      a("192.0.2.1", "host.example.net"),
      a("192.0.2.9", "bystander.example.net"),
    ]);
    const looked = await find("www.example.net");
    assert.deepEqual(octetsOf(looked), [[192, 0, 2, 1]]);
    assert.equal(looked.kind === "records" && looked.ttlSeconds, 30);
  });

  it("with another question where the answer ends with the alias", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.zone.set("A www.example.net", [alias("host.example.org")]);
    server.zone.set("A host.example.org", [a("192.0.2.1")]);
    assert.deepEqual(octetsOf(await find("www.example.net")), [[192, 0, 2, 1]]);
    assert.deepEqual(server.asked, ["A www.example.net", "A host.example.org"]);
  });

  const loops: readonly (readonly [what: string, zone: readonly (readonly [string, Said])[], askedMost: number])[] = [
    ["to itself", [["A a.example", [alias("a.example")]]], 1],
    ["in one answer", [["A a.example", [alias("b.example"), alias("a.example", "b.example")]]], 1],
    [
      "over two answers",
      [
        ["A a.example", [alias("b.example")]],
        ["A b.example", [alias("a.example")]],
      ],
      2,
    ],
    [
      "on and on",
      Array.from(
        { length: 40 },
        (_, i) => [`A ${i === 0 ? "a" : `a${i}`}.example`, [alias(`a${i + 1}.example`)]] as const,
      ),
      9,
    ],
  ];
  for (const [what, zone, askedMost] of loops) {
    it(`and ends with trouble where they lead ${what}`, async (test) => {
      const { servers, find } = await open(test);
      const server = the(servers[0]);
      for (const [key, said] of zone) server.zone.set(key, said);
      assert.deepEqual(await find("a.example"), { kind: "trouble", reason: "its aliases (CNAME) lead nowhere" });
      assert.ok(server.asked.length <= askedMost, server.asked.join(" "));
    });
  }

  it("but to no name that cannot be asked for", async (test) => {
    const { servers, find } = await open(test);
    the(servers[0]).zone.set("A a.example", [alias("two words.example")]);
    assert.equal((await find("a.example")).kind, "trouble");
  });

  it("that lead to a name that is not there: there is no such domain", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.zone.set("A a.example", (asked: Asked) => [server.reply(asked, [alias("gone.example")], { flags: 0x83 })]);
    assert.equal((await find("a.example")).kind, "no-such-domain");
  });
});

describe("Lookup knows for how long something is not there (RFC 2308)", () => {
  const cases = [
    [{ ttl: 900, minimum: 60 }, 60],
    [{ ttl: 30, minimum: 600 }, 30],
    [null, 0],
  ] as const;
  for (const [soa, ttlSeconds] of cases) {
    it(`by ${soa === null ? "no SOA: not at all" : `an SOA of TTL ${soa.ttl} and minimum ${soa.minimum}`}`, async (test) => {
      const { servers, find } = await open(test);
      const server = the(servers[0]);
      server.soa = soa;
      server.zone.set("MX bare.example", [{ type: "MX", data: { preference: 1, exchange: "a.example" } }]);
      assert.deepEqual(await find("bare.example"), { kind: "none", ttlSeconds });
      assert.deepEqual(await find("absent.example"), { kind: "no-such-domain", ttlSeconds });
    });
  }

  it("and takes a server that names others to ask for one that did not answer", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.zone.set("A a.example", (asked: Asked) => [
      server.reply(asked, [], {
        flags: 0,
        authorities: [{ type: "NS", name: "example", ttl: 60, data: "ns.example" }],
      }),
    ]);
    assert.deepEqual(await find("a.example"), { kind: "trouble", reason: "the name server does not resolve for us" });
  });
});

describe("Lookup asks over TCP what does not fit", () => {
  it("and reads an answer of nearly 64 KiB, in pieces of any size", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.truncates = true;
    const many = Array.from({ length: 2_000 }, (_, i) => a(`10.0.${i >> 8}.${i & 255}`));
    server.zone.set("A big.example", many);
    assert.equal(octetsOf(await find("big.example")).length, 2_000);
    assert.deepEqual(
      server.questions.map(({ over }) => over),
      ["udp", "tcp"],
    );
  });

  it("many at once, though few connections are open at a time", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.truncates = true;
    server.zone.set("A big.example", [a("192.0.2.1")]);
    const all = await Promise.all(Array.from({ length: 50 }, () => find("big.example")));
    for (const looked of all) assert.deepEqual(octetsOf(looked), [[192, 0, 2, 1]]);
    // The server hears of an end a little later than we do.
    assert.ok(server.connectionsMost < 10, `${server.connectionsMost} connections`);
  });

  it("and gives up one that trickles", async (test) => {
    const { servers, clock, find } = await open(test);
    const server = the(servers[0]);
    server.truncates = true;
    const tricklings = Promise.withResolvers<void>();
    // Two octets of length are all that comes.
    server.zone.set("A slow.example", () => {
      tricklings.resolve();
      return [];
    });
    const looked = find("slow.example");
    await tricklings.promise;
    for (let i = 0; i < 4; i++) await clock.run(3_400);
    assert.deepEqual(await looked, { kind: "trouble", reason: "no answer in time" });
  });

  it("but not once more where TCP says that it did not fit", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.zone.set("A odd.example", (asked: Asked) => [server.reply(asked, [], { flags: 0x280 })]);
    assert.deepEqual(await find("odd.example"), { kind: "trouble", reason: "the answer cannot be read" });
    assert.equal(server.asked.length, 2);
  });
});

describe("Lookup passes over what is no reply to its question", () => {
  const forged: readonly (readonly [what: string, forge: (asked: Asked, server: FakeNameServer) => Uint8Array])[] = [
    ["another id", (asked, server) => server.reply({ ...asked, id: asked.id ^ 1 }, [a("203.0.113.66")])],
    [
      "another name",
      (asked, server) => server.reply({ ...asked, question: { type: "A", name: "b.example" } }, [a("203.0.113.66")]),
    ],
    [
      "another type",
      (asked, server) => server.reply({ ...asked, question: { type: "AAAA", name: "a.example" } }, [a("203.0.113.66")]),
    ],
    ["no question", (asked, server) => server.reply(asked, [a("203.0.113.66", "a.example")], { questions: [] })],
    ["a question of its own", (asked, server) => server.reply(asked, [a("203.0.113.66")], { type: "query" })],
    ["three octets", () => Uint8Array.of(1, 2, 3)],
  ];
  for (const [what, forge] of forged) {
    it(what, async (test) => {
      const { servers, find } = await open(test);
      const server = the(servers[0]);
      server.zone.set("A a.example", (asked: Asked) => [forge(asked, server), server.reply(asked, [a("192.0.2.1")])]);
      assert.deepEqual(octetsOf(await find("a.example")), [[192, 0, 2, 1]]);
    });
  }

  it("a reply with the right number from the wrong place", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    const stranger = createSocket("udp4");
    stranger.bind(0, "127.0.0.1");
    await once(stranger, "listening");
    test.after(() => void stranger.close());
    const sent = Promise.withResolvers<void>();
    server.zone.set("A a.example", (asked: Asked) => {
      // The right answer goes out once that of the stranger is on its way.
      const octets = server.reply(asked, [a("203.0.113.66")]);
      stranger.send(octets, asked.port, "127.0.0.1", () => {
        server.send(server.reply(asked, [a("192.0.2.1")]), asked.port);
        sent.resolve();
      });
      return [];
    });
    const looked = find("a.example");
    await sent.promise;
    assert.deepEqual(octetsOf(await looked), [[192, 0, 2, 1]]);
  });
});

describe("Lookup takes what cannot be read for trouble, never for an answer", () => {
  const rcodes = ["SERVFAIL", "REFUSED", "NOTIMP", "FORMERR"] as const;
  for (const code of rcodes) {
    it(code, async (test) => {
      const { servers, find } = await open(test);
      the(servers[0]).zone.set("MX a.example", code);
      assert.equal((await find("a.example", "MX")).kind, "trouble");
    });
  }

  it("a record that is cut off", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.zone.set("A a.example", (asked: Asked) => [server.reply(asked, [a("192.0.2.1")]).subarray(0, -1)]);
    assert.deepEqual(await find("a.example"), { kind: "trouble", reason: "the answer cannot be read" });
  });

  it("a server that is not there", async (test) => {
    const { servers, find } = await open(test);
    await the(servers[0]).stop();
    assert.deepEqual(await find("a.example"), {
      kind: "trouble",
      reason: "no name server can be reached",
    });
  });

  const names = [
    "",
    ".",
    "a..b",
    "x".repeat(64),
    "a.".repeat(127) + "aaa",
    "two words",
    "b\u00fccher.example",
    "a\\.b",
  ];
  for (const name of names) {
    it(`the name ${JSON.stringify(name.slice(0, 20))}, without asking`, async (test) => {
      const { servers, find } = await open(test);
      assert.deepEqual(await find(name), { kind: "trouble", reason: "it is no name that can be asked for" });
      assert.deepEqual(the(servers[0]).asked, []);
    });
  }
});

describe("Lookup with several servers", () => {
  it("asks the next one when one fails, and begins with the one that answered", async (test) => {
    const { servers, find } = await open(test, { servers: 2 });
    const [first, second] = [the(servers[0]), the(servers[1])];
    for (const name of ["a.example", "b.example"]) {
      first.zone.set(`A ${name}`, "SERVFAIL");
      second.zone.set(`A ${name}`, [a("192.0.2.1")]);
    }
    assert.deepEqual(octetsOf(await find("a.example")), [[192, 0, 2, 1]]);
    assert.deepEqual(octetsOf(await find("b.example")), [[192, 0, 2, 1]]);
    assert.deepEqual(first.asked, ["A a.example"]);
  });

  it("asks the next one when one is silent", async (test) => {
    const { servers } = await open(test, { servers: 2 });
    const [first, second] = [the(servers[0]), the(servers[1])];
    first.zone.set("A a.example", "silence");
    second.zone.set("A a.example", [a("192.0.2.1")]);
    const real = new Lookup({
      servers: () => Promise.resolve(servers.map(({ port }) => ({ host: "127.0.0.1", port, isBelieved: false }))),
      clock: systemClock,
      random: systemRandom(),
      socketsMax: 2,
      connectionsMax: 2,
    });
    test.after(() => real.close());
    assert.deepEqual(octetsOf(await real.find("a.example", "A", { timeoutMs: 300, tries: 3 })), [[192, 0, 2, 1]]);
  });

  it("says what was wrong where none has an answer", async (test) => {
    const { servers, find } = await open(test, { servers: 3 });
    for (const server of servers) server.zone.set("A a.example", "REFUSED");
    assert.deepEqual(await find("a.example"), {
      kind: "trouble",
      reason: "the name server refuses to answer (REFUSED)",
    });
    assert.deepEqual(
      servers.map(({ asked }) => asked.length),
      [1, 1, 1],
    );
  });
});

describe("Lookup and DNSSEC", () => {
  for (const [isBelieved, isAuthentic, isSecure] of [
    [true, true, true],
    [true, false, false],
    [false, true, false],
  ] as const) {
    it(`${isBelieved ? "a server that is believed" : "any other"} says ${isAuthentic ? "AD" : "nothing"}`, async (test) => {
      const { servers, find } = await open(test, { isBelieved });
      const server = the(servers[0]);
      server.isAuthentic = isAuthentic;
      server.zone.set("A a.example", [a("192.0.2.1")]);
      const looked = await find("a.example");
      assert.equal(looked.kind === "records" && looked.isSecure, isSecure);
      const [asked] = server.questions;
      assert.deepEqual(asked?.edns, { dnssecOk: isBelieved, udpPayloadOctets: 1_232 });
    });
  }

  it("one alias on the way that was not validated is enough", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.isAuthentic = true;
    server.zone.set("A a.example", (asked: Asked) => [server.reply(asked, [alias("b.example")], { flags: 0x80 })]);
    server.zone.set("A b.example", [a("192.0.2.1")]);
    const looked = await find("a.example");
    assert.equal(looked.kind === "records" && looked.isSecure, false);
  });

  it("a server from before EDNS is asked without it", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.isOld = true;
    server.zone.set("A a.example", [a("192.0.2.1")]);
    assert.deepEqual(octetsOf(await find("a.example")), [[192, 0, 2, 1]]);
    assert.deepEqual(
      server.questions.map(({ edns }) => edns === null),
      [false, true],
    );
  });
});

describe("Lookup is hard to guess (RFC 5452)", () => {
  it("ports and numbers are others each time", async (test) => {
    const { servers, find } = await open(test);
    const server = the(servers[0]);
    server.zone.set("A a.example", [a("192.0.2.1")]);
    for (let i = 0; i < 50; i++) await find("a.example");
    assert.ok(new Set(server.questions.map(({ port }) => port)).size > 40);
    assert.ok(new Set(server.questions.map(({ id }) => id)).size > 45);
  });

  it("and a crowd of questions shares a bounded number of ports", async (test) => {
    const { servers, find } = await open(test, { ports: 4 });
    const server = the(servers[0]);
    const names = Array.from({ length: 200 }, (_, i) => `a${i}.example`);
    for (const [i, name] of names.entries()) server.zone.set(`A ${name}`, [a(`10.0.${i >> 8}.${i & 255}`)]);
    const all = await Promise.all(names.map((name) => find(name)));
    for (const [i, looked] of all.entries()) assert.deepEqual(octetsOf(looked), [[10, 0, i >> 8, i & 255]]);
    assert.ok(new Set(server.questions.map(({ port }) => port)).size <= 4);
  });
});
