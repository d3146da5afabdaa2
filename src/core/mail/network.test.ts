import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { formatIpAddress, ipv4, parseIpAddress, type IpAddress } from "./ip.ts";
import {
  addressCount,
  contains,
  covers,
  formatMask,
  formatNetwork,
  lastAddress,
  networkOf,
  parseCidr,
  parseMask,
  parseMaskedNetwork,
  sameNetwork,
  type Network,
} from "./network.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });
const anyNetwork: fc.Arbitrary<Network> = fc.oneof(
  fc.tuple(word, fc.integer({ min: 0, max: 32 })).map(([bits, prefix]) => networkOf(ipv4(bits), prefix)),
  fc
    .tuple(word, word, word, word, fc.integer({ min: 0, max: 128 }))
    .map(([a, b, c, d, prefix]) =>
      networkOf({ family: 6, words: [a | 0x20000000, b, c, d].map((w) => w >>> 0) as never }, prefix),
    ),
);

/** An address as a number. */
function number(address: IpAddress): bigint {
  const words: readonly number[] = address.family === 4 ? [address.bits] : address.words;
  return words.reduce((sum, each) => (sum << 32n) | BigInt(each), 0n);
}

function network(text: string): Network {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

suite("networks", () => {
  test("formatNetwork() and parseCidr() are each other's inverse", () => {
    fc.assert(
      fc.property(anyNetwork, (made) => {
        const parsed = parseCidr(formatNetwork(made));
        assert.ok(parsed.ok && sameNetwork(parsed.value, made));
      }),
    );
  });

  test("contains() is between the first and the last address; host bits count for nothing", () => {
    fc.assert(
      fc.property(anyNetwork, word, word, (made, x, y) => {
        const base = made.base;
        const near: IpAddress =
          base.family === 4
            ? ipv4(base.bits ^ (x & y & x))
            : { family: 6, words: [base.words[0], base.words[1], (base.words[2] ^ (x & y)) >>> 0, y] };
        const inside = number(near) >= number(base) && number(near) <= number(lastAddress(made));
        assert.equal(contains(made, near), inside);
        assert.equal(number(lastAddress(made)) - number(base) + 1n, addressCount(made));
        const narrower = networkOf(near, base.family === 4 ? 32 : 128);
        assert.equal(covers(made, narrower), inside);
      }),
      { numRuns: 2_000 },
    );
  });

  test("masks /1 to /9 and addresses from 128.0.0.0 on are no negative numbers", () => {
    for (let prefix = 0; prefix <= 32; prefix++) {
      const made = networkOf(ipv4(0xffffffff), prefix);
      assert.deepEqual(parseMask(formatMask(prefix)), { ok: true, value: prefix });
      assert.ok(contains(made, ipv4(0xffffffff)));
      assert.equal(contains(made, ipv4(0x7fffffff)), prefix === 0);
      assert.equal(formatIpAddress(lastAddress(made)), "255.255.255.255");
    }
  });

  test("families do not meet; mapped networks are IPv4", () => {
    assert.equal(contains(network("::/0"), ipv4(0x0a000001)), false);
    assert.equal(contains(network("0.0.0.0/0"), { family: 6, words: [0, 0, 0, 0x0a000001] }), false);
    assert.equal(formatNetwork(network("::ffff:10.0.0.0/104")), "10.0.0.0/8");
    assert.equal(formatNetwork(network("::ffff:0:0/96")), "0.0.0.0/0");
    assert.equal(formatNetwork(network("::ffff:10.0.0.1")), "10.0.0.1/32");
  });

  test("parseMaskedNetwork() drops host bits as on IBM i", () => {
    for (const [address, mask, expected] of [
      ["66.12.223.1", "255.255.255.0", "66.12.223.0/24"],
      ["1.2.3.4", "255.255.0.0", "1.2.0.0/16"],
      ["1.2.3.4", "255.255.255.255", "1.2.3.4/32"],
      ["1.2.3.4", "0.0.0.0", "0.0.0.0/0"],
      ["200.1.1.1", "128.0.0.0", "128.0.0.0/1"],
    ] as const) {
      const parsed = parseMaskedNetwork(address, mask);
      assert.ok(parsed.ok);
      assert.equal(formatNetwork(parsed.value), expected);
    }
  });

  test("faults name the mask that was probably meant", () => {
    const cases: [address: string, mask: string, fault: object][] = [
      ["10.0.0.0", "255.0.255.0", { kind: "mask-not-contiguous" }],
      ["10.0.0.0", "0.0.0.255", { kind: "mask-inverted", meant: "255.255.255.0" }],
      ["10.0.0.0", "0.255.255.255", { kind: "mask-inverted", meant: "255.0.0.0" }],
      ["10.0.0.0", "255.255.255.256", { kind: "mask", fault: "octet-out-of-range" }],
      ["10.0.0.0", "24", { kind: "mask", fault: "too-few-octets" }],
      ["0127.0.0.1", "255.0.0.0", { kind: "address", fault: "leading-zero" }],
      ["2001:db8::", "255.0.0.0", { kind: "mask-for-ipv6" }],
    ];
    for (const [address, mask, fault] of cases) {
      const parsed = parseMaskedNetwork(address, mask);
      assert.ok(!parsed.ok, `${address} ${mask}`);
      const meant = "meant" in parsed.error ? parsed.error.meant : "";
      assert.deepEqual({ meant, ...parsed.error, ...fault }, { meant, ...parsed.error }, `${address} ${mask}`);
      if (meant !== "") assert.ok(parseMask(meant).ok, `${meant} is a mask itself`);
    }
    for (const text of [
      "10.0.0.0/33",
      "::/129",
      "10.0.0.0/08",
      "10.0.0.0/",
      "10.0.0.0/-1",
      "10.0.0.0/8/8",
      "::ffff:10.0.0.0/95",
    ]) {
      const parsed = parseCidr(text);
      assert.ok(!parsed.ok && parsed.error.kind === "prefix-out-of-range", text);
    }
    assert.ok(parseIpAddress("10.0.0.0").ok);
  });
});
