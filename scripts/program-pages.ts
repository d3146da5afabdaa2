/** The verbs of the program as a page for readers (docs/program.md) and for `man` (docs/man/relaykeeper.1). */
import { optionName } from "../src/adapters/terminal/help.ts";
import { COMMON_OPTIONS, VERBS, type Option, type Verb } from "../src/adapters/terminal/verbs.ts";

const EXITS: readonly (readonly [string, string])[] = [
  ["0", "Done."],
  ["1", "Refused, with a message on standard error."],
  ["2", "The relay cannot be reached."],
  ["64", "A wrong call."],
];

const FINDING =
  "Verbs other than serve and check talk to the running relay over the Unix socket DIR/control.sock; its permissions are the authority. " +
  "DIR is what --data-dir says or the configuration file of --config, else RELAYKEEPER_DATA_DIR, else ./data where that is there, else /var/lib/relaykeeper. " +
  "Results go to standard output, messages to standard error.";

const verbs: readonly Verb[] = VERBS;

export function programPage(): string {
  const parts = [
    "# The program",
    "`relaykeeper VERB …` does everything; installed it is one command, in a checkout `npx relaykeeper`.",
    FINDING.replaceAll(/(--[a-z-]+|RELAYKEEPER_\w+|DIR\/control\.sock|\.\/data|\/var\/lib\/relaykeeper)/g, "`$1`"),
    markdownTable(["exit status", "meaning"], EXITS),
    "Options of every verb:",
    optionTable(COMMON_OPTIONS),
    ...verbs.map(verbPart),
  ];
  return `${parts.join("\n\n")}\n`;
}

function verbPart(verb: Verb): string {
  const parts = [
    `## ${verb.name}`,
    [verb.summary, verb.help ?? ""].join(" ").trim(),
    fence(`relaykeeper ${verb.name} ${verb.synopsis}`.trimEnd()),
    ...(Object.keys(verb.options).length > 0 ? [optionTable(verb.options)] : []),
    ...(verb.examples ? [fence(verb.examples.join("\n"))] : []),
  ];
  return parts.join("\n\n");
}

function optionTable(options: Readonly<Record<string, Option>>): string {
  const rows = Object.entries(options).map(
    ([name, option]) => [`\`${optionName(name, option)}\``, option.help] as const,
  );
  return markdownTable(["option", "meaning"], rows);
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

function fence(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}

/** A page of section 1 in the man macros. */
export function manual(): string {
  const parts = [
    '.TH RELAYKEEPER 1 "" "relaykeeper" "User commands"',
    `.SH NAME\nrelaykeeper \\- SMTP relay with access control`,
    `.SH SYNOPSIS\n.B relaykeeper\n.I verb\n[\\fIoptions\\fR]`,
    `.SH DESCRIPTION\n${roff(FINDING)}`,
    `.SH OPTIONS OF EVERY VERB\n${roffOptions(COMMON_OPTIONS)}`,
    ".SH VERBS",
    ...verbs.map(roffVerb),
    `.SH EXIT STATUS\n${EXITS.map(([status, meaning]) => `.TP\n.B ${status}\n${roff(meaning)}`).join("\n")}`,
    ".SH FILES\n.TP\n.I DIR/control.sock\nThe socket of the running relay, mode 0600 in a directory of mode 0700.",
  ];
  return `${parts.join("\n")}\n`;
}

function roffVerb(verb: Verb): string {
  const lines = [`.SS ${roff(`${verb.name} ${verb.synopsis}`.trimEnd())}`, roff(verb.summary)];
  if (verb.help !== undefined) lines.push(roff(verb.help));
  if (Object.keys(verb.options).length > 0) lines.push(roffOptions(verb.options));
  if (verb.examples) lines.push(".PP", ".nf", ...verb.examples.map((example) => `    ${roff(example)}`), ".fi");
  return lines.join("\n");
}

function roffOptions(options: Readonly<Record<string, Option>>): string {
  return Object.entries(options)
    .map(([name, option]) => `.TP\n.B ${roff(optionName(name, option))}\n${roff(option.help)}`)
    .join("\n");
}

/** Text that troff takes as it is: no escapes, no requests, no quotes that it would turn. */
function roff(text: string): string {
  const plain = text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("…", "...");
  return plain.startsWith(".") ? `\\&${plain}` : plain;
}
