import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  formatAddressLiteral,
  formatIpAddress,
  ipv4,
  parseIpAddress,
  parseIpv4,
  sameAddress,
  type IpAddress,
} from "./ip.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });
const anyAddress: fc.Arbitrary<IpAddress> = fc.oneof(
  word.map(ipv4),
  fc
    .tuple(word, word, word, word)
    .filter(([a, b, c]) => !(a === 0 && b === 0 && c === 0xffff))
    .map((words) => ({ family: 6, words }) as const),
  // Runs of zeros, which the short form is about.
  fc
    .array(fc.constantFrom(0, 0, 0, 1, 0xffff, 0xabc), { minLength: 8, maxLength: 8 })
    .map((g) => [0, 2, 4, 6].map((i) => ((g[i] ?? 0) * 0x10000 + (g[i + 1] ?? 0)) >>> 0))
    .filter(([a, b, c]) => !(a === 0 && b === 0 && c === 0xffff))
    .map(([a = 0, b = 0, c = 0, d = 0]) => ({ family: 6, words: [a, b, c, d] }) as const),
);

suite("parseIpAddress() and formatIpAddress()", () => {
  test("are each other's inverse", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const parsed = parseIpAddress(formatIpAddress(address));
        assert.ok(parsed.ok && sameAddress(parsed.value, address));
        assert.deepEqual(parsed.value, address);
      }),
      { numRuns: 2_000 },
    );
  });

  test("normalise: mapped is IPv4, zone ids go, the short form is that of RFC 5952", () => {
    const cases: [text: string, formatted: string][] = [
      ["10.0.0.1", "10.0.0.1"],
      ["255.255.255.255", "255.255.255.255"],
      ["0.0.0.0", "0.0.0.0"],
      ["::ffff:10.0.0.1", "10.0.0.1"],
      ["::FFFF:0a00:0001", "10.0.0.1"],
      ["0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"],
      ["::10.0.0.1", "::a00:1"],
      ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
      ["fe80::1%eth0", "fe80::1"],
      ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
      ["::", "::"],
      ["0001::", "1::"],
    ];
    for (const [text, formatted] of cases) {
      const parsed = parseIpAddress(text);
      assert.ok(parsed.ok, text);
      assert.equal(formatIpAddress(parsed.value), formatted, text);
    }
  });

  test("refuse what others read as something else, each with its fault", () => {
    const cases: [text: string, fault: string][] = [
      ["010.1.1.1", "leading-zero"],
      ["1.2.3.04", "leading-zero"],
      ["00.0.0.0", "leading-zero"],
      ["10.0.0.256", "octet-out-of-range"],
      ["127.1", "too-few-octets"],
      ["2130706433", "octet-out-of-range"],
      ["0x7f.0.0.1", "not-an-address"],
      ["1.2.3.4.5", "not-an-address"],
      ["1.2.3.4.", "not-an-address"],
      [".1.2.3.4", "not-an-address"],
      ["1..2.3", "not-an-address"],
      ["", "not-an-address"],
      [" 1.2.3.4", "not-an-address"],
      ["1.2.3.4 ", "not-an-address"],
      ["+1.2.3.4", "not-an-address"],
      ["1.2.3.4%eth0", "not-an-address"],
      ["１.2.3.4", "not-an-address"],
      [":::", "not-an-address"],
      ["1::2::3", "not-an-address"],
      ["1:2:3:4:5:6:7", "not-an-address"],
      ["1:2:3:4:5:6:7:8:9", "not-an-address"],
      ["1:2:3:4:5:6:7:8::", "not-an-address"],
      [":1:2:3:4:5:6:7:8", "not-an-address"],
      ["12345::", "not-an-address"],
      ["g::", "not-an-address"],
      ["::ffff:10.0.0.256", "not-an-address"],
      ["::ffff:010.0.0.1", "not-an-address"],
      ["10.0.0.1::", "not-an-address"],
      ["[::1]", "not-an-address"],
      ["::1/128", "not-an-address"],
      ["1".repeat(100_000), "not-an-address"],
      [":".repeat(100_000), "not-an-address"],
    ];
    for (const [text, fault] of cases) {
      const parsed = parseIpAddress(text);
      assert.deepEqual(parsed, { ok: false, error: fault }, text.slice(0, 50));
    }
  });

  test("never throw", () => {
    const hostile = fc.string({ unit: fc.constantFrom(..."0123456789abcdef:.%/[] "), maxLength: 60 });
    fc.assert(
      fc.property(hostile, (text) => {
        const parsed = parseIpAddress(text);
        if (parsed.ok && !text.includes("%")) assert.ok(parseIpAddress(formatIpAddress(parsed.value)).ok);
        parseIpv4(text);
      }),
      { numRuns: 2_000 },
    );
  });
});

test("formatAddressLiteral() is that of RFC 5321 §4.1.3", () => {
  assert.equal(formatAddressLiteral(ipv4(0xc0000201)), "[192.0.2.1]");
  assert.equal(formatAddressLiteral({ family: 6, words: [0x20010db8, 0, 0, 1] }), "[IPv6:2001:db8::1]");
});
