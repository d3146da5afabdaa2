import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decode, encode } from "dns-packet";
import fc from "fast-check";
import { formatQuestion, nameOctets, readReply, textOf, type DnsRecord, type QuestionType } from "./packet.ts";

const ID = 0x1234;
const NAME = "a.example";

/** A reply to a question for `a.example`, with the octets of its answers written by hand: they begin at octet 27. */
function packet(type: number, count: number, answers: string, additional = ""): Uint8Array {
  const counts = `0001${hex16(count)}0000${additional === "" ? "0000" : "0001"}`;
  return Buffer.from(`12348180${counts}0161076578616d706c6500${hex16(type)}0001${answers}${additional}`, "hex");
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, "0");
}

function read(octets: Uint8Array, type: QuestionType = "MX"): DnsRecord[] | "other" | "malformed" {
  const reply = readReply(octets, ID, { name: NAME, type });
  return typeof reply === "string" ? reply : [...reply.answers];
}

const MX = "000f00010000012c";

describe("readReply()", () => {
  it("follows pointers that lead back (RFC 1035 §4.1.4)", () => {
    const two = `c00c${MX}0008000a036d7831c00c` + `c00c${MX}0004000bc029`;
    assert.deepEqual(
      (read(packet(15, 2, two)) as DnsRecord[]).map(({ owner, data }) => [owner, data]),
      [
        [NAME, { type: "MX", preference: 10, exchange: "mx1.a.example" }],
        [NAME, { type: "MX", preference: 11, exchange: "mx1.a.example" }],
      ],
    );
  });

  const malformed: readonly (readonly [what: string, octets: Uint8Array])[] = [
    ["a pointer to itself", packet(15, 1, `c01b${MX}0004000ac00c`)],
    ["a pointer ahead", packet(15, 1, `c00c${MX}0004000ac0ff`)],
    ["two pointers that lead to each other", packet(15, 2, `c00c${MX}0004000ac037c00c${MX}0004000ac029`)],
    ["a label of a kind that is not in use", packet(15, 1, `40${MX}0004000ac00c`)],
    ["a name of more than 255 octets", packet(15, 1, `${`3f${"61".repeat(63)}`.repeat(4)}c00c${MX}0004000ac00c`)],
    ["a record that ends before its name does", packet(15, 1, `c00c${MX}0003000ac00c`)],
    ["a record that goes on after its name", packet(15, 1, `c00c${MX}0005000ac00c00`)],
    ["a record beyond the end", packet(15, 1, `c00c${MX}0008000ac00c`)],
    ["fewer records than were said", packet(15, 2, `c00c${MX}0004000ac00c`)],
    ["more records than any packet holds", packet(15, 65_535, `c00c${MX}0004000ac00c`)],
    ["no answer at all where one was said", packet(15, 1, "")],
  ];
  for (const [what, octets] of malformed) it(`refuses ${what}`, () => assert.equal(read(octets), "malformed"));

  const unsound: readonly (readonly [type: QuestionType, number: number, rdata: string])[] = [
    ["A", 1, "c00002"],
    ["A", 1, "c000020101"],
    ["AAAA", 28, "c0000201"],
    ["TLSA", 52, "030101"],
    ["TXT", 16, ""],
    ["TXT", 16, "0561"],
  ];
  for (const [type, number, rdata] of unsound) {
    it(`refuses ${type} with the octets "${rdata}"`, () => {
      const octets = packet(number, 1, `c00c${hex16(number)}00010000012c${hex16(rdata.length / 2)}${rdata}`);
      assert.equal(read(octets, type), "malformed");
    });
  }

  it("tells a dot in a label from a dot between labels", () => {
    const answers = packet(15, 1, `c00c${MX}000a000a05612e620a5cc00c`);
    const records = read(answers) as DnsRecord[];
    assert.notEqual(records, "malformed");
    assert.deepEqual(records[0]?.data, { type: "MX", preference: 10, exchange: "a\\046b\\010\\092.a.example" });
  });

  it("takes a TTL with its highest bit set for none (RFC 2181 §8)", () => {
    const [record] = read(packet(15, 1, `c00c000f0001ffffffff0004000ac00c`)) as DnsRecord[];
    assert.equal(record?.ttlSeconds, 0);
  });

  it("passes over records of other types and classes", () => {
    const others = `c00c0001000100000000 0004c0000201 c00c000f000300000000 0004000ac00c`.replaceAll(" ", "");
    assert.deepEqual(read(packet(15, 2, others)), []);
  });

  it("adds the upper bits of the code, of EDNS (RFC 6891 §6.1.3)", () => {
    const badVersion = packet(15, 0, "", "0000291000010000000000");
    const reply = readReply(badVersion, ID, { name: NAME, type: "MX" });
    assert.equal(typeof reply === "string" ? reply : reply.code, 16);
  });

  it("reads an octet a bounded number of times, though every name leads through all the others", () => {
    // Pointers, each to the one before, in a record of an unknown type; then records whose name is the last of them.
    const chained = (links: number): Uint8Array => {
      const chain = Array.from({ length: links }, (_, i) => hex16(0xc000 + (i === 0 ? 12 : 38 + 2 * (i - 1)))).join("");
      const last = hex16(0xc000 + 38 + 2 * (links - 1));
      const head = `00fffe000100000000${hex16(2 * links)}`;
      return packet(15, 201, head + chain + `${last}fffe0001000000000000`.repeat(200));
    };
    for (const links of [1, 15, 4_000]) assert.ok(readsPerOctet(chained(links), (octets) => void read(octets)) < 10);
    // What must be found: a reader that follows pointers as often as they lead on.
    assert.ok(readsPerOctet(chained(4_000), (octets) => void decode(octets as Buffer)) > 50);
  });

  it("reads what another implementation writes", () => {
    fc.assert(
      fc.property(anyReply, ({ type, answers }) => {
        const octets = encode({ type: "response", id: ID, flags: 0x180, questions: [{ type, name: NAME }], answers });
        const records = read(octets, type) as DnsRecord[];
        assert.notEqual(records, "malformed");
        assert.deepEqual(
          records.map(({ owner, ttlSeconds, data }) => [owner, ttlSeconds, plain(data)]),
          answers.map(({ name, ttl, data, type: of }) => [name, ttl, plainOf(of, data)]),
        );
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

function readsPerOctet(octets: Uint8Array, task: (octets: Uint8Array) => void): number {
  let reads = 0;
  const counting = new Proxy(octets, {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) reads++;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  task(counting);
  return reads / octets.length;
}

const anyLabel = fc.stringMatching(/^[a-z0-9_]([a-z0-9-]{0,20}[a-z0-9])?$/);
const anyName = fc.array(anyLabel, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
const anyOctets = fc.uint8Array({ minLength: 1, maxLength: 255 }).map((octets) => Buffer.from(octets));
const DATA = {
  A: fc.ipV4(),
  MX: fc.record({ preference: fc.nat(65_535), exchange: anyName }),
  TXT: fc.array(anyOctets, { minLength: 1, maxLength: 5 }),
  TLSA: fc.record({
    usage: fc.nat(255),
    selector: fc.nat(255),
    matchingType: fc.nat(255),
    certificate: anyOctets,
  }),
};
const anyReply = fc.constantFrom("A", "MX", "TXT", "TLSA").chain((type) =>
  fc.record({
    type: fc.constant(type),
    answers: fc.array(
      fc.record({
        name: anyName,
        type: fc.constant(type),
        ttl: fc.nat(2 ** 31 - 1),
        data: DATA[type] as fc.Arbitrary<unknown>,
      }),
      { maxLength: 8 },
    ),
  }),
);

/** Data of a record in one form, whoever wrote it. */
function plain(data: DnsRecord["data"]): unknown {
  if (data.type === "MX") return { preference: data.preference, exchange: data.exchange };
  if (data.type === "TXT") return textOf(data.octets);
  return "octets" in data ? Buffer.from(data.octets).toString("hex") : data;
}

function plainOf(type: string, data: unknown): unknown {
  if (type === "A") return Buffer.from((data as string).split(".").map(Number)).toString("hex");
  if (type === "TXT") return Buffer.concat(data as Buffer[]).toString("latin1");
  if (type === "MX") return { ...(data as object) };
  const { usage, selector, matchingType, certificate } = data as Record<string, number> & { certificate: Buffer };
  return Buffer.from([usage ?? 0, selector ?? 0, matchingType ?? 0, ...certificate]).toString("hex");
}

describe("formatQuestion()", () => {
  it("is read as it was meant by another implementation", () => {
    for (const edns of [true, false]) {
      const octets = formatQuestion({ name: "_25._tcp.mx.example", type: "TLSA" }, 7, { edns, validated: true });
      const { id, flags = 0, questions, additionals = [] } = decode(Buffer.from(octets));
      assert.equal(id, 7);
      assert.deepEqual(
        questions?.map(({ type, name }) => [type, name]),
        [["TLSA", "_25._tcp.mx.example"]],
      );
      assert.equal(flags & 0x120, 0x120, "RD and AD");
      assert.deepEqual(
        additionals.map(({ type, udpPayloadSize, flag_do: dnssecOk }) => [type, udpPayloadSize, dnssecOk]),
        edns ? [["OPT", 1_232, true]] : [],
      );
    }
  });

  it("takes names of 253 octets and labels of 63, and no longer ones", () => {
    const longest = [..."abc"].map((letter) => letter.repeat(63)).join(".") + "." + "d".repeat(61);
    assert.equal(nameOctets(longest)?.length, 255);
    assert.equal(nameOctets(`${longest}d`), null);
    assert.equal(nameOctets("d".repeat(64)), null);
  });
});
