import {
  choiceList,
  characters,
  choicesOf,
  oneOf,
  type CommandDefinition,
  type Choice,
  type Parameter,
} from "../definition.ts";

const NO_FILTER =
  "Content is not filtered here: filter at the next hop, or refuse by client (*REJECT) and by recipient domain.";

const SAME: Choice = { value: "*SAME", meaning: "Not changed" };

/** The lists by their IBM i names. The IPv6 spellings name the same lists. */
const TYPES: readonly Choice[] = [
  ...choiceList({
    "*ACCEPT": "Clients that may relay, under ALWRLY(*LIST) and (*BOTH)",
    "*REJECT": "Clients whose connection is refused, whatever else holds",
    "*NEAR":
      "Domains (HOSTNAME) that are relayed to, or clients (INTNETADR) that may relay, under ALWRLY(*NEAR) and (*BOTH)",
    "*DOMAIN": "Domains that are ours, tied to an address of this machine under IFCDMN(*YES)",
    "*SVRBIND": "Addresses of this machine that the server listens on",
    "*CLTBIND": "Addresses of this machine that mail goes out from",
    "*HOSTAUTH": "User and password for a host that mail is delivered to",
    "*ETRNSVR": "Domains whose queue ETRN may start, under ETRNSVR(*YES)",
    "*ACCEPTIP6": "*ACCEPT, with an IPv6 network",
    "*REJECTIP6": "*REJECT, with an IPv6 network",
    "*DOMAINIP6": "*DOMAIN, with an IPv6 address",
    "*SVRBNDIP6": "*SVRBIND, with an IPv6 address",
    "*CLTBNDIP6": "*CLTBIND, with an IPv6 address",
  }),
  ...["*FTRSUBJECT", "*FTRORIGIN", "*FTRFILNAME", "*FTRTYPE"].map((value) => ({
    value,
    meaning: "",
    elsewhere: NO_FILTER,
  })),
  { value: "*ROUTE", meaning: "", elsewhere: "Use ADDSMTPRTE, CHGSMTPRTE, RMVSMTPRTE and WRKSMTPRTE." },
];

const IPV4_TYPES = ["*ACCEPT", "*REJECT", "*NEAR", "*DOMAIN", "*SVRBIND", "*CLTBIND"];
const IPV6_TYPES = ["*ACCEPTIP6", "*REJECTIP6", "*DOMAINIP6", "*SVRBNDIP6", "*CLTBNDIP6"];
const NETWORK_TYPES = ["*ACCEPT", "*REJECT", "*NEAR"];

const TYPE: Parameter = {
  keyword: "TYPE",
  prompt: "List type",
  help: "The list. *ACCEPT, *REJECT and the near networks hold addresses of clients; *NEAR holds domains of recipients as well.",
  shape: { kind: "choice", choices: TYPES },
  positional: 1,
};

const VALUE: readonly Parameter[] = [
  {
    keyword: "INTNETADR",
    prompt: "Internet address",
    help: "Address of the client or network. Also with a prefix length (10.1.0.0/16) and IPv6. Bits of the host are ignored: the answer says what is covered.",
    shape: characters(49),
    goesWith: { keyword: "TYPE", values: IPV4_TYPES },
  },
  {
    keyword: "SUBNETMASK",
    prompt: "Subnet mask",
    help: "Mask of the network. The default is one address.",
    shape: characters(15),
    default: "'255.255.255.255'",
    goesWith: { keyword: "TYPE", values: NETWORK_TYPES },
  },
  {
    keyword: "HOSTNAME",
    prompt: "Host name",
    help: "*NEAR: the domain of recipients; the exact name, or with a leading dot its subdomains. *DOMAIN: the domain that is ours. *HOSTAUTH: the host. *ETRNSVR: the domain of recipients.",
    shape: characters(255),
    goesWith: { keyword: "TYPE", values: ["*NEAR", "*DOMAIN", "*DOMAINIP6", "*HOSTAUTH", "*ETRNSVR"] },
  },
  {
    keyword: "IP6NETADR",
    prompt: "IPv6 address",
    help: "Address of the client or network.",
    shape: characters(49),
    goesWith: { keyword: "TYPE", values: [...IPV6_TYPES, "*NEAR"] },
  },
  {
    keyword: "IP6PFX",
    prompt: "IPv6 prefix",
    help: "Prefix length of the network. The default is one address.",
    shape: characters(3),
    default: "'128'",
    goesWith: { keyword: "TYPE", values: ["*ACCEPTIP6", "*REJECTIP6", "*NEAR"] },
  },
];

const USERNAME: Parameter = {
  keyword: "USERNAME",
  prompt: "User name",
  help: "The user that the host knows.",
  shape: { kind: "text", what: "Character value", lengthMax: 255, keepCase: true },
  goesWith: { keyword: "TYPE", values: ["*HOSTAUTH"] },
};

const PASSWORD: Parameter = {
  keyword: "PASSWORD",
  prompt: "User password",
  help: "Sealed with the key of the data directory before it is kept, and never shown. '{sealed}…' is the form of policy export.",
  shape: { kind: "text", what: "Character value", lengthMax: 4_096, keepCase: true },
  goesWith: { keyword: "TYPE", values: ["*HOSTAUTH"] },
  secret: true,
};

const HOST_METHOD: Parameter = {
  keyword: "AUTHMTH",
  prompt: "Authentication method",
  help: "How the relay authenticates to the host, where no route says another method.",
  shape: oneOf({
    "*AUTO": "The best that is offered",
    "*PLAIN": "PLAIN",
    "*LOGIN": "LOGIN",
    "*CRAMMD5": "CRAM-MD5",
    "*XOAUTH2": "XOAUTH2, with a token of OAUACC",
    "*OAUTHBEARER": "OAUTHBEARER, with a token of OAUACC",
  }),
  default: "*AUTO",
  goesWith: { keyword: "TYPE", values: ["*HOSTAUTH"] },
};

const OAUACC: Parameter = {
  keyword: "OAUACC",
  prompt: "OAuth account",
  help: "The OAuth account whose tokens the host is told, in place of a password. Without USERNAME it is told the user of the account.",
  shape: characters(32, {}, "Name"),
  goesWith: { keyword: "TYPE", values: ["*HOSTAUTH"] },
};

export const TEXT: Parameter = {
  keyword: "TEXT",
  prompt: "Text 'description'",
  help: "Why the entry is there.",
  shape: {
    kind: "text",
    what: "Character value",
    lengthMax: 255,
    choices: choiceList({ "*BLANK": "No text" }),
    literal: true,
  },
  default: "*BLANK",
};

export const EXPDATE: Parameter = {
  keyword: "EXPDATE",
  prompt: "Expiration date",
  help: "From then on the entry matches nothing: a date ('2027-01-31', from 00:00 UTC), a time ('2027-01-31T18:00Z'), or a duration from now (*12H, *30D, *4W).",
  shape: characters(40, { "*NONE": "The entry does not end" }, "Date, time or duration"),
  default: "*NONE",
};

export const CONFIRM: Parameter = {
  keyword: "CONFIRM",
  prompt: "Confirm wide opening",
  help: "A change that opens the relay to many strangers is done with *YES only.",
  shape: oneOf({ "*NO": "Such a change is refused, with how many addresses it would let in", "*YES": "It is meant" }),
  default: "*NO",
};

const ENTRY: Parameter = {
  keyword: "ENTRY",
  prompt: "Entry number",
  help: "The number of the entry as WRKSMTPLE shows it, in place of its list and value: E17.",
  shape: characters(20),
};

const REFUSED = { treatment: "refused", keywords: { FTRDATA: NO_FILTER } } as const;

export const ADDSMTPLE: CommandDefinition = {
  name: "ADDSMTPLE",
  title: "Add SMTP List Entry",
  help: "Adds an entry to a list of the relay's policy. It holds from the next command of every session on; no connection is ended. The answer says what the entry covers, and what is odd about it.",
  parameters: [{ ...TYPE, required: true }, ...VALUE, USERNAME, PASSWORD, HOST_METHOD, OAUACC, TEXT, EXPDATE, CONFIRM],
  elsewhere: REFUSED,
  examples: [
    {
      command: "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2') SUBNETMASK('255.255.255.255') TEXT('ERP')",
      meaning: "One host may relay.",
    },
    {
      command: "ADDSMTPLE *REJECT INTNETADR('10.100.3.0/24') EXPDATE(*30D)",
      meaning: "A network is refused for 30 days.",
    },
    {
      command: "ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('smtp.office365.com') OAUACC(M365)",
      meaning: "A host is told tokens of an OAuth account.",
    },
    { command: "ADDSMTPLE TYPE(*NEAR) HOSTNAME('partner.example')", meaning: "Anybody may send to that domain." },
    {
      command: "ADDSMTPLE TYPE(*ACCEPTIP6) IP6NETADR('2001:db8::') IP6PFX('32')",
      meaning: "An IPv6 network may relay.",
    },
  ],
};

export const RMVSMTPLE: CommandDefinition = {
  name: "RMVSMTPLE",
  title: "Remove SMTP List Entry",
  help: "Removes an entry from a list. Address and mask, or name, must be those of the entry; where they are not, the answer names the entries that are near. *HOSTAUTH and *DOMAIN entries are found by HOSTNAME alone.",
  parameters: [TYPE, ...VALUE, ENTRY, CONFIRM],
  elsewhere: REFUSED,
  examples: [
    { command: "RMVSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2')", meaning: "The entry of one address is removed." },
    {
      command: "RMVSMTPLE TYPE(*REJECT) INTNETADR('10.100.3.0') SUBNETMASK('255.255.255.0')",
      meaning: "That of a network.",
    },
    { command: "RMVSMTPLE ENTRY(E17)", meaning: "By its number." },
  ],
};

const NEW_VALUE: readonly Parameter[] = [
  {
    keyword: "NEWADR",
    prompt: "New address",
    help: "Address in place of the present one; also with a prefix length, also IPv6.",
    shape: characters(49),
  },
  { keyword: "NEWMASK", prompt: "New subnet mask", help: "Mask in place of the present one.", shape: characters(15) },
  { keyword: "NEWHOST", prompt: "New host name", help: "Name in place of the present one.", shape: characters(255) },
];

export const CHGSMTPLE: CommandDefinition = {
  name: "CHGSMTPLE",
  title: "Change SMTP List Entry",
  help: "Changes the text, the end, the mask or the value of an entry in one step. It keeps its number, its history and its use. The entry is named by its number, or by its list and value; SUBNETMASK or IP6PFX beside ENTRY is the new one.",
  parameters: [
    TYPE,
    ...VALUE,
    ENTRY,
    ...NEW_VALUE,
    same(TEXT),
    same(EXPDATE),
    USERNAME,
    PASSWORD,
    same(HOST_METHOD),
    OAUACC,
    CONFIRM,
  ],
  elsewhere: REFUSED,
  examples: [
    { command: "CHGSMTPLE ENTRY(E17) TEXT('ERP, until the move') EXPDATE(*4W)", meaning: "A new text and an end." },
    {
      command: "CHGSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.0.0') SUBNETMASK('255.255.0.0') NEWMASK('255.255.255.0')",
      meaning: "A narrower mask in one step.",
    },
  ],
};

/** The parameter with *SAME as its default: what is not said stays. */
export function same(parameter: Parameter): Parameter {
  const { shape, singles } = parameter;
  if (shape.kind === "elements" || singles !== undefined) {
    return { ...parameter, singles: [SAME, ...(singles ?? [])], default: SAME.value };
  }
  return { ...parameter, shape: { ...shape, choices: [SAME, ...choicesOf(shape)] }, default: SAME.value };
}

export const OUTPUT: Parameter = {
  keyword: "OUTPUT",
  prompt: "Output",
  help: "Where the answer goes.",
  shape: oneOf({ "*": "To the display, where there is one, else printed", "*PRINT": "Printed as text" }),
  default: "*",
};

export const WRKSMTPLE: CommandDefinition = {
  name: "WRKSMTPLE",
  title: "Work with SMTP List Entries",
  help: "Shows every entry of every list: what it covers, who added it and when, why, until when, how often and when it was last used, and what is odd about it.",
  parameters: [
    {
      keyword: "TYPE",
      prompt: "List type",
      help: "Which lists.",
      shape: { kind: "choice", choices: [{ value: "*ALL", meaning: "Every list" }, ...TYPES.slice(0, 7)] },
      singles: [{ value: "*ALL", meaning: "Every list" }],
      valuesMax: 7,
      default: "*ALL",
      positional: 1,
    },
    OUTPUT,
  ],
  examples: [
    { command: "WRKSMTPLE OUTPUT(*PRINT)", meaning: "Every entry." },
    { command: "WRKSMTPLE TYPE(*ACCEPT *REJECT) OUTPUT(*PRINT)", meaning: "Two lists." },
  ],
};
