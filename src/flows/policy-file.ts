import { counted, formatCount } from "../core/base/count.ts";
import { message, type Message } from "../core/cl/messages.ts";
import { diffPolicy } from "../core/cl/policy-diff.ts";
import { formatPolicy, readPolicy, type FileFault, type ParsedPolicy } from "../core/cl/policy-text.ts";
import type { PolicyChange } from "../core/policy/policy.ts";
import { sealingOf } from "./commands/answer.ts";
import { describeRelay } from "./commands/attributes.ts";
import { findingsJson } from "./commands/list-entries.ts";
import { findingMessages, refusalMessage } from "./commands/policy-answer.ts";
import { refused, type CommandResult } from "./command-result.ts";
import type { Operations } from "./operations.ts";
import { inSlices } from "./slices.ts";

/** policy export: the whole policy as text; `all` writes every attribute. */
export async function exportPolicy(operations: Operations, all = false): Promise<string> {
  const { policy } = operations;
  const lines: string[] = [];
  const steps = formatPolicy(policy.attributes(), policy.walk(), all);
  await inSlices(operations, steps, (line) => {
    if (line !== undefined) lines.push(line);
  });
  return `${lines.join("\n")}\n`;
}

/** Differences that `policy apply` prints. `policy diff` prints all of them, before. */
const SHOWN_MAX = 1_000;

/** policy apply: makes the policy exactly what the file says, in one version, or changes nothing. */
export async function applyPolicy(
  operations: Operations,
  text: string,
  by: string,
  confirmed: boolean,
): Promise<CommandResult> {
  const parsed = await parse(operations, text);
  if (!parsed.ok) return parsed.result;
  const { policy } = operations;
  const { lines: shown, count } = await differences(operations, parsed.value.change, SHOWN_MAX);
  if (count === 0)
    return done([message("SMR0709")], "", { version: policy.version(), differences: 0, changes: [], findings: [] });
  const changed = await policy.change({
    change: parsed.value.change,
    command: `policy apply (${counted(count, "difference")})`,
    by,
    confirmed: confirmed || parsed.value.confirmed,
  });
  if (!changed.ok) {
    const refusal = refusalMessage(changed.error, "");
    return { ok: refusal.severity < 30, messages: [refusal], output: "", value: null };
  }
  const { version, findings } = changed.value;
  const what = `${counted(count, "difference")}. ${await describeRelay(policy)}`;
  const messages = [message("SMR0701", what, String(version)), ...findingMessages(findings)];
  const more = count > shown.length ? `\n/* and ${formatCount(count - shown.length)} more */` : "";
  const value = { version, differences: count, changes: shown, findings: findingsJson(findings) };
  return done(messages, `${shown.join("\n")}${more}`, value);
}

/** policy diff: the commands that would make the policy what the file says. */
export async function diffPolicyFile(operations: Operations, text: string): Promise<CommandResult> {
  const parsed = await parse(operations, text);
  if (!parsed.ok) return parsed.result;
  const { lines } = await differences(operations, parsed.value.change, Infinity);
  if (lines.length === 0) return done([message("SMR0709")], "", []);
  return done([message("SMR0710", counted(lines.length, "difference"))], lines.join("\n"), lines);
}

/** policy check: whether the file can be applied, and what would be odd about the policy it makes. */
export async function checkPolicyFile(operations: Operations, text: string): Promise<CommandResult> {
  const parsed = await parse(operations, text);
  if (!parsed.ok) return parsed.result;
  const { change } = parsed.value;
  const right = message("SMR0708", counted(change.entries.length, "entry", "entries"));
  const preview = await operations.policy.preview({ change, command: "policy check", by: "", confirmed: true });
  if (!preview.ok) {
    const refusal = refusalMessage(preview.error, "");
    if (refusal.severity >= 30) return refused(refusal);
    return done([right], "", { findings: [] });
  }
  const { findings } = preview.value;
  return done([right, ...findingMessages(findings)], "", { findings: findingsJson(findings) });
}

async function parse(
  operations: Operations,
  text: string,
): Promise<
  { readonly ok: true; readonly value: ParsedPolicy } | { readonly ok: false; readonly result: CommandResult }
> {
  const parsed = await inSlices(operations, readPolicy(text, operations.now(), sealingOf(operations)));
  return parsed.ok ? { ok: true, value: parsed.value } : { ok: false, result: fileFaults(parsed.error) };
}

/** The faults of a policy file, with their lines, as the answer of a command. */
export function fileFaults(faults: readonly FileFault[]): CommandResult {
  const messages: Message[] = faults.map(({ line, column, message: fault }) => ({
    ...fault,
    text: `${fault.text} (line ${line}, column ${column})`,
  }));
  messages.push(message("SMR0707", counted(faults.length, "fault")));
  const value = faults.map(({ line, column, message: { id, text } }) => ({ line, column, id, text }));
  return { ok: false, messages, output: "", value };
}

/** How many differences there are, and the first of them, at most `linesMax`. */
async function differences(
  operations: Operations,
  change: PolicyChange & { kind: "replace" },
  linesMax: number,
): Promise<{ readonly lines: readonly string[]; readonly count: number }> {
  const { policy } = operations;
  const before = { attributes: policy.attributes(), entries: policy.walk() };
  const lines: string[] = [];
  let count = 0;
  await inSlices(operations, diffPolicy(before, change), (line) => {
    if (line === undefined) return;
    count++;
    if (lines.length < linesMax) lines.push(line);
  });
  return { lines, count };
}

function done(messages: readonly Message[], output: string, value: CommandResult["value"]): CommandResult {
  return { ok: true, messages, output, value };
}
