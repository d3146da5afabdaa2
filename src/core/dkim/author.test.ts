import assert from "node:assert/strict";
import { test } from "node:test";
import { authorDomain } from "./author.ts";

const table: readonly (readonly [string, readonly string[], string | null])[] = [
  ["an address", [" a@example.com"], "example.com"],
  ["with a name", [' "Doe, J" <a@Example.COM>'], "example.com"],
  ["folded, with a comment", ["\r\n\t(me)\r\n a@example.com"], "example.com"],
  ["a U-label", [Buffer.from(" <a@bücher.example>").toString("latin1")], "xn--bcher-kva.example"],
  ["two authors of one domain", [" a@example.com, B <b@example.com>"], "example.com"],
  ["two authors of two domains", [" a@example.com, b@example.net"], null],
  ["two fields", [" a@example.com", " a@example.com"], null],
  ["none", [], null],
  ["an address literal", [" a@[192.0.2.1]"], null],
  ["no address", [" somebody"], null],
  ["two addresses in one", [" <a@example.net> <a@example.com>"], null],
  ["an empty one", [" <>"], null],
  ["what looks like an address in a name", [' "a@example.com" <b@example.net>'], "example.net"],
];
for (const [name, values, expected] of table) {
  test(`the author's domain: ${name}`, () => {
    assert.equal(authorDomain(values.map((value) => ({ name: "from", value }))), expected);
  });
}
