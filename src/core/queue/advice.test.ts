import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { reply, type Reply } from "../mail/reply.ts";
import { ADVICE, adviceOn, adviceOnOutcome, describeAdvice } from "./advice.ts";

function parseReply(line: string): Reply {
  const [, code = "", enhanced = "", text = ""] = /^(\d{3}) (?:([245]\.\d+\.\d+) )?(.*)$/.exec(line) ?? [];
  return reply(Number(code), enhanced, text);
}

const MX = "mx.example.net [192.0.2.1]:25";

/** Topic, server, and what such a server says: `-` where nobody said it but we. */
const REPLIES = readFileSync(new URL("../../../tests/golden/refusals.txt", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => {
    const [topic = "", server = "", words = ""] = line.split(" | ");
    return [topic, server === "-" ? "" : server, words] as const;
  });

describe("advice on refusals", () => {
  for (const [topic, server, words] of REPLIES) {
    it(`${words.slice(0, 70)} → ${topic}`, () => {
      assert.equal(adviceOn(parseReply(words), server)?.topic, topic);
    });
  }

  it("has a real reply for every row of the table, and every topic once", () => {
    const topics = ADVICE.map(({ advice }) => advice.topic);
    assert.deepEqual([...new Set(topics)].sort(), [...topics].sort());
    assert.deepEqual([...new Set(REPLIES.map(([topic]) => topic))].sort(), [...topics].sort());
  });

  it("demands signs in small letters, and something of every sign", () => {
    for (const { advice, signs } of ADVICE) {
      for (const sign of signs) {
        for (const words of [...(sign.words ?? []), ...(sign.of ?? [])]) assert.equal(words, words.toLowerCase());
        assert.ok(sign.code ?? sign.status ?? sign.words, advice.topic);
      }
    }
  });

  it("says nothing about what was delivered, and nothing where it knows nothing", () => {
    assert.equal(adviceOn(reply(250, "2.0.0", "spam user unknown"), MX), null);
    assert.equal(adviceOn(reply(550, "5.9.9", "No"), MX), null);
    assert.equal(adviceOnOutcome({ kind: "delivered", reply: reply(250, "2.0.0", "ok"), server: MX }), null);
  });

  it("takes no address for a status code", () => {
    assert.equal(adviceOn(reply(550, "", "No mail from 5.7.30.1"), MX), null);
    assert.equal(adviceOn(reply(550, "", "No mail from 10.5.7.30"), MX), null);
    assert.equal(adviceOn(reply(550, "", "See 5.7.30."), MX)?.topic, "microsoft-basic-auth");
  });

  it("repeats nothing that a server said, whatever that is", () => {
    const ours = new Set(ADVICE.map(({ advice }) => describeAdvice(advice)));
    const pieces = fc.constantFrom(
      "5.7.30",
      "spam",
      "<b>",
      "\u001b[2J",
      "gsmtp",
      "5.7.1",
      "ADDSMTPLE",
      " ",
      "\r\n",
      "AADSTS",
    );
    const text = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.array(pieces).map((parts) => parts.join(" ")),
    );
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), text, text, (code, words, server) => {
        const advice = adviceOn(reply(code, "", words), server);
        return advice === null || ours.has(describeAdvice(advice));
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  it("looks at the beginning of an endless reply alone", () => {
    assert.equal(adviceOn(reply(550, "", "x".repeat(60_000), "5.7.30"), MX), null);
  });
});
