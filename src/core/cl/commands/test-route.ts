import { characters, type CommandDefinition } from "../definition.ts";

export const TSTSMTPRTE: CommandDefinition = {
  name: "TSTSMTPRTE",
  title: "Test SMTP Route",
  help: "Says which route mail would take and why, which others match less specifically, and where that leads now: servers, TLS, whose credentials, pace. Names are looked up; nothing is connected to, and nothing is sent.",
  parameters: [
    {
      keyword: "RCP",
      prompt: "Recipient",
      help: "Whom the mail is for.",
      shape: { kind: "text", what: "user@example.net", lengthMax: 320, keepCase: true },
      required: true,
      positional: 1,
    },
    {
      keyword: "ORG",
      prompt: "Originator",
      help: "Its reverse-path.",
      shape: {
        kind: "text",
        what: "Address",
        lengthMax: 320,
        keepCase: true,
        choices: [{ value: "*NONE", meaning: "The null reverse-path" }],
      },
      default: "*NONE",
    },
    {
      keyword: "CLTADR",
      prompt: "Address of the client",
      help: "Where the mail came from.",
      shape: characters(49, { "*SYSTEM": "This machine itself" }, "Address"),
      default: "*SYSTEM",
    },
  ],
  examples: [
    {
      command: "TSTSMTPRTE RCP('user@partner.example') ORG('erp@example.com') CLTADR('10.20.1.1')",
      meaning: "The way of such mail.",
    },
  ],
};
