import assert from "node:assert/strict";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import net from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { run } from "../peers/programs.ts";
import { makeRelayDirectory, Relay, relaykeeper, repository } from "../peers/relay.ts";

const main = join(repository, "src/main.ts");

/** Runs `serve` where it is expected to end by itself. */
async function serve(directory: string, env: Readonly<Record<string, string>> = {}) {
  const args = [main, "serve", "--config", join(directory, "relaykeeper.toml")];
  return await run(process.execPath, args, { cwd: directory, env, timeoutMs: 60_000 });
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} ends it cleanly: exit 0, no socket left, sessions told`, async () => {
    const relay = await Relay.start();
    using dialogue = await Dialogue.connect({ port: relay.port });
    assert.equal((await dialogue.answer()).code, 220);
    await dialogue.say("EHLO client.example");
    const farewell = dialogue.answer();
    assert.equal(await relay.terminate(signal), 0, relay.log);
    assert.ok([421, 0].includes((await farewell).code), "421, or closed");
    const left = await readdir(relay.dataDirectory);
    assert.ok(!left.includes("control.sock"), left.join(" "));
    assert.ok(!left.some((name) => name.endsWith("-wal")), `the logs of the database are folded in: ${left.join(" ")}`);
    await relay.stop();
  });
}

test("a second start on the same data directory is refused with the holder's pid", async () => {
  await using relay = await Relay.start();
  const second = await serve(relay.directory);
  assert.equal(second.code, 1, second.output);
  assert.match(second.output, new RegExp(`\\b${relay.pid}\\b`));
  assert.equal((await relay.status()).pid, relay.pid, "the first one is unharmed");
});

test("kill -9 leaves nothing that stops the next start", async () => {
  const relay = await Relay.start();
  const options = { directory: relay.directory };
  await relay.kill();
  const second = await Relay.start(options);
  assert.notEqual(second.pid, relay.pid);
  await second.stop();
  await rm(relay.directory, { recursive: true, force: true });
});

test("two starts at the same moment: one serves, the other is refused", async () => {
  const directory = await makeRelayDirectory({});
  const options = { directory };
  const starts = await Promise.allSettled([Relay.start(options), Relay.start(options)]);
  const running = starts.filter((start) => start.status === "fulfilled");
  assert.equal(running.length, 1, starts.map((start) => start.status).join(" "));
  for (const { value } of running) await value.stop();
  await rm(directory, { recursive: true, force: true });
});

test("what the data directory holds is for its owner alone", async () => {
  await using relay = await Relay.start();
  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
  assert.equal(await modeOf(relay.dataDirectory), 0o700);
  assert.equal(await modeOf(relay.controlSocket), 0o600);
  for (const name of await readdir(relay.dataDirectory)) {
    const mode = await modeOf(join(relay.dataDirectory, name));
    assert.equal(mode & 0o077, 0, `${name} has mode ${mode.toString(8)}`);
  }
});

test("a config error names file, line, key and the nearest right key", async () => {
  const directory = await makeRelayDirectory({ moreConfig: "hostnme = 'x'" });
  const checked = await run(process.execPath, [main, "check", "--config", join(directory, "relaykeeper.toml")]);
  for (const result of [checked, await serve(directory)]) {
    assert.equal(result.code, 1, result.output);
    assert.match(result.stderr, /relaykeeper\.toml/);
    assert.match(result.stderr, /\b4\b/, "line 4");
    assert.match(result.stderr, /hostnme/);
    assert.match(result.stderr, /\bhostname\b/);
  }
  await rm(directory, { recursive: true, force: true });
});

test("check says what it would do", async () => {
  const directory = await makeRelayDirectory({ localDomains: ["home.example"] });
  const result = await run(process.execPath, [main, "check", "--config", join(directory, "relaykeeper.toml")]);
  assert.equal(result.code, 0, result.output);
  assert.match(result.output, /127\.0\.0\.1:0/);
  assert.match(result.output, /capture/);
  await rm(directory, { recursive: true, force: true });
});

test("an address in use is named, and nothing is left behind", async () => {
  const holder = net.createServer();
  holder.listen(0, "127.0.0.1");
  await new Promise((resolve) => holder.once("listening", resolve));
  const { port } = holder.address() as net.AddressInfo;
  const directory = await makeRelayDirectory({ listeners: [{ address: `127.0.0.1:${port}` }] });
  const result = await serve(directory);
  assert.equal(result.code, 1, result.output);
  assert.match(result.output, new RegExp(`127\\.0\\.0\\.1:${port}`));
  holder.close();
  const relay = await Relay.start({ directory });
  await relay.stop();
  await rm(directory, { recursive: true, force: true });
});

test("exit status: 2 where no relay can be reached, 64 for a wrong call, 1 for a refusal", async () => {
  const directory = await makeRelayDirectory({});
  await mkdir(join(directory, "data"), { mode: 0o700, recursive: true });
  const nobody = await relaykeeper(directory, ["status"]);
  assert.equal(nobody.code, 2, nobody.output);
  assert.equal(nobody.stdout, "", "messages go to stderr");
  const usage = await relaykeeper(directory, ["no-such-command"]);
  assert.equal(usage.code, 64, usage.output);
  await rm(directory, { recursive: true, force: true });

  await using relay = await Relay.start();
  const refusal = await relay.cl("ADDSMTPLE TYPE(*ACCEPT)");
  assert.equal(refusal.code, 1, refusal.output);
  const unknown = await relay.cl("CHGSMTPQ ALWRLY(*LIST)");
  assert.equal(unknown.code, 1, unknown.output);
  assert.match(unknown.output, /CHGSMTPA/, "the nearest command is named");
});

test("RELAYKEEPER_DATA_DIR finds the running relay, and RELAYKEEPER_HOSTNAME overrides the file", async () => {
  await using relay = await Relay.start();
  const args = [main, "status", "--json"];
  const found = await run(process.execPath, args, { env: { RELAYKEEPER_DATA_DIR: relay.dataDirectory } });
  assert.equal(found.code, 0, found.output);
  const checkArgs = [main, "check", "--config", join(relay.directory, "relaykeeper.toml")];
  const checked = await run(process.execPath, checkArgs, { env: { RELAYKEEPER_HOSTNAME: "other.test" } });
  assert.match(checked.output, /other\.test/);
});

test("a script from standard input stops at its first error and names the line", async () => {
  await using relay = await Relay.start();
  const script = ["CHGSMTPA ALWRLY(*LIST)", "/* a comment */", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.1.300')"];
  const result = await relay.script([...script, "CHGSMTPA ALWRLY(*NONE)"]);
  assert.equal(result.code, 1, result.output);
  assert.match(result.output, /\b3\b/);
  const exported = await relay.command(["policy", "export"]);
  assert.match(exported.stdout, /ALWRLY\(\*LIST\)/);
});

test("a data directory of a newer version is refused", async () => {
  const relay = await Relay.start();
  const options = { directory: relay.directory };
  await relay.terminate();
  const database = new DatabaseSync(join(relay.dataDirectory, "relaykeeper.db"));
  database.exec("PRAGMA user_version = 999");
  database.close();
  const result = await serve(options.directory);
  assert.equal(result.code, 1, result.output);
  assert.match(result.output, /newer/i);
  await relay.stop();
});
