import {
  choiceList,
  characters,
  oneOf,
  type CommandDefinition,
  type Parameter,
  type SimpleShape,
} from "../definition.ts";
import { ROUTE_HOSTS_MAX, ROUTE_PACE_MAX, ROUTE_PINS_MAX, ROUTE_WEIGHT_MAX } from "../../policy/route-fields.ts";
import { EXPDATE, OUTPUT, same, TEXT } from "./list-entries.ts";

const RTE: Parameter = {
  keyword: "RTE",
  prompt: "Route",
  help: "Its name: 1 to 32 letters, digits, underscores, hyphens and dots.",
  shape: characters(32, {}, "Name"),
  required: true,
  positional: 1,
};

const MATCH: readonly Parameter[] = [
  {
    keyword: "RCPDMN",
    prompt: "Domain of the recipient",
    help: "The route is for mail to this domain: the exact name, or with a leading dot its subdomains.",
    shape: characters(255, { "*ANY": "Every recipient" }, "Domain"),
    default: "*ANY",
  },
  {
    keyword: "SNDADR",
    prompt: "Sender",
    help: "The route is for mail from this address or domain, with a leading dot from its subdomains; '<>' is the null reverse-path of reports.",
    shape: {
      kind: "text",
      what: "Address or domain",
      lengthMax: 320,
      choices: choiceList({ "*ANY": "Every sender" }),
      keepCase: true,
    },
    default: "*ANY",
  },
  {
    keyword: "CLTADR",
    prompt: "Network of the client",
    help: "The route is for mail that came from this address or network: '10.1.0.0/16', '2001:db8::/32'.",
    shape: characters(49, { "*ANY": "Every client" }, "Address or network"),
    default: "*ANY",
  },
];

const ACTION: Parameter = {
  keyword: "ACTION",
  prompt: "Action",
  help: "Where the mail goes. No action lets mail in that the lists refuse.",
  shape: oneOf({
    "*DFT": "Where it would go without the route, with what else the route says",
    "*MX": "By MX of the recipient's domain, past every smart host",
    "*RELAY": "To RLYHOST",
    "*LOCAL": "To the next hop of local domains",
    "*HOLD": "Stays in the queue until it is released",
    "*CAPTURE": "Into the capture box",
    "*REFUSE": "Nowhere: RCPT is refused",
  }),
  default: "*DFT",
};

const HOST_TEXT = "smtp.example.net:587, mx:example.net";

const TARGET: readonly Parameter[] = [
  {
    keyword: "RLYHOST",
    prompt: "Relay hosts",
    help: "Where ACTION(*RELAY) goes: hosts with their share of the load. 'mx:example.net' stands for the mail exchangers of that name. *FALLBACK hosts are tried, in their order, when no other can be reached.",
    shape: {
      kind: "elements",
      elements: [
        { prompt: "Host and port", shape: characters(270, {}, HOST_TEXT) },
        {
          prompt: "Weight",
          shape: {
            kind: "number",
            min: 1,
            max: ROUTE_WEIGHT_MAX,
            choices: choiceList({ "*FALLBACK": "When no other host can be reached" }),
          },
          default: "1",
        },
      ],
    },
    singles: choiceList({ "*NONE": "No host" }),
    valuesMax: ROUTE_HOSTS_MAX,
    default: "*NONE",
  },
  {
    keyword: "TLS",
    prompt: "TLS to the next hop",
    help: "What is asked of the connection before mail is sent.",
    shape: oneOf({
      "*DFT": "Where it is offered; with a certificate that is checked where credentials are sent",
      "*NONE": "Never",
      "*MAY": "Where it is offered, whatever the certificate",
      "*ENCRYPT": "Always, whatever the certificate",
      "*VERIFY": "Always, with a certificate of a known authority for the name",
      "*DANE": "As the TLSA records say (RFC 7672)",
      "*MTASTS": "As the MTA-STS policy of the domain says (RFC 8461)",
      "*PIN": "Always, with a certificate of TLSPIN",
    }),
    default: "*DFT",
  },
  {
    keyword: "TLSPIN",
    prompt: "Certificate fingerprints",
    help: "SHA-256 of the certificates or public keys that TLS(*PIN) takes, in hexadecimal.",
    shape: characters(95, {}, "64 hexadecimal digits"),
    singles: choiceList({ "*NONE": "No fingerprint" }),
    valuesMax: ROUTE_PINS_MAX,
    default: "*NONE",
  },
  {
    keyword: "AUTHMTH",
    prompt: "Authentication method",
    help: "How the relay authenticates to the next hop. Credentials are sent in TLS sessions only.",
    shape: oneOf({
      "*AUTO": "The best that is offered, where there are credentials",
      "*NONE": "Not at all",
      "*PLAIN": "PLAIN",
      "*LOGIN": "LOGIN",
      "*CRAMMD5": "CRAM-MD5",
      "*XOAUTH2": "XOAUTH2, with a token of the account",
      "*OAUTHBEARER": "OAUTHBEARER, with a token of the account",
    }),
    default: "*AUTO",
  },
  {
    keyword: "AUTHACC",
    prompt: "Authentication account",
    help: "Whose credentials: the entry of *HOSTAUTH for the host, or an OAuth account by its name.",
    shape: characters(32, { "*HOSTAUTH": "The entry of *HOSTAUTH for the host" }, "Name"),
    default: "*HOSTAUTH",
  },
  {
    keyword: "PROTOCOL",
    prompt: "Protocol",
    help: "How mail is handed on.",
    shape: oneOf({ "*SMTP": "SMTP", "*GRAPH": "sendMail of Microsoft Graph, as AUTHACC" }),
    default: "*SMTP",
  },
];

function upTo(standard: string, meaning: string): SimpleShape {
  return { kind: "number", min: 1, max: ROUTE_PACE_MAX, choices: choiceList({ [standard]: meaning }) };
}

const PACE: readonly Parameter[] = [
  {
    keyword: "MAXCNN",
    prompt: "Maximum connections",
    help: "Connections to the next hop at once.",
    shape: upTo("*DFT", "As without the route"),
    default: "*DFT",
  },
  {
    keyword: "MAXMSG",
    prompt: "Messages per connection",
    help: "After so many messages a connection is closed.",
    shape: upTo("*DFT", "As without the route"),
    default: "*DFT",
  },
  {
    keyword: "RATESEC",
    prompt: "Messages per second",
    help: "At most so many messages in a second.",
    shape: upTo("*NOMAX", "No limit"),
    default: "*NOMAX",
  },
  {
    keyword: "RATEMIN",
    prompt: "Messages per minute",
    help: "At most so many messages in a minute.",
    shape: upTo("*NOMAX", "No limit"),
    default: "*NOMAX",
  },
  {
    keyword: "RATEDAY",
    prompt: "Messages per day",
    help: "At most so many messages in 24 hours.",
    shape: upTo("*NOMAX", "No limit"),
    default: "*NOMAX",
  },
];

const CONTENT: readonly Parameter[] = [
  {
    keyword: "SNDRWT",
    prompt: "Sender in place of others",
    help: "Every reverse-path but the null one becomes this address, for next hops that take no other.",
    shape: {
      kind: "text",
      what: "user@example.com",
      lengthMax: 320,
      choices: choiceList({ "*NONE": "Senders are left alone" }),
      keepCase: true,
    },
    default: "*NONE",
  },
  {
    keyword: "HDRRWT",
    prompt: "From field as well",
    help: "Whether SNDRWT is for the From field of the header as well. Reply-To then names who wrote.",
    shape: oneOf({ "*YES": "Envelope and From field", "*NO": "Envelope only" }),
    default: "*YES",
  },
  {
    keyword: "HDRFIX",
    prompt: "Header put right",
    help: "Whether Bcc is taken out, and a missing From, Date or Message-ID added.",
    shape: oneOf({
      "*NO": "The header is left alone",
      "*LIST": "Of clients that the policy names: *ACCEPT, networks of *NEAR, users",
      "*YES": "Of everybody",
    }),
    default: "*NO",
  },
];

const SETTINGS: readonly Parameter[] = [ACTION, ...TARGET, ...PACE, ...CONTENT];

export const ADDSMTPRTE: CommandDefinition = {
  name: "ADDSMTPRTE",
  title: "Add SMTP Route",
  help: "Adds a route: which mail it is for, where that goes, and how. The most specific route that matches counts. It holds for mail that is in the queue too.",
  parameters: [RTE, ...MATCH, ...SETTINGS, TEXT, EXPDATE],
  examples: [
    {
      command: "ADDSMTPRTE RTE(PARTNER) RCPDMN('partner.example') ACTION(*RELAY) RLYHOST('smtp.partner.example:587')",
      meaning: "Mail to one domain goes to one host.",
    },
    {
      command:
        "ADDSMTPRTE M365 ACTION(*RELAY) RLYHOST('smtp.office365.com:587') AUTHMTH(*XOAUTH2) AUTHACC(M365) RATEMIN(30)",
      meaning: "All mail goes to Microsoft 365, 30 messages a minute.",
    },
    {
      command:
        "ADDSMTPRTE RTE(PRINTERS) CLTADR('10.20.0.0/16') SNDRWT('printers@example.com') RLYHOST(('smtp1.example.net' 2) ('smtp2.example.net' 1) ('backup.example.net' *FALLBACK)) ACTION(*RELAY)",
      meaning: "Printers send under one address, through two hosts and a third for bad days.",
    },
  ],
};

export const CHGSMTPRTE: CommandDefinition = {
  name: "CHGSMTPRTE",
  title: "Change SMTP Route",
  help: "Changes what it names of a route; the rest stays. The route keeps its number, its history and its use.",
  parameters: [RTE, ...[...MATCH, ...SETTINGS, TEXT, EXPDATE].map(same)],
  examples: [
    { command: "CHGSMTPRTE RTE(PARTNER) TLS(*VERIFY)", meaning: "TLS with a certificate that is checked." },
    { command: "CHGSMTPRTE RTE(M365) RATEMIN(*NOMAX) TEXT(*BLANK)", meaning: "No rate any more, and no text." },
  ],
};

export const RMVSMTPRTE: CommandDefinition = {
  name: "RMVSMTPRTE",
  title: "Remove SMTP Route",
  help: "Removes a route. Mail that is in the queue goes the way that is left.",
  parameters: [RTE],
  examples: [{ command: "RMVSMTPRTE RTE(PARTNER)", meaning: "The route is removed." }],
};

export const WRKSMTPRTE: CommandDefinition = {
  name: "WRKSMTPRTE",
  title: "Work with SMTP Routes",
  help: "Shows every route, the most specific first: which mail it is for, where that goes, who added it and when, why, until when, how often and when it was last used.",
  parameters: [OUTPUT],
  examples: [{ command: "WRKSMTPRTE OUTPUT(*PRINT)", meaning: "Every route." }],
};
