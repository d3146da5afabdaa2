import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { withoutSecrets } from "../../core/cl/command.ts";
import { COMMANDS, findCommand } from "../../core/cl/command-list.ts";
import { complete } from "../../core/cl/complete.ts";
import { parseCommand } from "../../core/cl/parser.ts";
import { splitSource } from "../../core/cl/source.ts";
import { EXIT, print, report, say, type Runner } from "./caller.ts";

const PROMPT = "===> ";
const CONTINUED = "  +  ";
const HISTORY_MAX = 1_000;

/** The command line of `relaykeeper cl`: history, completion with Tab, `COMMAND ?` for its parameters, + and - to go on in the next line. */
export const commandLine: Runner = async (call, caller, relay) => {
  const status = await relay.get("/v1/status");
  if (!status.ok) return report(status, call, caller);
  const file = caller.environment["RELAYKEEPER_HISTORY"] ?? historyFile(caller.environment);
  const lines = createInterface({
    input: caller.input,
    output: caller.output,
    terminal: caller.input.isTTY === true && caller.output.isTTY === true,
    prompt: PROMPT,
    history: readHistory(file),
    historySize: HISTORY_MAX,
    removeHistoryDuplicates: true,
    completer,
  });
  say(caller, "Type a command. COMMAND ? shows its parameters, Tab completes, ? lists the commands, EXIT leaves.");
  lines.on("history", (history: string[]) => {
    const [newest] = history;
    if (newest !== undefined) history[0] = withoutSecret(newest);
    writeHistory(file, history);
  });
  let exit: number = EXIT.done;
  for await (const text of commands(lines)) {
    if (/^\s*(exit|quit|signoff)\s*$/i.test(text)) break;
    if (/^\s*\?\s*$/.test(text)) {
      print(caller, COMMANDS.map(({ name, title }) => ` ${name.padEnd(12)}${title}`).join("\n"));
      continue;
    }
    const answer = await relay.post("/v1/cl", { command: text });
    exit = report(answer, call, caller);
    if (exit === EXIT.unreachable) break;
  }
  lines.close();
  return exit === EXIT.unreachable ? exit : EXIT.done;
};

/** Commands as they are typed, joined where a line goes on in the next. */
async function* commands(lines: Interface): AsyncGenerator<string> {
  let begun = "";
  lines.prompt();
  for await (const line of lines) {
    const text = begun === "" ? line : `${begun}\n${line}`;
    const unfinished = [...splitSource(text)].at(-1)?.unfinished === true;
    begun = unfinished ? text : "";
    lines.setPrompt(unfinished ? CONTINUED : PROMPT);
    if (!unfinished && text.trim() !== "") yield text;
    lines.prompt();
  }
}

function completer(line: string): [string[], string] {
  const begun = /[A-Z0-9$#@*_]*$/i.exec(line)?.[0] ?? "";
  const candidates = complete(line, line.length);
  const [only] = candidates;
  // Behind the name of a command come its parameters.
  const isCommand = only !== undefined && findCommand(only) !== null;
  return [candidates.length === 1 && isCommand ? [`${only} `] : candidates, begun];
}

/** Passwords are not kept; a line that holds one and cannot be read is not kept at all. */
export function withoutSecret(line: string): string {
  const parsed = parseCommand(line);
  const definition = parsed.ok ? findCommand(parsed.value.name) : null;
  if (parsed.ok && definition) return withoutSecrets(line, parsed.value, definition);
  return /PASSWORD|PWD/i.test(line) ? "" : line;
}

function historyFile(environment: Readonly<Record<string, string | undefined>>): string {
  const state = environment["XDG_STATE_HOME"] ?? "";
  return join(state === "" ? join(homedir(), ".local", "state") : state, "relaykeeper", "history");
}

/** The newest first, as readline has it. */
function readHistory(file: string): string[] {
  try {
    const lines = readFileSync(file, "utf8").split("\n");
    return lines
      .filter((line) => line !== "")
      .reverse()
      .slice(0, HISTORY_MAX);
  } catch {
    return []; // there is none yet
  }
}

/** For its owner alone. A history that cannot be written is none, and no reason to stop. */
function writeHistory(file: string, history: readonly string[]): void {
  const lines = history.filter((line) => line.trim() !== "").toReversed();
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch {
    return;
  }
}
