import {
  choiceList,
  oneOf,
  type CommandDefinition,
  type Choice,
  type Parameter,
  type SimpleShape,
} from "../definition.ts";
import { CONFIRM, OUTPUT } from "./list-entries.ts";

const SAME: readonly Choice[] = choiceList({ "*SAME": "Not changed", "*DFT": "The value of a new policy" });

/** An attribute: *SAME is its default, *DFT its value in a new policy. */
function attribute(keyword: string, prompt: string, shape: SimpleShape, help: string): Parameter {
  return { keyword, prompt, help, shape: withSame(shape), default: "*SAME" };
}

function withSame(shape: SimpleShape): SimpleShape {
  if (shape.kind === "choice") return { ...shape, choices: [...SAME, ...shape.choices] };
  return { ...shape, choices: [...SAME, ...(shape.choices ?? [])] };
}

function yesNo(yes: string, no: string): SimpleShape {
  return oneOf({ "*YES": yes, "*NO": no });
}

function domains(keyword: string, prompt: string, none: string, help: string): Parameter {
  return {
    keyword,
    prompt,
    help,
    shape: { kind: "text", what: "Domain name", lengthMax: 255 },
    singles: [...SAME, { value: "*NONE", meaning: none }],
    valuesMax: 10,
    default: "*SAME",
  };
}

function retry(keyword: string, level: string, unit: string, max: number): Parameter {
  return {
    keyword,
    prompt: `${level} retries by ${unit}`,
    help: `Number of retries, and ${unit}s between them.`,
    shape: {
      kind: "elements",
      elements: [
        { prompt: "Number of retries", shape: { kind: "number", min: 0, max } },
        { prompt: "Time interval", shape: { kind: "number", min: 0, max } },
      ],
    },
    singles: SAME,
    default: "*SAME",
  };
}

const NO_DIRECTORY =
  "There is no directory of users here: mail for local_domains goes to delivery.local of the configuration file.";
const NO_TABLES = "Mail is passed on as it is, in UTF-8 where it says so; nothing is translated.";

const ELSEWHERE: Readonly<Record<string, string>> = {
  POPWDW: "There is no POP server: use ALWAUTH(*RELAY), so that roaming users authenticate.",
  VFYID: "The name in EHLO proves nothing: use *ACCEPT entries or ALWAUTH(*LCLRLY).",
  VFYMSFMSG: "Mail of programs is judged as that of client 127.0.0.1: use the lists.",
  FTRACN: "Content is not filtered here: filter at the next hop.",
  COLDSTART: "Use RMVSMTPEMM to clear the queue.",
  DIRTYPE: NO_DIRECTORY,
  AUTOADD: NO_DIRECTORY,
  USRIDPFX: NO_DIRECTORY,
  ADDRESS: NO_DIRECTORY,
  SYSNAME: NO_DIRECTORY,
  TBLTYPE: NO_DIRECTORY,
  USRIDDELIM: NO_DIRECTORY,
  RTYRMTSVR: "Names are asked for anew at every attempt: use RTYMIN, RTYHOUR and RTYDAY.",
  CCSID: NO_TABLES,
  TBLSMTPOUT: NO_TABLES,
  TBLSMTPIN: NO_TABLES,
  ETRNCLT: "ETRN is not sent: mail that waits elsewhere is asked for from there, as by fetchmail --proto etrn.",
  NFYDLVRY: "Reports go to the reverse-path by RFC 3461: the sender asks for them with NOTIFY.",
  DIALSCD: "Use HLDSMTPEMM and RLSSMTPEMM at the times of the schedule.",
  SBSD: "The server is one process of its own; the service manager starts it.",
  ALLMAILMSF: "There is no mail server framework: all mail goes through the queue.",
  KEEPUNTIL: "How long the journal keeps what it knows is set in [limits] of the configuration file.",
  ALWIMPSSL: 'Use tls = "implicit" for a listener in the configuration file.',
};

export const CHGSMTPA: CommandDefinition = {
  name: "CHGSMTPA",
  title: "Change SMTP Attributes",
  help: "Changes attributes of the relay. What is not given stays as it is. A change holds from the next command of every session on, except AUTOSTART, which holds at the next start.",
  parameters: [
    {
      ...attribute(
        "AUTOSTART",
        "Autostart server",
        yesNo("serve opens the listeners", "STRTCPSVR opens them"),
        "Whether the listeners open when the program starts. Used from the next start on.",
      ),
      positional: 1,
    },
    attribute(
      "ALWRLY",
      "Allow relayed mail",
      oneOf({
        "*NONE": "Nobody may relay; mail for local domains still flows",
        "*LIST": "Clients on *ACCEPT may relay",
        "*NEAR": "Mail to domains on *NEAR is relayed, and clients on *NEAR may relay",
        "*BOTH": "What *LIST or *NEAR allows",
        "*ALL": "Everybody may relay: an open relay; needs CONFIRM(*YES)",
      }),
      "Whether, and for whom, mail is relayed.",
    ),
    attribute(
      "ALWAUTH",
      "Allow authentication",
      oneOf({
        "*NONE": "Who authenticates gains nothing",
        "*RELAY": "An authenticated client relays as if on *ACCEPT, under ALWRLY(*LIST) and (*BOTH)",
        "*LCLRLY": "Every client must authenticate, for local mail too",
      }),
      "What authentication (RFC 4954) is good for.",
    ),
    attribute(
      "OVRRJTCNNL",
      "Override reject connect list",
      yesNo("A *REJECT client may authenticate, and do nothing before", "*REJECT is final"),
      "Whether a client on *REJECT may connect to a listener that offers AUTH.",
    ),
    domains(
      "RBLSVR",
      "Real-time black-hole list servers",
      "No DNS list is asked",
      "DNS lists (RFC 5782) that are asked at connect; a client that one of them names is refused.",
    ),
    attribute(
      "PCTRTGCHR",
      "Percent routing character",
      yesNo("user%host@local is judged and delivered by its final address", "% is an ordinary character"),
      "Whether % in a local-part is a route.",
    ),
    attribute(
      "ALWBARELF",
      "Allow bare line feed",
      yesNo("A bare LF becomes CRLF before anything else looks", "A bare LF is refused with 550 5.6.11"),
      "For old devices that cannot write CRLF.",
    ),
    attribute(
      "VFYFROMUSR",
      "Verify from user",
      oneOf({
        "*NONE": "Any sender is taken",
        "*ALL": "Of every client",
        "*LIST": "Of clients that are not on *ACCEPT",
      }),
      "Of whom the reverse-path must be in a local domain.",
    ),
    attribute(
      "MAILROUTER",
      "Mail router",
      {
        kind: "text",
        what: "Host, with :port",
        lengthMax: 262,
        choices: choiceList({ "*NONE": "The configuration file decides" }),
      },
      "Smart host that mail is delivered through: smtp.example.net:587.",
    ),
    attribute(
      "FWDHUBSVR",
      "Forwarding mail hub",
      {
        kind: "text",
        what: "Host, with :port",
        lengthMax: 262,
        choices: choiceList({ "*NONE": "MAILROUTER and FIREWALL decide" }),
      },
      "Host that all mail goes to which is not local, near or far: before MAILROUTER.",
    ),
    attribute(
      "FIREWALL",
      "Firewall",
      yesNo("Mail for near domains goes by MX, all other mail to MAILROUTER", "*NEAR does not change the route"),
      "Whether MAILROUTER is for what is not near only.",
    ),
    retry("RTYMIN", "First-level", "minute", 99),
    retry("RTYHOUR", "Second-level", "hour", 99),
    retry("RTYDAY", "Third-level", "day", 9),
    attribute(
      "MAXEMMSIZE",
      "Largest message",
      { kind: "number", min: 1, max: 2_097_151 },
      "In kilobytes (1,024 octets).",
    ),
    attribute(
      "MAXINEMM",
      "Sessions in",
      { kind: "number", min: 1, max: 100_000 },
      "How many clients may be connected at once.",
    ),
    attribute(
      "MAXOUTEMM",
      "Sessions out",
      { kind: "number", min: 1, max: 10_000 },
      "How many connections deliver at once.",
    ),
    attribute(
      "MIME8BIT",
      "8-bit MIME",
      yesNo("8BITMIME is offered", "It is not"),
      "Whether the server offers 8BITMIME (RFC 6152).",
    ),
    attribute(
      "JOURNAL",
      "Journal",
      yesNo("Everything is kept", "Refusals and changes only"),
      "What the journal keeps.",
    ),
    domains(
      "ALIASDMN",
      "Alias domains",
      "No further domains",
      "More domains that are ours, besides local_domains of the configuration file. Mail for them is not relayed but delivered locally.",
    ),
    attribute(
      "IFCDMN",
      "Interface domains",
      yesNo(
        "A *DOMAIN entry counts where the session came in at its address",
        "A *DOMAIN entry counts wherever the session came in",
      ),
      "Whether *DOMAIN entries are tied to their address.",
    ),
    attribute(
      "ETRNSVR",
      "ETRN server",
      yesNo("ETRN starts the queue of a domain on *ETRNSVR", "ETRN is refused"),
      "Whether clients on *ACCEPT or *NEAR, and those that authenticated, may have mail for a domain on *ETRNSVR tried now (RFC 1985).",
    ),
    attribute(
      "ARCDMN",
      "ARC sealing domain",
      { kind: "text", what: "Domain", lengthMax: 253, choices: choiceList({ "*NONE": "Nothing is sealed" }) },
      "The domain whose RSA key (relaykeeper dkim) seals mail that is forwarded as it came and not signed by us (RFC 8617).",
    ),
    CONFIRM,
  ],
  elsewhere: { treatment: "ignored", keywords: ELSEWHERE },
  examples: [
    { command: "CHGSMTPA ALWRLY(*LIST)", meaning: "Clients on *ACCEPT may relay." },
    {
      command: "CHGSMTPA ALWAUTH(*RELAY) MAXEMMSIZE(25600)",
      meaning: "Authenticated clients relay too; messages up to 25 MB.",
    },
    {
      command: "CHGSMTPA RTYMIN(3 30) RTYHOUR(*DFT)",
      meaning: "Three retries, 30 minutes apart, then by hours as in a new policy.",
    },
  ],
};

export const DSPSMTPA: CommandDefinition = {
  name: "DSPSMTPA",
  title: "Display SMTP Attributes",
  help: "Shows every attribute with its value, what it means, and what it is in a new policy.",
  parameters: [OUTPUT],
  examples: [{ command: "DSPSMTPA OUTPUT(*PRINT)", meaning: "Every attribute." }],
};
