import assert from "node:assert/strict";
import test from "node:test";
import { SCRAM_ITERATIONS } from "../../src/flows/credentials.ts";
import { connectTo, open } from "../dialogs/scene.ts";

// What a guesser learns of names from words; guessing.test.ts has the time that answers take.

const plain = (user: string): string => `AUTH PLAIN ${Buffer.from(`\0${user}\0wrong`).toString("base64")}`;

async function guessed(t: test.TestContext): Promise<{ ask: (line: string) => Promise<string> }> {
  const limits = { authFailuresPerSession: 1_000, errorsPerSession: 1_000, authDelayMaxMs: 0 };
  const world = await open(t, { listener: { auth: "always" }, limits, users: [["known", "secret"]] });
  const client = await connectTo(world);
  await client.reply();
  await client.ask("EHLO client.example");
  return { ask: async (line) => await client.ask(line) };
}

test("names that are and are not there hear the same words", async (t) => {
  const { ask } = await guessed(t);
  const heard = new Set<string>();
  for (const name of ["known", "nobody", "KNOWN", "known ", "kn\u00adown", "root", "a".repeat(255)])
    heard.add(await ask(plain(name)));
  assert.equal(heard.size, 1, [...heard].join("\n"));
  const challenges = new Set<string>();
  for (const name of ["known", "nobody"]) {
    challenges.add(await ask("AUTH LOGIN"));
    challenges.add(await ask(Buffer.from(name).toString("base64")));
    heard.add(await ask(Buffer.from("wrong").toString("base64")));
  }
  assert.equal(heard.size, 1);
  assert.equal(challenges.size, 2, "Username: and Password:");
});

const SCRAM_FIRST = /^334 (\S+)$/;

test("SCRAM shows every name a salt of its own, the same at each call, and the same rounds", async (t) => {
  const { ask } = await guessed(t);
  const salts = new Map<string, string>();
  for (const name of ["known", "nobody", "somebody", "known", "nobody"]) {
    const first = Buffer.from(`n,,n=${name},r=abcdefghijkl`).toString("base64");
    const challenge = SCRAM_FIRST.exec(await ask(`AUTH SCRAM-SHA-256 ${first}`))?.[1] ?? "";
    const [, salt, rounds] = /,s=([^,]+),i=(\d+)$/.exec(Buffer.from(challenge, "base64").toString()) ?? [];
    assert.equal(Number(rounds), SCRAM_ITERATIONS);
    assert.equal(salts.get(name) ?? salt, salt);
    salts.set(name, salt ?? "");
    await ask("*");
  }
  assert.equal(new Set(salts.values()).size, 3);
});
