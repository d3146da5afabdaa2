import { wrap } from "../../core/cl/layout.ts";
import { COMMON_OPTIONS, VERBS, type Option, type Verb } from "./verbs.ts";

const COLUMNS = 100;

/** `relaykeeper --help`, `relaykeeper queue --help`, `relaykeeper queue hold --help`. */
export function helpText(topic: string): string {
  const verb = VERBS.find(({ name }) => name === topic);
  if (verb) return verbHelp(verb);
  const verbs: readonly Verb[] = VERBS.filter(({ name }) => topic === "" || name.startsWith(`${topic} `));
  const width = Math.max(...verbs.map(({ name }) => name.length)) + 2;
  const lines = verbs.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  const title = topic === "" ? "relaykeeper: an SMTP relay with access control\n\n" : "";
  const usage = `Usage: relaykeeper ${topic === "" ? "VERB" : `${topic} VERB`} … [--data-dir DIR | --config FILE] [--json]`;
  const more = wrap(
    "relaykeeper VERB --help says more. Verbs other than serve and check talk to the running relay over its socket DIR/control.sock; DIR is RELAYKEEPER_DATA_DIR where nothing else is said, else ./data where that is there, else /var/lib/relaykeeper.",
    COLUMNS,
  );
  const statuses = "Exit status: 0 done, 1 refused with a message, 2 the relay cannot be reached, 64 usage.";
  return `${title}${usage}\n\n${lines.join("\n")}\n\n${more}\n\n${statuses}\n`;
}

function verbHelp(verb: Verb): string {
  const parts = [
    wrap(`Usage: relaykeeper ${verb.name} ${verb.synopsis}`.trimEnd(), COLUMNS),
    verb.summary,
    ...(verb.help === undefined ? [] : [wrap(verb.help, COLUMNS)]),
    `Options:\n${optionLines({ ...verb.options, ...COMMON_OPTIONS })}`,
    ...(verb.examples === undefined ? [] : [`Examples:\n${verb.examples.map((line) => `  ${line}`).join("\n")}`]),
  ];
  return `${parts.join("\n\n")}\n`;
}

function optionLines(options: Readonly<Record<string, Option>>): string {
  const names = Object.entries(options).map(([name, option]) => [optionName(name, option), option.help] as const);
  const width = Math.max(...names.map(([name]) => name.length)) + 2;
  return names.map(([name, help]) => `  ${name.padEnd(width)}${help}`).join("\n");
}

export function optionName(name: string, option: Option): string {
  return option.value === undefined ? `--${name}` : `--${name} ${option.value}`;
}
