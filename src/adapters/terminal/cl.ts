import { adviseCommand, findCommand } from "../../core/cl/command-list.ts";
import { promptText } from "../../core/cl/prompt.ts";
import { commandLine } from "./command-line.ts";
import { EXIT, print, report, reportUsage, say, type Runner } from "./caller.ts";
import { readText } from "./simple-verbs.ts";

/** cl: one command, a script, a prompt, or the command line. */
export const cl: Runner = async (call, caller, relay) => {
  const prompt = call.options.text("prompt");
  if (prompt !== undefined) {
    const definition = findCommand(prompt.toUpperCase());
    if (!definition) {
      say(caller, `${prompt} is no command. ${adviseCommand(prompt.toUpperCase())}`.trim());
      return EXIT.refused;
    }
    print(caller, promptText(definition));
    return EXIT.done;
  }
  const [first] = call.operands;
  if (first === undefined) {
    if (caller.input.isTTY === true) return await commandLine(call, caller, relay);
    return reportUsage("cl needs a command, or - for a script from standard input", caller);
  }
  if (first !== "-") return report(await relay.post("/v1/cl", { command: call.operands.join(" ") }), call, caller);
  const script = await readText("-", caller);
  return script === null ? EXIT.refused : report(await relay.post("/v1/cl", { script }), call, caller);
};
