import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Domain } from "../../core/mail/domain.ts";
import type { KeptStsPolicy } from "../../core/tls-policy/sts.ts";
import { createStsPolicyFiles } from "./sts-policy-files.ts";

function kept(domain: string, id = "1"): KeptStsPolicy {
  return { domain: domain as Domain, id, fetchedAt: 5, text: 'version: STSv1\nx: "\\' };
}

test("what is put is loaded; what is no policy is passed over", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-sts-"));
  t.after(() => rm(directory, { recursive: true }));
  const files = createStsPolicyFiles(directory);
  assert.deepEqual(await files.load(), []);
  await files.remove("a.example" as Domain);
  const long = `${"x".repeat(63)}.${"x".repeat(63)}.${"x".repeat(63)}.${"x".repeat(61)}`;
  for (const policy of [kept("a.example"), kept("a.example", "2"), kept("b.example"), kept(long)])
    await files.put(policy);
  await files.remove("b.example" as Domain);
  const folder = join(directory, "mta-sts");
  for (const [name, text] of [
    [".new", "half"],
    ["c.example", "no JSON"],
    ["d.example", JSON.stringify({ version: 1, ...kept("e.example") })],
    ["f.example", JSON.stringify({ version: 2, ...kept("f.example") })],
    ["G.example", JSON.stringify({ version: 1, ...kept("G.example") })],
    ["h.example", JSON.stringify({ version: 1, ...kept("h.example"), fetchedAt: "5" })],
    ["i.example", " ".repeat(600_000)],
  ] as const)
    await writeFile(join(folder, name), text);
  const loaded = [...(await files.load())].sort((a, b) => (a.domain < b.domain ? -1 : 1));
  assert.deepEqual(loaded, [kept("a.example", "2"), kept(long)]);
  assert.equal((await stat(join(folder, "a.example"))).mode & 0o777, 0o600);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await readdir(folder)).includes("b.example"), false);
});
