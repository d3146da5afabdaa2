import { choiceList, characters, oneOf, type CommandDefinition, type Parameter } from "../definition.ts";
import { OUTPUT } from "./list-entries.ts";

const SERVER: Parameter = {
  keyword: "SERVER",
  prompt: "Server application",
  help: "The server.",
  shape: {
    kind: "text",
    what: "Name",
    lengthMax: 10,
    choices: choiceList({ "*SMTP": "The SMTP server", "*ALL": "Every server, which is *SMTP" }),
  },
  default: "*ALL",
  positional: 1,
};

export const STRTCPSVR: CommandDefinition = {
  name: "STRTCPSVR",
  title: "Start TCP/IP Server",
  help: "Opens the listeners of the SMTP server: all of them or none.",
  parameters: [SERVER],
  elsewhere: {
    treatment: "ignored",
    keywords: { RESTART: "Use ENDTCPSVR and STRTCPSVR; no change of the policy needs it." },
  },
  examples: [{ command: "STRTCPSVR SERVER(*SMTP)", meaning: "Mail is taken again." }],
};

export const ENDTCPSVR: CommandDefinition = {
  name: "ENDTCPSVR",
  title: "End TCP/IP Server",
  help: "Closes the listeners of the SMTP server. Transactions under way may end within DELAY; then their sessions hear 421. The queue is still delivered, and commands still work.",
  parameters: [
    SERVER,
    {
      keyword: "DELAY",
      prompt: "Time for transactions",
      help: "Seconds that transactions under way may take to end.",
      shape: { kind: "number", min: 0, max: 3_600 },
      default: "30",
    },
  ],
  examples: [{ command: "ENDTCPSVR SERVER(*SMTP)", meaning: "No more mail is taken." }],
};

const NO_SCREEN = "The list is printed as it is at this moment.";

export const WRKACTJOB: CommandDefinition = {
  name: "WRKACTJOB",
  title: "Work with Active Jobs",
  help: "Shows the parts of the relay as the jobs that IBM i has for them: QTSMTPSRVD listens, QTSMTPSRVP is one session, QTSMTPCLTD delivers. Where QTSMTPSRVD is in status SELW, SMTP is active.",
  parameters: [
    { ...OUTPUT, positional: 1 },
    {
      keyword: "RESET",
      prompt: "Reset status statistics",
      help: "Taken for its place among the parameters; figures are those since the last look.",
      shape: oneOf({ "*NO": "Statistics go on", "*YES": "Statistics go on" }),
      default: "*NO",
      positional: 2,
    },
    {
      keyword: "SBS",
      prompt: "Subsystem",
      help: "The jobs are in QSYSWRK.",
      shape: characters(10, {}, "Name, generic*"),
      singles: choiceList({ "*ALL": "Every subsystem" }),
      valuesMax: 25,
      default: "*ALL",
    },
    {
      keyword: "JOB",
      prompt: "Job name",
      help: "Only these jobs; a name that ends with * stands for all that begin so.",
      shape: characters(10, { "*ALL": "Every job" }, "Name, generic*"),
      default: "*ALL",
    },
  ],
  elsewhere: {
    treatment: "ignored",
    keywords: { CPUPCTLMT: NO_SCREEN, RSPLMT: NO_SCREEN, SEQ: NO_SCREEN, INTERVAL: NO_SCREEN },
  },
  examples: [
    { command: "WRKACTJOB SBS(QSYSWRK)", meaning: "Is SMTP active?" },
    { command: "WRKACTJOB SBS(QSYSWRK) JOB(QTSM*)", meaning: "The SMTP jobs only." },
  ],
};
