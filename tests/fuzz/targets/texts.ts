import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../../src/config/load.ts";
import { finish } from "../../../src/core/base/steps.ts";
import { formatNetwork } from "../../../src/core/mail/network.ts";
import { readCommand } from "../../../src/core/cl/command.ts";
import { complete } from "../../../src/core/cl/complete.ts";
import { message, type Diagnostic } from "../../../src/core/cl/messages.ts";
import { formatPolicy, parsePolicy, type ParsedPolicy } from "../../../src/core/cl/policy-text.ts";
import { placeOf, splitSource } from "../../../src/core/cl/source.ts";
import { compileEntries, CompiledPolicy, emptyPolicy } from "../../../src/core/policy/compile.ts";
import { assertPlain, utf8, type PlantedBug, type Target } from "../target.ts";

// What operators write: commands, the policy file, the configuration file.

/** What was typed comes back in messages: on one line, and not without end. */
function checkMessage({ id, with: values, at }: Diagnostic, text: string): void {
  const made = message(id, ...values);
  assertPlain(made.text, 3_000);
  assert.ok(at === undefined || (at >= 0 && at <= text.length), `${id} is about offset ${at} of ${text.length}`);
}

const CL_WORDS = [
  ...["ADDSMTPLE ", "RMVSMTPLE ", "CHGSMTPA ", "WRKSMTPEMM ", "DSPSMTPDCN ", "TYPE(*ACCEPT)", "INTNETADR('10.0.0.1')"],
  ...["SUBNETMASK('255.255.255.0')", "HOSTNAME('.a.example')", "IP6NETADR('2001:db8::')", "IP6PFX(32)", "TEXT('", "''"],
  ...[
    "EXPDATE(*NONE)",
    "CONFIRM(*YES)",
    "ALWRLY(*LIST)",
    "(",
    ")",
    "'",
    "*",
    "+\n",
    "-\n",
    "/*",
    "*/",
    "X'4D6F'",
    "??",
    "?",
  ],
  ...[" ", "\n", "\r\n", "\t", ":", "SMTP/", "ü", "\u202e", "\ud83d\udce7", "\u2019", ";", "&X", "(((("],
];

function clTarget(read: typeof readCommand): Target {
  return {
    name: "cl",
    corpus: "cl",
    words: CL_WORDS,
    check(input) {
      const text = utf8(input);
      let characters = 0;
      for (const source of splitSource(text)) {
        characters += source.text.length;
        const command = read(source);
        if (command.ok) {
          if (command.value.kind === "command") assert.ok(!/PASSWORD\((?!\*SECRET\))/i.test(command.value.text));
          continue;
        }
        assert.ok(command.error.diagnostics.length > 0, "a refusal says why");
        for (const diagnostic of command.error.diagnostics) {
          checkMessage(diagnostic, source.text);
          const { line, column } = placeOf(source, diagnostic.at ?? 0);
          assert.ok(line >= 1 && line <= text.split("\n").length && column >= 1);
        }
        complete(source.text, Math.min(source.text.length, 200));
      }
      // A comment between lines may be made a blank.
      assert.ok(characters <= text.length * 2);
    },
    work(input) {
      for (const source of splitSource(utf8(input))) read(source);
    },
  };
}

// --- the policy file --------------------------------------------------------------------------------------------------

const NOW = Date.UTC(2026, 10, 24);

function policyTarget(write: (policy: ParsedPolicy) => string): Target {
  return {
    name: "policy",
    corpus: "policy",
    words: CL_WORDS,
    check(input) {
      const text = utf8(input);
      const parsed = parsePolicy(text, NOW, null);
      if (!parsed.ok) {
        assert.ok(parsed.error.length > 0 && parsed.error.length <= 100);
        for (const fault of parsed.error) {
          assert.ok(fault.line >= 1 && fault.line <= text.split("\n").length && fault.column >= 1);
          assertPlain(fault.message.text, 3_000);
        }
        return;
      }
      const again = parsePolicy(write(parsed.value), NOW, null);
      assert.ok(again.ok, "what is exported can be applied");
      assert.deepEqual(write(again.value), write(parsed.value), "and is the same policy");
      assert.deepEqual(again.value.change.attributes, parsed.value.change.attributes);
      checkPolicy(parsed.value);
    },
    work: (input) => void parsePolicy(utf8(input), NOW, null),
  };
}

function checkPolicy({ change }: ParsedPolicy): void {
  const entries = change.entries.map((entry, i) => ({ ...entry, id: i + 1, addedBy: "test", addedAt: 0 }));
  const compiled = finish(compileEntries(entries));
  assert.ok(!("twice" in compiled), "an entry that stands there twice is a fault of the file");
  const { settings } = emptyPolicy({ localDomains: [], entriesMax: 1_000 });
  const policy = new CompiledPolicy({
    settings,
    version: 1,
    attributes: change.attributes,
    nextId: entries.length + 1,
    ...compiled,
  });
  assert.equal(policy.version, 1);
}

function exported({ change }: ParsedPolicy): string {
  return [...formatPolicy(change.attributes, change.entries)].filter((line) => line !== undefined).join("\n");
}

// --- the configuration file -------------------------------------------------------------------------------------------

/** One file for all cases: the program reads its configuration from a file. */
const configFile = join(tmpdir(), `relaykeeper-fuzz-${randomUUID()}.toml`);
process.once("exit", () => rmSync(configFile, { force: true }));

function configTarget(load: typeof loadConfig): Target {
  return {
    name: "config",
    corpus: "config",
    words: [
      ...[
        "[[listener]]\n",
        "[tls]\n",
        "[delivery]\n",
        "[limits]\n",
        "[console]\n",
        "address = ",
        'mode = "mx"',
        '"',
        "'",
      ],
      ...[
        "hostname = ",
        "local_domains = ",
        "proxy_protocol_from = ",
        "[",
        "]",
        "{",
        "}",
        "=",
        "\n",
        "#",
        '"""',
        "'''",
      ],
      ...["true", "nan", "inf", "1979-05-27", "0x10", "1_000", "-1", "__proto__", "constructor", ".", "\\u0000", "\\x"],
    ],
    check(input) {
      writeFileSync(configFile, input);
      const lines = utf8(input).split("\n").length;
      const read = load({ file: configFile, environment: {}, dataDirectory: null, directory: tmpdir() });
      if (read.ok) {
        assert.ok(Object.isFrozen(read.value));
        for (const { proxyProtocolFrom } of read.value.listeners) proxyProtocolFrom.forEach(formatNetwork);
        return;
      }
      assert.ok(read.error.length > 0, "a refusal says why");
      for (const fault of read.error) {
        assertPlain(fault, 3_000);
        const line = /\.toml:(\d+):/.exec(fault)?.[1];
        assert.ok(line === undefined || (Number(line) >= 1 && Number(line) <= lines), fault);
      }
    },
  };
}

export const textTargets: readonly Target[] = [clTarget(readCommand), policyTarget(exported), configTarget(loadConfig)];

// --- mistakes ---------------------------------------------------------------------------------------------------------

export const textBugs: readonly PlantedBug[] = [
  {
    what: "a fault that is about a place behind the command",
    target: clTarget((source) => {
      const read = readCommand(source);
      if (read.ok || !source.text.includes("'")) return read;
      const diagnostics = read.error.diagnostics.map((one) => ({ ...one, at: source.text.length + 1 }));
      return { ok: false, error: { ...read.error, diagnostics } };
    }),
  },
  {
    what: "apostrophes are not doubled in an export",
    target: policyTarget((policy) => exported(policy).replaceAll("''", "'")),
  },
  {
    what: "an entry is left out of an export",
    target: policyTarget(({ change }) =>
      [...formatPolicy(change.attributes, change.entries.slice(1)), ...(change.entries.length > 2 ? ["x"] : [])]
        .filter((line) => line !== undefined)
        .join("\n"),
    ),
  },
  {
    what: "a date in the file is taken for a text",
    target: configTarget((sources) => {
      const read = loadConfig(sources);
      if (!read.ok && read.error.some((fault) => fault.includes("1979"))) ("" as unknown as Date).toISOString();
      return read;
    }),
  },
];
