import assert from "node:assert/strict";
import { z } from "zod";
import { readMessage } from "../../../src/adapters/control/message-format.ts";
import { jsonPieces } from "../../../src/adapters/control/json-pieces.ts";
import { readAs } from "../../../src/adapters/control/routes.ts";
import type { Json } from "../../../src/core/base/json.ts";
import { printableJson } from "../../../src/core/base/printable.ts";
import { assertPlain, utf8, type PlantedBug, type Target } from "../target.ts";

// The control socket: bodies in JSON, a message with its envelope, answers in JSON.

const body = z.strictObject({ name: z.string().max(20), all: z.literal(true).optional() });

function controlTarget(write: (value: Json) => string): Target {
  return {
    name: "control",
    corpus: "control",
    words: [
      ...[
        '{"',
        '"}',
        '":"',
        '":',
        ",",
        "[",
        "]",
        "{",
        "}",
        "null",
        "true",
        "1e999",
        "-0",
        '"__proto__":',
        '"constructor":',
      ],
      ...['"from":', '"to":[', '"name":"x"', "\\u0000", "\\ud800", "\\u202e", "\n", "\r\n", "\u2028", "\x7f"],
    ],
    check(input) {
      const read = readMessage(Buffer.from(input));
      if (!read.ok) assertPlain(read.error, 2_000);
      const value = jsonOf(utf8(input));
      if (value === undefined) return;
      const given = readAs(body, value);
      if (given.ok)
        assert.deepEqual(
          Object.keys(given.value).filter((key) => key !== "name" && key !== "all"),
          [],
        );
      assert.equal(({} as { admin?: unknown }).admin, undefined, "nothing of a body becomes everybody's");
      assert.deepEqual(JSON.parse(write(value)), JSON.parse(JSON.stringify(value)));
      assert.deepEqual(JSON.parse(printableJson(value)), JSON.parse(JSON.stringify(value)));
      assertPlain(printableJson(value), Infinity);
    },
    work(input) {
      readMessage(Buffer.from(input));
      write(utf8(input));
    },
  };
}

function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

export const controlTargets: readonly Target[] = [controlTarget((value) => [...jsonPieces(value)].join(""))];

export const controlBugs: readonly PlantedBug[] = [
  {
    what: "names of members are written as they are",
    target: controlTarget((value) => [...jsonPieces(value)].join("").replaceAll('\\"', '"')),
  },
];
