import { parseArgs } from "node:util";
import { nearest } from "../../core/base/nearest.ts";
import { printable } from "../../core/base/printable.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import { COMMON_OPTIONS, VERBS, type Option, type Verb, type VerbName } from "./verbs.ts";

/** A verb with what it was given. */
export interface Call {
  readonly verb: Verb & { readonly name: VerbName };
  readonly operands: readonly string[];
  readonly options: Options;
}

export type CommandLine =
  | { readonly kind: "call"; readonly call: Call }
  /** Help of one verb, of a group (`queue`), or of the whole (""). */
  | { readonly kind: "help"; readonly topic: string }
  | { readonly kind: "version" };

/** The options of a call, by name. */
export class Options {
  readonly #values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

  constructor(values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name];
    return typeof value === "object" ? value : [];
  }
}

/** Reads what stands behind the name of the program; the fault is a sentence with what was probably meant. */
export function readCommandLine(args: readonly string[]): Result<CommandLine, string> {
  const { common, rest } = takeCommonOptions(args);
  const [first, second] = rest;
  if (first === undefined) return err("a verb is needed");
  if (first === "--help" || first === "-h") return ok({ kind: "help", topic: "" });
  if (first === "--version") return ok({ kind: "version" });
  if (first === "help") return readHelp(rest.slice(1).join(" "));
  if (first.startsWith("-")) return err(`there is no option ${printable(first, 60)} before a verb`);
  const verb = findVerb(`${first} ${second ?? ""}`) ?? findVerb(first);
  if (verb) return readCall(verb, [...common, ...rest.slice(verb.name.split(" ").length)]);
  if (isGroup(first) && (second === "--help" || second === "-h")) return ok({ kind: "help", topic: first });
  return err(unknownVerb(first, second));
}

function readHelp(topic: string): Result<CommandLine, string> {
  if (topic === "" || isGroup(topic) || findVerb(topic)) return ok({ kind: "help", topic });
  return err(unknownVerb(topic, undefined));
}

export function findVerb(name: string): (typeof VERBS)[number] | undefined {
  return VERBS.find((verb) => verb.name === name);
}

/** `queue`, `policy`: the first word of verbs that have two. */
export function isGroup(word: string): boolean {
  return VERBS.some((verb) => verb.name.startsWith(`${word} `));
}

function unknownVerb(first: string, second: string | undefined): string {
  const names = VERBS.map((verb) => verb.name);
  if (isGroup(first) && second === undefined) {
    const seconds = names.filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1));
    return `${first} what? ${seconds.join(", ")}`;
  }
  const given = isGroup(first) && second !== undefined ? `${first} ${second}` : first;
  const words = [...new Set([...names, ...names.map((name) => name.split(" ")[0] ?? name)])];
  const meant = nearest(given, isGroup(first) ? names.filter((name) => name.startsWith(`${first} `)) : words);
  return `there is no verb ${printable(given, 60)}${meant === null ? "" : `; did you mean ${meant}?`}`;
}

/** `relaykeeper --data-dir DIR status` is `relaykeeper status --data-dir DIR`. */
function takeCommonOptions(args: readonly string[]): { common: readonly string[]; rest: readonly string[] } {
  let at = 0;
  for (let option = args[at] ?? ""; option !== ""; option = args[at] ?? "") {
    const name = option.replace(/^--/, "").replace(/=.*$/s, "");
    const known = option.startsWith("--") && name !== "help" ? COMMON_OPTIONS[name] : undefined;
    if (!known) break;
    at += known.value !== undefined && !option.includes("=") ? 2 : 1;
  }
  return { common: args.slice(0, at), rest: args.slice(at) };
}

function readCall(verb: (typeof VERBS)[number], args: readonly string[]): Result<CommandLine, string> {
  // sendmail's options are older than this program, and are read where they are used.
  if (verb.name === "sendmail") return readSendmailCall(verb, args);
  const known: Readonly<Record<string, Option>> = { ...verb.options, ...COMMON_OPTIONS };
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: Object.fromEntries(
        Object.entries(known).map(([name, option]) => [
          name,
          {
            type: option.value === undefined ? ("boolean" as const) : ("string" as const),
            multiple: option.many === true,
            ...(name === "help" ? { short: "h" } : {}),
          },
        ]),
      ),
      allowPositionals: true,
    });
    const options = new Options(values as Readonly<Record<string, string | boolean | string[] | undefined>>);
    if (options.flag("help")) return ok({ kind: "help", topic: verb.name });
    const { min, max } = verb.operands;
    if (positionals.length < min) return err(`${verb.name} needs ${verb.synopsis}`);
    if (positionals.length > max) return err(`${verb.name} does not take ${printable(positionals[max] ?? "", 60)}`);
    return ok({ kind: "call", call: { verb, operands: positionals, options } });
  } catch (fault) {
    return err(describeFault(fault, verb.name, Object.keys(known)));
  }
}

function readSendmailCall(verb: Call["verb"], args: readonly string[]): Result<CommandLine, string> {
  if (args.length === 1 && args[0] === "--help") return ok({ kind: "help", topic: verb.name });
  const { common, rest } = takeCommonOptions(args);
  const values: Record<string, string> = {};
  for (const [i, option] of common.entries()) {
    const [name = "", value] = option.replace(/^--/, "").split(/=(.*)/s);
    if (option.startsWith("--") && name !== "json") values[name] = value ?? common[i + 1] ?? "";
  }
  return ok({ kind: "call", call: { verb, operands: rest, options: new Options(values) } });
}

function describeFault(fault: unknown, verb: string, known: readonly string[]): string {
  const { code, message } = fault as { code?: string; message: string };
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const given = /'(-[^' ]*)/.exec(message)?.[1] ?? "";
    const meant = nearest(given.replace(/^-+/, ""), known);
    return `${verb} has no option ${printable(given, 60)}${meant === null ? "" : `; did you mean --${meant}?`}`;
  }
  return `${verb}: ${printable(message, 200)}`;
}
