/**
 * The command lines of docs/providers.md, docs/routes.md and docs/oauth.md, run against a relay as they stand there: blocks without a
 * language, and commands within the text. Nothing of it leaves this machine: the only name server is a port where nobody is, and what
 * needs the internet must come as far as to say so. A command that is written wrongly there fails its test, as did
 * `oauth add --purpose graph`, which is `--for graph`.
 */
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { generateKeyPairSync } from "node:crypto";
import { delimiter, join, resolve } from "node:path";
import { test } from "node:test";
import { run } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";

const root = resolve(import.meta.dirname, "../..");

/** What is said where there is no internet; the command was understood up to there. */
const NEEDS_INTERNET: readonly (readonly [command: RegExp, answer: RegExp])[] = [
  [/^relaykeeper oauth check /, /SMR0866 /],
  [/^relaykeeper oauth login /, /SMR0869 .* failed: /],
  [/^(relaykeeper route check|CHKSMTPRTE) /, /SMR0896 .* ended at step (name|connect|token)/],
  [/^(relaykeeper route test|TSTSMTPRTE) /, /SMR0894 .* leads nowhere now: 451 4\.4\./],
];

/** Commands in the order of the page. */
function commandsOf(page: string): string[] {
  const commands: string[] = [];
  const spans =
    /^```\n([\s\S]*?)^```$|^```\w[\s\S]*?^```$|`((?:(?:ADD|CHG|RMV)SMTP\w+|relaykeeper oauth add) [^`]+)`/gm;
  for (const [, block, inline] of page.matchAll(spans)) {
    const lines = (block ?? inline ?? "").replaceAll(/\+\n\s+/g, "").split("\n");
    commands.push(...lines.filter((line) => line !== ""));
  }
  return commands;
}

/** What a command adds, for pages that show several ways to make one thing: the one before is taken away first. */
function addedBy(command: string): { what: string; undo: string } | null {
  const account = /^relaykeeper oauth add (\S+)/.exec(command)?.[1];
  if (account !== undefined)
    return { what: `account ${account}`, undo: `relaykeeper oauth remove ${account} --confirm` };
  const route = /^ADDSMTPRTE (?:RTE\()?([\w-]+)/.exec(command)?.[1];
  return route === undefined ? null : { what: `route ${route}`, undo: `RMVSMTPRTE RTE(${route})` };
}

for (const [name, atLeast] of [
  ["providers", 12],
  ["routes", 12],
  ["oauth", 7],
] as const) {
  test(`every command of docs/${name}.md does what it says`, async () => {
    await using relay = await Relay.start({ delivery: { mode: "mx" }, moreTables: '[dns]\nservers = ["127.0.0.1:9"]' });
    const folder = join(relay.directory, "bin");
    await mkdir(folder);
    const program = `exec "${process.execPath}" "${join(root, "src/main.ts")}" "$@" --data-dir "${relay.dataDirectory}"`;
    await writeFile(join(folder, "relaykeeper"), `#!/bin/sh\n${program}\n`);
    await chmod(join(folder, "relaykeeper"), 0o755);
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    const key = {
      type: "service_account",
      client_id: "1",
      client_email: "a@b.example",
      private_key_id: "k",
      private_key: pem,
    };
    await writeFile(join(relay.directory, "key.json"), JSON.stringify(key));
    await writeFile(join(relay.directory, "FILE"), "geheim\n");
    const env = { PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}` };
    const execute = async (command: string): Promise<{ code: number | null; output: string }> =>
      /^[A-Z]{4,}/.test(command)
        ? await relay.cl(command)
        : await run("sh", ["-c", command], { input: "geheim\n", cwd: relay.directory, env });

    const commands = commandsOf(await readFile(join(root, `docs/${name}.md`), "utf8"));
    assert.ok(commands.length >= atLeast, `${commands.length} commands are on the page`);
    const added = new Set<string>();
    for (const command of commands) {
      const adds = addedBy(command);
      if (adds !== null && added.has(adds.what)) assert.equal((await execute(adds.undo)).code, 0, adds.undo);
      const { code, output } = await execute(command);
      const away = NEEDS_INTERNET.find(([pattern]) => pattern.test(command));
      if (away === undefined) assert.equal(code, 0, `${command}\n${output}`);
      else assert.match(output, away[1], command);
      if (adds !== null) added.add(adds.what);
    }
  });
}
