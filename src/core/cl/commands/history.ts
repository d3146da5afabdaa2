import { oneOf, type CommandDefinition } from "../definition.ts";
import { CONFIRM, OUTPUT } from "./list-entries.ts";

export const DSPSMTPCHG: CommandDefinition = {
  name: "DSPSMTPCHG",
  title: "Display SMTP Policy Changes",
  help: "Shows the history of the policy: which version, when, who, by which command. The newest come first.",
  parameters: [
    {
      keyword: "NBRENT",
      prompt: "Number of changes",
      help: "At most so many.",
      shape: { kind: "number", min: 1, max: 100_000 },
      default: "50",
      positional: 1,
    },
    OUTPUT,
  ],
  examples: [{ command: "DSPSMTPCHG NBRENT(10)", meaning: "The last ten changes." }],
};

export const UNDSMTPCHG: CommandDefinition = {
  name: "UNDSMTPCHG",
  title: "Undo SMTP Policy Change",
  help: "Makes the policy what it was before its newest change, as a new version. The history keeps both.",
  parameters: [CONFIRM],
  examples: [{ command: "UNDSMTPCHG", meaning: "The last change is taken back." }],
};

export const EXPSMTPPCY: CommandDefinition = {
  name: "EXPSMTPPCY",
  title: "Export SMTP Policy",
  help: "Prints the whole policy as commands, in a stable order: for version control, for review, and to be applied again.",
  parameters: [
    {
      keyword: "ATR",
      prompt: "Attributes",
      help: "Which attributes are printed.",
      shape: oneOf({ "*CHANGED": "Those that are not as in a new policy", "*ALL": "Every attribute" }),
      default: "*CHANGED",
    },
  ],
  examples: [{ command: "EXPSMTPPCY", meaning: "The policy as a file." }],
};
