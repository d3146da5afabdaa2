import assert from "node:assert/strict";
import { decode } from "dns-packet";
import {
  idOf,
  readReply,
  textOf,
  type DnsRecord,
  type QuestionType,
  type Reply,
} from "../../../src/adapters/dns/packet.ts";
import { assertPlain, type PlantedBug, type Target } from "../target.ts";

// What the corpus answers: `a.example`, asked for with the number 0x1234.
const ID = 0x1234;
const NAME = "a.example";
const TYPES: readonly QuestionType[] = ["A", "AAAA", "MX", "TXT", "TLSA"];
/** A name of 255 octets, each written `\ddd`. */
const NAME_CHARACTERS_MAX = 4 * 255;

type Read = typeof readReply;

function dnsTarget(read: Read): Target {
  return {
    name: "dns",
    corpus: "dns",
    words: [
      ...[
        "\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0",
        "\x01a\x07example\0",
        "\xc0\x0c",
        "\xc0\x10",
        "\xff\xff",
        "\0\x01",
        "\0\x05",
      ],
      ...[
        "\0\x0f\0\x01",
        "\0\x10\0\x01",
        "\0\x06\0\x01",
        "\0\x34\0\x01",
        "\0\x29\x04\xd0",
        "\0\x04\xc0\0\x02\x01",
        "\x40",
        "\x80",
      ],
    ],
    check(input) {
      for (const type of TYPES) {
        const octets = Buffer.from(input);
        const reply = read(octets, ID, { name: NAME, type });
        if (typeof reply === "string") continue;
        assert.equal(idOf(input), ID);
        for (const record of reply.answers) checkRecord(record, type);
        for (const record of reply.authorities) assert.equal(record.data.type, "SOA");
        const before = structuredClone(reply);
        octets.fill(0);
        assert.deepEqual(reply, before, "nothing of the packet is kept");
        const longer = read(Buffer.concat([input, Buffer.alloc(64, 0xc0)]), ID, { name: NAME, type });
        assert.deepEqual(longer, before, "nothing beyond what the header counts is read");
      }
    },
    work(input) {
      for (const type of TYPES) read(input, ID, { name: NAME, type });
    },
  };
}

function checkRecord({ owner, ttlSeconds, data }: DnsRecord, type: QuestionType): void {
  assertPlain(owner, NAME_CHARACTERS_MAX);
  assert.ok(ttlSeconds >= 0 && ttlSeconds < 2 ** 31);
  assert.ok(data.type === type || data.type === "CNAME");
  switch (data.type) {
    case "CNAME":
      return assertPlain(data.target, NAME_CHARACTERS_MAX);
    case "MX":
      return assertPlain(data.exchange, NAME_CHARACTERS_MAX);
    case "A":
    case "AAAA":
      return assert.equal(data.octets.length, data.type === "A" ? 4 : 16);
    case "TXT":
      return assert.ok((textOf(data.octets)?.length ?? Infinity) < data.octets.length);
    case "TLSA":
      return assert.ok(data.octets.length > 3);
  }
}

export const dnsTargets: readonly Target[] = [dnsTarget(readReply)];

// --- mistakes ---------------------------------------------------------------------------------------------------------

/** The reader of a package, which looks less closely at lengths. */
function readByPackage(
  octets: Uint8Array,
  id: number,
  question: { readonly name: string; readonly type: QuestionType },
) {
  const reply = readReply(octets, id, question);
  try {
    const { answers = [] } = decode(Buffer.from(octets));
    const tlsa = answers.filter(({ type }) => type === "TLSA" && question.type === "TLSA");
    if (tlsa.length === 0 || reply === "other") return reply;
    return {
      ...(reply === "malformed" ? EMPTY : reply),
      answers: tlsa.map(({ name, ttl = 0, data }) => {
        const { certificate } = data as { readonly certificate: Uint8Array };
        const copy = Uint8Array.from([3, 1, 1, ...certificate]);
        return {
          owner: name.toLowerCase(),
          ttlSeconds: ttl & 0x7fff_ffff,
          data: { type: "TLSA" as const, octets: copy },
        };
      }),
    };
  } catch {
    return reply;
  }
}

const EMPTY: Reply = {
  code: 0,
  isTruncated: false,
  isCompetent: true,
  isAuthentic: false,
  answers: [],
  authorities: [],
};

/** Gives a part of the packet away, which costs nothing and keeps all of it. */
function readViews(octets: Uint8Array, id: number, question: { readonly name: string; readonly type: QuestionType }) {
  const reply = readReply(octets, id, question);
  if (typeof reply === "string") return reply;
  const answers = reply.answers.map((record) =>
    record.data.type === "A" ? { ...record, data: { ...record.data, octets: octets.subarray(-4) } } : record,
  );
  return { ...reply, answers };
}

export const dnsBugs: readonly PlantedBug[] = [
  { what: "a record reaches beyond the packet", target: dnsTarget(readByPackage) },
  { what: "records are views of the packet", target: dnsTarget(readViews) },
  {
    what: "any number will do",
    target: dnsTarget((octets, _id, question) => readReply(octets, idOf(octets) ?? 0, question)),
  },
];
