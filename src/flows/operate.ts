import { AssertionFault, isBug } from "../core/base/assert.ts";
import type { Json } from "../core/base/json.ts";
import { readCommand, type ReadCommand } from "../core/cl/command.ts";
import { message, type Message } from "../core/cl/messages.ts";
import { promptText } from "../core/cl/prompt.ts";
import { placeOf, splitSource, type SourceCommand } from "../core/cl/source.ts";
import { answer, faultsOf, type Answer } from "./commands/answer.ts";
import { HANDLERS } from "./commands/handlers.ts";
import type { CommandResult } from "./command-result.ts";
import type { Operations } from "./operations.ts";

/** From this severity on a message says that the command was not done. */
const FAILED = 30;
const ESCAPE = 40;

/** Does one command, given by `by`. Text with several commands is a script. */
export async function runCommand(operations: Operations, text: string, by: string): Promise<CommandResult> {
  const sources = [...take(splitSource(text), 2)];
  const [source] = sources;
  if (!source) return result(answer([message("SMR0031")]), "");
  return sources.length > 1 ? runScript(operations, text, by) : runSource(operations, source, by);
}

/** Does the commands of a script in order, each as a whole. It stops at the first that fails; what was done before stays done. */
export async function runScript(operations: Operations, text: string, by: string): Promise<CommandResult> {
  const messages: Message[] = [];
  const outputs: string[] = [];
  const values: Json[] = [];
  const done: number[] = [];
  for (const source of splitSource(text)) {
    const { line } = placeOf(source, 0);
    const one = await runSource(operations, source, by, true);
    messages.push(...one.messages);
    if (one.output !== "") outputs.push(one.output);
    values.push({ line, ok: one.ok, messages: one.messages.map(messageJson), value: one.value });
    if (!one.ok) {
      messages.push(message("SMR0038", String(line), describeDone(done)));
      return { ok: false, messages, output: outputs.join("\n\n"), value: values };
    }
    done.push(line);
  }
  messages.push(message("SMR0037", String(done.length)));
  return { ok: true, messages, output: outputs.join("\n\n"), value: values };
}

/** Lines are named while they are few. */
const LINES_NAMED_MAX = 20;

function describeDone(lines: readonly number[]): string {
  if (lines.length === 0) return "No command was done before it.";
  const named =
    lines.length > LINES_NAMED_MAX ? `${lines.slice(0, LINES_NAMED_MAX).join(", ")} and on` : lines.join(", ");
  return lines.length === 1
    ? `The command of line ${named} was done.`
    : `The ${lines.length} commands of lines ${named} were done.`;
}

function* take<T>(values: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const value of values) {
    if (left-- <= 0) return;
    yield value;
  }
}

async function runSource(
  operations: Operations,
  source: SourceCommand,
  by: string,
  inScript = false,
): Promise<CommandResult> {
  const command = readCommand(source);
  const several = inScript || source.segments.length > 1;
  const placed = (done: Answer): Answer =>
    several ? { ...done, messages: done.messages.map(inSource(source)) } : done;
  if (!command.ok) return result(placed(faultsOf(command.error.diagnostics)), command.error.name);
  if (command.value.kind === "prompt") {
    const { definition } = command.value;
    return result(
      answer([message("SMR0039", definition.name)], promptText(definition), { prompt: definition.name }),
      definition.name,
    );
  }
  const { definition, arguments: args } = command.value;
  const warnings = faultsOf(args.warnings).messages;
  const done = await execute(operations, command.value, by);
  return result(placed({ ...done, messages: [...warnings, ...done.messages] }), definition.name);
}

/** Says of a message that is about a place where that is. */
function inSource(source: SourceCommand): (message: Message) => Message {
  return (message) => {
    if (message.at === undefined) return message;
    const { line, column } = placeOf(source, message.at);
    return { ...message, text: `${message.text} (line ${line}, column ${column})` };
  };
}

/** The edge of the task: trouble of the outside world becomes a message here; a bug does not. */
async function execute(
  operations: Operations,
  command: ReadCommand & { kind: "command" },
  by: string,
): Promise<Answer> {
  const handler = HANDLERS[command.definition.name];
  if (!handler) throw new AssertionFault(`command ${command.definition.name} has a handler`);
  try {
    return await handler({ operations, by, now: operations.now(), text: command.text }, command.arguments);
  } catch (error) {
    if (!(error instanceof Error) || isBug(error)) throw error;
    return answer([message("SMR0901", command.definition.name, error.message)]);
  }
}

/** Diagnostics end in the escape message that names the command. */
function result(done: Answer, name: string): CommandResult {
  const failed = done.messages.some(({ severity }) => severity >= FAILED);
  const escaped = done.messages.some(({ severity }) => severity >= ESCAPE);
  const messages = failed && !escaped && name !== "" ? [...done.messages, message("SMR0006", name)] : done.messages;
  return { ok: !failed, messages, output: done.output, value: done.value };
}

function messageJson({ id, severity, text }: Message): Json {
  return { id, severity, text };
}
