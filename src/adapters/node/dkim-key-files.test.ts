import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Domain } from "../../core/mail/domain.ts";
import type { StoredDkimKey } from "../../flows/signing-ports.ts";
import { createDkimKeyFiles } from "./dkim-key-files.ts";

const directory = await mkdtemp(join(tmpdir(), "relaykeeper-dkim-"));
after(() => rm(directory, { recursive: true }));
const files = createDkimKeyFiles(directory);

function key(selector: string, state: StoredDkimKey["state"] = "pending"): StoredDkimKey {
  return {
    domain: "example.com" as Domain,
    selector,
    algorithm: "rsa-sha256",
    publicKey: "AAAA",
    state,
    subdomains: true,
    createdAt: 1,
    createdBy: "QSECOFR",
    sealedPrivateKey: "v1:BBBB",
  };
}

test("the keys of a directory: none, put, put again, removed", async () => {
  assert.deepEqual(await files.load(), { keys: [], faulty: [] });
  await files.put(key("a"));
  await files.put(key("b"));
  await files.put(key("a", "signing"));
  assert.deepEqual(await files.load(), { keys: [key("a", "signing"), key("b")], faulty: [] });
  await files.remove(key("b"));
  assert.deepEqual((await files.load()).keys, [key("a", "signing")]);
});

test("a file is its owner's alone", async () => {
  await files.put(key("a"));
  assert.equal((await stat(join(directory, "dkim"))).mode & 0o777, 0o700);
  assert.equal((await stat(join(directory, "dkim", "a._domainkey.example.com"))).mode & 0o777, 0o600);
});

test("what is no key is named and left alone; a write that was torn off counts for nothing", async () => {
  const folder = join(directory, "dkim");
  const sound = await readFile(join(folder, "a._domainkey.example.com"), "utf8");
  const faulty: Record<string, string> = {
    "b._domainkey.example.com": sound.slice(0, 40),
    "c._domainkey.example.com": sound.replace("signing", "sleeping").replace("pending", "sleeping"),
    "d._domainkey.example.com": sound.replace('"version": 1', '"version": 2'),
    "e._domainkey.example.com": " ".repeat(70_000),
    "f._domainkey.example.com": "null",
    "notes.txt": "mine",
  };
  for (const [name, text] of Object.entries(faulty)) await writeFile(join(folder, name), text);
  await writeFile(join(folder, ".new"), sound.slice(0, 40));
  const loaded = await files.load();
  assert.deepEqual(loaded.keys, [key("a")]);
  assert.deepEqual(
    loaded.faulty,
    Object.keys(faulty).map((name) => join(folder, name)),
  );
});
