import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import type { Json } from "../../core/base/json.ts";
import { jsonBody, jsonPieces } from "./json-pieces.ts";

const whole = (value: Json): string => [...jsonPieces(value)].join("");

test("jsonPieces() writes what JSON.stringify() writes", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(JSON.parse(whole(value as Json)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("jsonPieces() cuts long texts and lists, pairs of surrogates too", () => {
  const text = `${"x".repeat(65_535)}\u{1f600}"\\\n${"ü".repeat(200_000)}`;
  const list = Array.from({ length: 10_000 }, (_, row) => ({ row, text: "of a list" }));
  const value = { text, list, none: [], nothing: {} };
  assert.deepEqual(JSON.parse(whole(value)), value);
  for (const piece of jsonPieces(value)) assert.ok(piece.length < 200_000);
});

test("jsonBody() is text where it is short and a stream where it is long", async () => {
  assert.equal(jsonBody({ ok: true, output: "" }), '{"ok":true,"output":""}');
  const value = Array.from({ length: 50_000 }, (_, row) => ({ row }));
  const body = jsonBody(value);
  assert.ok(body instanceof Readable);
  assert.deepEqual(JSON.parse((await body.toArray()).join("")), value);
});
