import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { formatIpAddress } from "../mail/ip.ts";
import { parseProxyHeader, PROXY_HEADER_OCTETS_MAX, type ProxyHeader } from "./proxy-protocol.ts";

const octets = (text: string): Uint8Array => Buffer.from(text, "latin1");
const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";

function shown(header: ProxyHeader): string {
  if (header.kind !== "header") return header.kind;
  const { client, local, length } = header;
  return `${length} ${client === null ? "-" : formatIpAddress(client)} ${local === null ? "-" : formatIpAddress(local)}`;
}

const V2_IPV4 = `${SIGNATURE}\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\0\x19`;
const V2_IPV6 = `${SIGNATURE}\x21\x21\0\x24${"\x20\x01\x0d\xb8".padEnd(15, "\0")}\x01${"\0".repeat(10)}\xff\xff\xc0\0\x02\x02\xdc\x04\0\x19`;

test("parseProxyHeader() reads v1 and v2", () => {
  const cases: [header: string, expected: string][] = [
    ["PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\nEHLO", "41 192.0.2.1 192.0.2.2"],
    ["PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n", "41 2001:db8::1 2001:db8::2"],
    ["PROXY TCP6 ::ffff:192.0.2.1 ::1 1 25\r\n", "38 192.0.2.1 ::1"],
    ["PROXY UNKNOWN\r\n", "15 - -"],
    ["PROXY UNKNOWN whatever\r\n", "24 - -"],
    ["", "more"],
    ["PROXY TCP4 192.0.2.1", "more"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r", "more"],
    ["EHLO client.example\r\n", "malformed"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\n", "malformed"],
    ["PROXY TCP4 192.0.2.01 192.0.2.2 56324 25\r\n", "malformed"],
    ["PROXY TCP4 2001:db8::1 192.0.2.2 1 25\r\n", "malformed"],
    ["PROXY TCP6 fe80::1%eth0 ::1 1 25\r\n", "malformed"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n", "malformed"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 1 25 x\r\n", "malformed"],
    ["PROXY TCP4  192.0.2.1 192.0.2.2 1 25\r\n", "malformed"],
    [`PROXY TCP4 ${"1".repeat(100)}`, "malformed"],
    [V2_IPV4, "28 192.0.2.1 192.0.2.2"],
    [`${V2_IPV4}EHLO`, "28 192.0.2.1 192.0.2.2"],
    [V2_IPV6, "52 2001:db8::1 192.0.2.2"],
    [V2_IPV4.slice(0, 20), "more"],
    [SIGNATURE, "more"],
    [`${SIGNATURE}\x20\0\0\0`, "16 - -"],
    [`${SIGNATURE}\x22\x11\0\x0c${"\0".repeat(12)}`, "malformed"],
    [`${SIGNATURE}\x11\x11\0\x0c${"\0".repeat(12)}`, "malformed"],
    [`${SIGNATURE}\x21\x31\0\x0c${"\0".repeat(12)}`, "malformed"],
    [`${SIGNATURE}\x21\0\0\0`, "malformed"],
    [`${SIGNATURE}\x21\x11\x10\0`, "malformed"],
  ];
  for (const [header, expected] of cases)
    assert.equal(shown(parseProxyHeader(octets(header))), expected, JSON.stringify(header));
});

test("parseProxyHeader() asks for more until the header is there, and says the same then", () => {
  for (const header of [V2_IPV4, V2_IPV6, "PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n"]) {
    const all = octets(header);
    for (let length = 0; length < all.length; length++)
      assert.equal(parseProxyHeader(all.subarray(0, length)).kind, "more", `${length} of ${JSON.stringify(header)}`);
    assert.equal(parseProxyHeader(all).kind, "header");
  }
});

test("parseProxyHeader() never throws nor waits for more than its limit", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("", "PROXY ", SIGNATURE),
      fc.uint8Array({ minLength: 0, maxLength: 700 }),
      (start, rest) => {
        const all = Buffer.concat([octets(start), rest]);
        const { kind } = parseProxyHeader(all);
        if (all.length >= PROXY_HEADER_OCTETS_MAX) assert.notEqual(kind, "more");
      },
    ),
  );
});
