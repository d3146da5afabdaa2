/** Messages of route check (SMR089n). */
export const ROUTE_CHECK = {
  SMR0893: {
    severity: 0,
    text: "Mail would go by &1.",
    cause: "The route that counts is the most specific one that matches; nothing was connected to.",
  },
  SMR0894: {
    severity: 40,
    text: "Mail would go by &1, and that leads nowhere now: &2",
    cause: "The way was found, and no server at its end.",
    recovery: "Look at the name, the route or the account that the reply names.",
  },
  SMR0895: {
    severity: 0,
    text: "Route &1 works up to where mail would be sent.",
    cause: "Name, connection, TLS, authentication, MAIL and RCPT went well. Nothing was sent.",
  },
  SMR0896: {
    severity: 40,
    text: "Route &1 ended at step &2.",
    cause: "The next hop refused or could not be reached. The last line says what was said.",
    recovery: "Do what the advice says, and check again. docs/providers.md goes through providers one by one.",
  },
  SMR0897: {
    severity: 0,
    text: "&1",
    cause: "What the refusal means, in the words of this relay, and what is to be done.",
  },
  SMR0898: {
    severity: 40,
    text: "Say which route, or an address that mail goes to.",
    cause: "route check needs a ROUTE or --to ADDRESS.",
    recovery: "relaykeeper route check --to user@example.net",
  },
  SMR0899: {
    severity: 40,
    text: "&1 is no address.",
    cause: "An address is local-part@domain.",
    recovery: "Correct it.",
  },
} as const;
