import { characters, type CommandDefinition } from "../definition.ts";

export const CHKSMTPRTE: CommandDefinition = {
  name: "CHKSMTPRTE",
  title: "Check SMTP Route",
  help: "Walks to a next hop as mail would: name, connection, greeting, EHLO, TLS, AUTH, MAIL and RCPT. Nothing is sent. It stops at the first refusal and says what that means.",
  parameters: [
    {
      keyword: "RTE",
      prompt: "Route",
      help: "A route that leads to hosts, or a next hop as the queue names it: mx:example.net.",
      shape: characters(320, { "*ADDRESS": "The way of mail to RCP" }, "Name"),
      default: "*ADDRESS",
      positional: 1,
    },
    {
      keyword: "RCP",
      prompt: "Recipient",
      help: "Said in RCPT.",
      shape: characters(320, { "*SENDER": "The sender itself" }, "Address"),
      default: "*SENDER",
    },
    {
      keyword: "ORG",
      prompt: "Originator",
      help: "Said in MAIL.",
      shape: characters(320, { "*ROUTE": "Who the route or its credentials let send, or postmaster" }, "Address"),
      default: "*ROUTE",
    },
  ],
  examples: [
    { command: "CHKSMTPRTE RTE(M365)", meaning: "Walks to the hosts of route M365." },
    { command: "CHKSMTPRTE RCP('user@example.net')", meaning: "Walks the way of mail to this address." },
  ],
};
