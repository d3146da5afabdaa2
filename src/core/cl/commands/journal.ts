import { choiceList, characters, oneOf, type CommandDefinition } from "../definition.ts";
import { OUTPUT } from "./list-entries.ts";
import { TIME_HELP } from "./queue.ts";

const TIME = (keyword: string, prompt: string, special: string, meaning: string) => ({
  keyword,
  prompt,
  help: TIME_HELP,
  shape: characters(40, { [special]: meaning }, "Time"),
  default: special,
});

export const DSPSMTPJRN: CommandDefinition = {
  name: "DSPSMTPJRN",
  title: "Display SMTP Journal",
  help: "Shows the journal: every decision, every change of the policy, every accepted message and what became of it. Of several parameters, all must fit. Times are UTC.",
  parameters: [
    {
      keyword: "TYPE",
      prompt: "Entry type",
      help: "What kind of entries.",
      shape: oneOf({
        "*DECISION": "Decisions of the relay",
        "*ACCEPTED": "Messages that were accepted",
        "*OUTCOME": "What became of a recipient",
        "*POLICY": "Changes of the policy",
        "*OPERATION": "Acts of operators and of the server itself",
      }),
      singles: choiceList({ "*ALL": "All of them" }),
      valuesMax: 5,
      default: "*ALL",
      positional: 1,
    },
    {
      keyword: "CLIENT",
      prompt: "Client",
      help: "An address, or a network: '10.1.0.0/16'. A row that stands for many clients is found by the first of them.",
      shape: characters(49, { "*ALL": "Any client" }),
      default: "*ALL",
    },
    {
      keyword: "ENTRY",
      prompt: "Entry number",
      help: "Decisions that this entry made: E17.",
      shape: characters(20, { "*ALL": "Any" }),
      default: "*ALL",
    },
    {
      keyword: "VERDICT",
      prompt: "Verdict",
      help: "Decisions with this verdict.",
      shape: oneOf({
        "*RELAY": "Relayed",
        "*LOCAL": "Taken as local mail",
        "*REFUSE": "Refused: recipient or sender",
        "*REFUSECNN": "Refused: connection",
        "*DEFER": "Deferred",
      }),
      singles: choiceList({ "*ALL": "Any" }),
      valuesMax: 5,
      default: "*ALL",
    },
    {
      keyword: "DOMAIN",
      prompt: "Domain",
      help: "Domain of the recipient.",
      shape: characters(255, { "*ALL": "Any" }),
      default: "*ALL",
    },
    {
      keyword: "MSG",
      prompt: "Message number",
      help: "What happened to this message: Q1Z0G.",
      shape: characters(14, { "*ALL": "Any" }),
      default: "*ALL",
    },
    TIME("FROMTIME", "From", "*BEGIN", "From the oldest on"),
    TIME("TOTIME", "To", "*END", "To the newest"),
    {
      keyword: "ORDER",
      prompt: "Order",
      help: "Which come first.",
      shape: oneOf({ "*NEWEST": "The newest", "*OLDEST": "The oldest" }),
      default: "*NEWEST",
    },
    {
      keyword: "NBRENT",
      prompt: "Number of entries",
      help: "At most so many.",
      shape: { kind: "number", min: 1, max: 100_000 },
      default: "100",
    },
    {
      keyword: "FORMAT",
      prompt: "Format",
      help: "How they are printed.",
      shape: oneOf({
        "*TEXT": "A table",
        "*JSON": "One JSON value a line",
        "*CSV": "Comma-separated values (RFC 4180)",
      }),
      default: "*TEXT",
    },
    OUTPUT,
  ],
  examples: [
    { command: "DSPSMTPJRN OUTPUT(*PRINT)", meaning: "The newest 100 entries." },
    {
      command: "DSPSMTPJRN TYPE(*DECISION) VERDICT(*REFUSE *REFUSECNN) FROMTIME(*24H)",
      meaning: "Who was refused today?",
    },
    {
      command: "DSPSMTPJRN CLIENT('10.100.3.0/24') FORMAT(*CSV) NBRENT(10000)",
      meaning: "A network, for a spreadsheet.",
    },
  ],
};

export const DSPSMTPDCN: CommandDefinition = {
  name: "DSPSMTPDCN",
  title: "Display SMTP Decision",
  help: "With CLIENT: what the relay would answer now, by the functions that the live session uses, and why. With ID: a decision that it made, from the journal; the id stands in the reply that the client heard.",
  parameters: [
    {
      keyword: "CLIENT",
      prompt: "Client",
      help: "Address of the client.",
      shape: characters(49),
      positional: 1,
    },
    {
      keyword: "RCP",
      prompt: "Recipient",
      help: "Forward-path; without it the connection alone is judged.",
      shape: { kind: "text", what: "user@example.net", lengthMax: 998, keepCase: true },
    },
    {
      keyword: "SENDER",
      prompt: "Sender",
      help: "Reverse-path.",
      shape: { kind: "text", what: "user@example.net", lengthMax: 998, keepCase: true },
    },
    {
      keyword: "USER",
      prompt: "Authenticated user",
      help: "As if this user had authenticated.",
      shape: { kind: "text", what: "Name", lengthMax: 255, keepCase: true },
    },
    {
      keyword: "TLS",
      prompt: "TLS session",
      help: "As if the session were encrypted.",
      shape: oneOf({ "*NO": "It is not", "*YES": "It is" }),
      default: "*NO",
    },
    {
      keyword: "ID",
      prompt: "Decision number",
      help: "D-7F3K2, as in the reply.",
      shape: characters(20),
    },
    OUTPUT,
  ],
  examples: [
    { command: "DSPSMTPDCN CLIENT('10.100.1.2') RCP('user@example.net')", meaning: "May this host send there?" },
    { command: "DSPSMTPDCN ID(D-7F3K2)", meaning: "Why was that refused?" },
  ],
};
