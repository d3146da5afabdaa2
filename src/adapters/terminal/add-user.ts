import { EXIT, report, say, type Caller, type Input, type Runner } from "./caller.ts";

/** Longer input is no password. */
const PASSWORD_MAX = 4_096;

/** user add: the password comes from the terminal without echo, or is the first line of standard input; never from arguments. */
export const addUser: Runner = async (call, caller, relay) => {
  const password = caller.input.isTTY === true ? await askTwice(caller) : await readLine(caller.input);
  if (password === null || password === "") {
    say(caller, password === null ? "no password was given" : "the password is empty");
    return EXIT.refused;
  }
  return report(await relay.post("/v1/users", { name: call.operands[0] ?? "", password }), call, caller);
};

async function askTwice(caller: Caller): Promise<string | null> {
  const first = await ask(caller, "Password: ");
  if (first === null || first === "") return first;
  const second = await ask(caller, "Password again: ");
  if (first === second || second === null) return second;
  say(caller, "the two are not the same");
  return null;
}

/** The first line of standard input; null where there is none. */
export async function readLine(input: Input): Promise<string | null> {
  let text = "";
  for await (const chunk of input) {
    text += String(chunk);
    if (text.includes("\n") || text.length > PASSWORD_MAX) break;
  }
  const [line = ""] = text.split(/\r?\n/, 1);
  return text === "" || line.length > PASSWORD_MAX ? null : line;
}

/** Reads a line from a terminal without showing it; null where it was given up (Control-C, Control-D). */
export async function ask({ input, errors }: Pick<Caller, "input" | "errors">, prompt: string): Promise<string | null> {
  errors.write(prompt);
  input.setRawMode?.(true);
  let typed: string[] = [];
  try {
    return await new Promise<string | null>((resolve) => {
      const take = (chunk: Buffer | string): void => {
        for (const key of String(chunk)) {
          if (key === "\r" || key === "\n") return end(typed.join(""));
          if (key === "\u0003" || key === "\u0004") return end(null);
          if (key === "\u0015") typed = [];
          else if (key === "\u007f" || key === "\b") typed.pop();
          else if (key >= " " && typed.length < PASSWORD_MAX) typed.push(key);
        }
      };
      const end = (line: string | null): void => {
        input.off("data", take);
        input.off("end", cut);
        input.pause();
        resolve(line);
      };
      const cut = (): void => end(null);
      input.on("data", take).once("end", cut).resume();
    });
  } finally {
    input.setRawMode?.(false);
    errors.write("\n");
  }
}
