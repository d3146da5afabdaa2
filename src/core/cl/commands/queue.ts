import { choiceList, characters, oneOf, type CommandDefinition, type Parameter } from "../definition.ts";
import { OUTPUT } from "./list-entries.ts";

/** Rows that are printed where nobody says how many. */
const ROWS = { min: 1, max: 100_000 } as const;

export const TIME_HELP = "A date ('2026-11-24'), a time ('2026-11-24T18:00Z'), or so long ago (*30M, *12H, *7D).";

function pick(keyword: string, prompt: string, help: string, lengthMax: number): Parameter {
  return { keyword, prompt, help, shape: { kind: "text", what: "Character value", lengthMax, keepCase: true } };
}

const MSG: Parameter = {
  keyword: "MSG",
  prompt: "Message number",
  help: "The number a message got when it was accepted: Q1Z0G.",
  shape: characters(14),
  singles: choiceList({ "*ALL": "Every message that the other parameters allow" }),
  valuesMax: 300,
  positional: 1,
};

const PICKS: readonly Parameter[] = [
  pick("NEXTHOP", "Next hop", "Messages that wait for this next hop: mx:example.net.", 300),
  pick("ORG", "Originator", "Messages with this reverse-path; '' or '<>' is the null reverse-path.", 320),
  pick("RCP", "Recipient", "Messages to this mailbox.", 320),
];

export const WRKSMTPEMM: CommandDefinition = {
  name: "WRKSMTPEMM",
  title: "Work with SMTP E-mail Messages",
  help: "Shows the messages of the queue, and what became of each recipient. With MSG of one message, everything that is known of it, from the journal too when it is gone.",
  parameters: [
    { ...MSG, default: "*ALL" },
    {
      keyword: "TYPE",
      prompt: "Type of mail",
      help: "Where the message came from.",
      shape: oneOf({
        "*ALL": "Any",
        "*LCD": "From programs of this machine",
        "*RLY": "From a client",
        "*NDL": "Reports of our own",
      }),
      default: "*ALL",
    },
    {
      keyword: "QUEUE",
      prompt: "Queue",
      help: "In which state.",
      shape: oneOf({
        "*PND": "Waiting for the first attempt",
        "*WRK": "Being delivered now",
        "*RTY": "Waiting for another attempt",
        "*HLD": "Held",
        "*CAP": "In the capture box",
      }),
      singles: choiceList({ "*ALL": "Any" }),
      valuesMax: 5,
      default: "*ALL",
    },
    pick("ADDRESS", "Address", "Only messages from or to this mailbox.", 320),
    ...PICKS,
    {
      keyword: "FROMTIME",
      prompt: "Accepted from",
      help: TIME_HELP,
      shape: characters(40, { "*BEGIN": "From the oldest on" }, "Time"),
      default: "*BEGIN",
    },
    {
      keyword: "TOTIME",
      prompt: "Accepted before",
      help: TIME_HELP,
      shape: characters(40, { "*END": "To the newest" }, "Time"),
      default: "*END",
    },
    {
      keyword: "SORTBY",
      prompt: "Sorted by",
      help: "The order.",
      shape: oneOf({
        "*TIME": "Time of acceptance",
        "*ORG": "Reverse-path",
        "*RCP": "First recipient",
        "*DMN": "Domain of the first recipient",
        "*IP": "Client",
        "*SIZE": "Size, the largest first",
      }),
      default: "*TIME",
    },
    {
      keyword: "NBRRCD",
      prompt: "Number of messages",
      help: "At most so many.",
      shape: { kind: "number", ...ROWS },
      default: "1000",
    },
    OUTPUT,
  ],
  elsewhere: { treatment: "ignored", keywords: { LISTBY: "Use SORTBY." } },
  examples: [
    { command: "WRKSMTPEMM OUTPUT(*PRINT)", meaning: "The queue." },
    { command: "WRKSMTPEMM QUEUE(*RTY *HLD) SORTBY(*DMN)", meaning: "What waits, by domain." },
    { command: "WRKSMTPEMM TYPE(*RLY) SORTBY(*IP) OUTPUT(*PRINT)", meaning: "Who relays through us?" },
  ],
};

function act(name: string, title: string, help: string, example: string): CommandDefinition {
  return {
    name,
    title,
    help: `${help} Messages are named by number, next hop, reverse-path or recipient; of several, all must fit.`,
    parameters: [MSG, ...PICKS],
    examples: [
      { command: `${name} MSG(Q1Z0G)`, meaning: example },
      { command: `${name} NEXTHOP('mx:example.net')`, meaning: "All that wait for one next hop." },
    ],
  };
}

export const HLDSMTPEMM = act(
  "HLDSMTPEMM",
  "Hold SMTP E-mail Messages",
  "Holds messages of the queue: they are not tried until they are released.",
  "One message waits.",
);
export const RLSSMTPEMM = act(
  "RLSSMTPEMM",
  "Release SMTP E-mail Messages",
  "Releases held messages.",
  "One message goes on.",
);
export const RTYSMTPEMM = act(
  "RTYSMTPEMM",
  "Retry SMTP E-mail Messages",
  "Makes messages due now that wait for another attempt.",
  "One message is tried now.",
);
export const RMVSMTPEMM = act(
  "RMVSMTPEMM",
  "Remove SMTP E-mail Messages",
  "Takes messages out of the queue or the capture box for good. No report is sent.",
  "One message is gone.",
);
