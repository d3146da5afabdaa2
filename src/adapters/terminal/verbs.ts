/** Every verb of `relaykeeper`, said once: the command line is read by it, help and the manual page are made of it. */

export interface Option {
  /** Absent: a flag. Otherwise what its value is called in help. */
  readonly value?: string;
  /** May be given several times. */
  readonly many?: true;
  readonly help: string;
}

export interface Verb {
  readonly name: string;
  /** What follows the name, options of all verbs left out. */
  readonly synopsis: string;
  readonly summary: string;
  readonly help?: string;
  readonly options: Readonly<Record<string, Option>>;
  /** How many operands it takes. */
  readonly operands: { readonly min: number; readonly max: number };
  readonly examples?: readonly string[];
}

export const COMMON_OPTIONS: Readonly<Record<string, Option>> = {
  "data-dir": { value: "DIR", help: "Data directory of the relay." },
  config: { value: "FILE", help: "Configuration file, which says where the data directory is." },
  json: { help: "Print the result as one JSON value." },
  help: { help: "Show this text." },
};

const NONE = { min: 0, max: 0 };
const MANY = 10_000;

const PICKS: Readonly<Record<string, Option>> = {
  "next-hop": { value: "HOP", help: "Messages that wait for this next hop: mx:example.net." },
  from: { value: "ADDRESS", help: "Messages with this reverse-path; '' is the null reverse-path." },
  to: { value: "ADDRESS", help: "Messages to this mailbox." },
};

function queueAct<const Name extends string>(name: Name, summary: string, help: string) {
  return {
    name,
    synopsis: "[ID …] [--next-hop HOP] [--from ADDRESS] [--to ADDRESS] [--all]",
    summary,
    help,
    options: { ...PICKS, all: { help: "Every message." } },
    operands: { min: 0, max: 300 },
    examples: [`relaykeeper ${name} Q1Z0G`, `relaykeeper ${name} --next-hop mx:example.net`],
  } as const satisfies Verb;
}

function screen<const Name extends string>(name: Name, command: string, summary: string) {
  return {
    name,
    synopsis: "[PARAMETERS]",
    summary,
    help: `The same as relaykeeper cl "${command} …"; what follows the verb goes to the command.`,
    options: {},
    operands: { min: 0, max: 50 },
  } as const satisfies Verb;
}

export const VERBS = [
  {
    name: "serve",
    synopsis: "",
    summary: "Run the relay in the foreground.",
    help: "It logs to standard error. SIGTERM and SIGINT end it cleanly, a second one at once; SIGHUP reads certificates and file again. Without a file it listens on 127.0.0.1:2525, keeps its data in ./data and delivers into the capture box.",
    options: {},
    operands: NONE,
    examples: ["relaykeeper serve --config /etc/relaykeeper/relaykeeper.toml"],
  },
  {
    name: "check",
    synopsis: "",
    summary: "Read the configuration file and say what it would do.",
    help: "Exit status 1 where it is wrong, with file, line, key and what would be right.",
    options: {},
    operands: NONE,
    examples: ["relaykeeper check --config relaykeeper.toml"],
  },
  {
    name: "status",
    synopsis: "",
    summary: "Is it up, on which addresses, who may relay, how much is queued.",
    options: {},
    operands: NONE,
  },
  {
    name: "cl",
    synopsis: '["COMMAND …" | -] [--prompt COMMAND]',
    summary: "Run a CL command, a script from standard input (-), or a command line.",
    help: "A script stops at its first error and says in which line. Without operand: a command line with history and completion; COMMAND ? shows its parameters. The history is kept without secrets.",
    options: { prompt: { value: "COMMAND", help: "Show every parameter of a command with its choices and default." } },
    operands: { min: 0, max: 50 },
    examples: [
      "relaykeeper cl \"ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2')\"",
      "relaykeeper cl - < policy.cl",
      "relaykeeper cl --prompt CHGSMTPA",
    ],
  },
  {
    name: "explain",
    synopsis: "--client IP [--from ADDRESS] [--to ADDRESS] [--user NAME] [--tls] | DECISION",
    summary: "What the relay would answer, and why; or why it answered so.",
    help: "With --client the functions of the live session answer. With the id of a reply (D-7F3K2) the journal does.",
    options: {
      client: { value: "IP", help: "Address of the client." },
      from: { value: "ADDRESS", help: "Reverse-path." },
      to: { value: "ADDRESS", help: "Forward-path; without it the connection alone is judged." },
      user: { value: "NAME", help: "As if this user had authenticated." },
      tls: { help: "As if the session were encrypted." },
    },
    operands: { min: 0, max: 1 },
    examples: ["relaykeeper explain --client 10.100.1.2 --to user@example.net", "relaykeeper explain D-7F3K2"],
  },
  {
    name: "policy export",
    synopsis: "[--all]",
    summary: "Print the whole policy as commands, in a stable order.",
    options: { all: { help: "Attributes that have their default too." } },
    operands: NONE,
    examples: ["relaykeeper policy export > policy.cl"],
  },
  {
    name: "policy apply",
    synopsis: "FILE [--confirm]",
    summary: "Make the policy exactly what the file says, in one version.",
    help: "What the file does not name goes back to its default. Where it is wrong, nothing changes. - is standard input.",
    options: { confirm: { help: "Do it although it opens the relay wide." } },
    operands: { min: 1, max: 1 },
  },
  {
    name: "policy diff",
    synopsis: "FILE",
    summary: "Print the commands that would make the policy what the file says.",
    options: {},
    operands: { min: 1, max: 1 },
  },
  {
    name: "policy check",
    synopsis: "FILE",
    summary: "Say whether a policy file is right, and what would be odd about it.",
    options: {},
    operands: { min: 1, max: 1 },
  },
  {
    name: "policy undo",
    synopsis: "[--confirm]",
    summary: "Take the newest change back, as a new version.",
    options: { confirm: { help: "Do it although it opens the relay wide." } },
    operands: NONE,
  },
  {
    name: "policy history",
    synopsis: "[--limit NUMBER]",
    summary: "Show who changed what, and when.",
    options: { limit: { value: "NUMBER", help: "At most so many changes; 50 where nothing is said." } },
    operands: NONE,
  },
  {
    name: "queue list",
    synopsis: "[--state STATE] [--next-hop HOP] [--from ADDRESS] [--to ADDRESS] [--limit NUMBER]",
    summary: "Show the messages of the queue and of the capture box.",
    options: {
      state: { value: "STATE", help: "ready, active, deferred, held or captured." },
      ...PICKS,
      limit: { value: "NUMBER", help: "At most so many; 1000 where nothing is said." },
    },
    operands: NONE,
  },
  {
    name: "queue show",
    synopsis: "ID [--octets NUMBER]",
    summary: "Show one message: what became of each recipient, and its content.",
    options: { octets: { value: "NUMBER", help: "At most so much of the content; 65536 where nothing is said." } },
    operands: { min: 1, max: 1 },
  },
  queueAct("queue hold", "Hold messages.", "They are not tried until they are released, by a flush neither."),
  queueAct("queue release", "Release held messages.", "They go on from where they were."),
  queueAct("queue retry", "Try messages now.", "What waits for its next attempt is due at once."),
  queueAct("queue remove", "Remove messages for good.", "They are not delivered, and no report is sent."),
  {
    name: "queue flush",
    synopsis: "",
    summary: "Try everything now that waits for its next attempt.",
    options: {},
    operands: NONE,
  },
  {
    name: "queue hops",
    synopsis: "",
    summary: "Show the next hops: what waits for each, its breaker, its rate, what it said last.",
    help: "The breaker of a next hop is closed while it can be used. Once it cannot it is open: nothing is sent for a minute, then for longer, up to an hour. Half-open is the one attempt after that: where it goes well the breaker is closed. A next hop that asks for less (421, 4.7.x, too many) gets half of what it got, and slowly more again. In trouble first, at most 1000.",
    options: {},
    operands: NONE,
  },
  {
    name: "send",
    synopsis: "--to ADDRESS … [--from ADDRESS] [--cc ADDRESS] [--bcc ADDRESS] [--subject TEXT] [--body TEXT]",
    summary: "Hand in a message.",
    help: "With --subject or --body a message of plain text is made; the body is standard input where --body is not given. With neither, standard input is a whole message. It counts as mail of client 127.0.0.1.",
    options: {
      to: { value: "ADDRESS", many: true, help: "A recipient." },
      cc: { value: "ADDRESS", many: true, help: "A recipient that the others see as Cc." },
      bcc: { value: "ADDRESS", many: true, help: "A recipient that the others do not see." },
      from: { value: "ADDRESS", help: "The sender; '' is the null reverse-path. The user at this host otherwise." },
      subject: { value: "TEXT", help: "Subject." },
      body: { value: "TEXT", help: "The text." },
    },
    operands: NONE,
    examples: ["relaykeeper send --to ops@example.net --subject Backup --body done"],
  },
  {
    name: "sendmail",
    synopsis: "[-t] [-i] [-f ADDRESS] [-F NAME] [-bs | -bp] [RECIPIENT …]",
    summary: "Hand in mail as programs do that know sendmail.",
    help: "-t takes recipients from To, Cc and Bcc; -i (-oi) takes a lone dot for text; -f is the sender, -F its full name; -bs speaks SMTP on standard input and output; -bp shows the queue; -q tries it now. Other options of sendmail are taken and have no effect. Exit status as in sysexits.h: 0, 64 usage, 67 no such address, 69 refused, 75 try again later, 77 not permitted. relaykeeper-sendmail is the same by itself.",
    options: {},
    operands: { min: 0, max: MANY },
    examples: ["relaykeeper sendmail -t -i < message"],
  },
  {
    name: "user add",
    synopsis: "NAME",
    summary: "Add a user that may authenticate, or change a password.",
    help: "The password is asked for without echo, or it is the first line of standard input. It is kept as a SCRAM verifier, from which it cannot be read back.",
    options: {},
    operands: { min: 1, max: 1 },
  },
  { name: "user remove", synopsis: "NAME", summary: "Remove a user.", options: {}, operands: { min: 1, max: 1 } },
  { name: "user list", synopsis: "", summary: "Show who may authenticate.", options: {}, operands: NONE },
  {
    name: "dkim create",
    synopsis: "DOMAIN [--algorithm rsa|ed25519|both] [--selector NAME] [--subdomains] [--now]",
    summary: "Make a key that signs mail of a domain, and print its record for the DNS.",
    help: "The key signs once dkim check has seen its record, and the key that signed before retires: that is how keys are rotated.",
    options: {
      algorithm: { value: "KIND", help: "rsa (2,048 bits, every verifier knows it), ed25519, or both; rsa otherwise." },
      selector: {
        value: "NAME",
        help: "Names the key in the DNS; one with the day in it otherwise. Of both kinds each gets -rsa or -ed25519 behind it.",
      },
      subdomains: { help: "Sign mail from names below the domain too, where they have no key of their own." },
      now: { help: "Sign at once, published or not." },
    },
    operands: { min: 1, max: 1 },
    examples: [
      "relaykeeper dkim create example.com",
      "relaykeeper dkim create example.com --algorithm both --subdomains",
    ],
  },
  {
    name: "dkim list",
    synopsis: "",
    summary: "Show the keys of all domains: pending, signing or retired.",
    options: {},
    operands: NONE,
  },
  {
    name: "dkim show",
    synopsis: "DOMAIN",
    summary: "Show the keys of a domain, with their records as lines of a zone file.",
    options: {},
    operands: { min: 1, max: 1 },
  },
  {
    name: "dkim check",
    synopsis: "[DOMAIN]",
    summary: "Ask the DNS for the records of the keys; pending ones that are published sign then.",
    help: "Says what is missing, different, withdrawn, too short or only for tests. Exit status 1 where a record is not right that should be.",
    options: {},
    operands: { min: 0, max: 1 },
  },
  {
    name: "dkim use",
    synopsis: "DOMAIN --selector NAME",
    summary: "Sign with a key from now on, published or not.",
    help: "The key of its algorithm that signed for the domain before retires.",
    options: { selector: { value: "NAME", help: "Which key." } },
    operands: { min: 1, max: 1 },
  },
  {
    name: "dkim remove",
    synopsis: "DOMAIN [--selector NAME] [--confirm]",
    summary: "Remove a key, or all keys of a domain, for good.",
    options: {
      selector: { value: "NAME", help: "Which key; all of the domain otherwise." },
      confirm: { help: "Do it although the key signs now: mail goes out without its signature." },
    },
    operands: { min: 1, max: 1 },
  },
  {
    name: "tls-report",
    synopsis: "[--day DAY]",
    summary: "Show how TLS with the servers of domains went: what TLSRPT tells them.",
    options: { day: { value: "DAY", help: "A day of UTC that is not reported yet: 2026-11-24; today otherwise." } },
    operands: NONE,
  },
  {
    name: "route list",
    synopsis: "",
    summary: "Show every route: which mail it is for, where that goes, its use.",
    options: {},
    operands: { min: 0, max: 0 },
  },
  {
    name: "route test",
    synopsis: "--to ADDRESS [--from ADDRESS] [--client IP]",
    summary: "Say which route mail would take, why, and where that leads now.",
    options: {
      to: { value: "ADDRESS", help: "Whom the mail is for. Names are looked up; nothing is connected to." },
      from: { value: "ADDRESS", help: "Its reverse-path; without it, the null one of reports." },
      client: { value: "IP", help: "Where it came from; without it, this machine." },
    },
    operands: { min: 0, max: 0 },
    examples: ["relaykeeper route test --from erp@example.com --to user@partner.example --client 10.20.1.1"],
  },
  {
    name: "route check",
    synopsis: "ROUTE | --to ADDRESS [--from ADDRESS]",
    summary: "Walk to a next hop as mail would, step by step, and send nothing; say what a refusal means.",
    help: "ROUTE is the name of a route that leads to hosts, or a next hop as `queue list` shows it: mx:example.net, smarthost:smtp.example.net:587.",
    options: {
      to: { value: "ADDRESS", help: "The way of mail to this address; it is said in RCPT." },
      from: { value: "ADDRESS", help: "Said in MAIL; without it, who the route lets send, or postmaster." },
    },
    operands: { min: 0, max: 1 },
    examples: ["relaykeeper route check M365", "relaykeeper route check --to user@example.net"],
  },
  {
    name: "oauth add",
    synopsis: "NAME --provider microsoft|google|generic --user MAILBOX [options]",
    summary: "Add an account that gets tokens for AUTH to a next hop.",
    help: "The secret is read from standard input where no file is named and --public is not said. docs/oauth.md goes step by step.",
    options: {
      provider: { value: "NAME", help: "microsoft, google or generic: sets the endpoints and the scope." },
      user: { value: "MAILBOX", help: "Who AUTH says we are; whom a service account acts for." },
      grant: {
        value: "KIND",
        help: "client-credentials, refresh-token (a person logs in) or service-account; the first, or the last with --key-file.",
      },
      for: { value: "USE", help: "smtp or graph: what Microsoft's token is to be good for; smtp otherwise." },
      tenant: { value: "ID", help: "Of Microsoft: the id or a domain of the tenant." },
      "client-id": { value: "ID", help: "The id of the application." },
      "secret-file": { value: "FILE", help: "The secret of the application." },
      key: { value: "FILE", help: "The private key of the application, PEM, instead of a secret." },
      certificate: { value: "FILE", help: "The certificate of that key, PEM." },
      "key-file": { value: "FILE", help: "The JSON file of a service account of Google." },
      "refresh-token-file": { value: "FILE", help: "A refresh token that was got elsewhere." },
      public: { help: "The application has no secret." },
      "token-endpoint": { value: "URL", help: "Where tokens are asked for, if not where the provider says." },
      "device-endpoint": { value: "URL", help: "Where a login begins (RFC 8628)." },
      scope: { value: "TEXT", help: "What the token is to be good for, if not what the provider says." },
    },
    operands: { min: 1, max: 1 },
    examples: [
      "relaykeeper oauth add M365 --provider microsoft --tenant example.com --client-id 00000000-0000-0000-0000-000000000000 --user relay@example.com --secret-file /run/secrets/m365",
      "relaykeeper oauth add GOOGLE --provider google --key-file key.json --user relay@example.com",
    ],
  },
  {
    name: "oauth list",
    synopsis: "",
    summary: "Show all OAuth accounts and how their tokens stand.",
    options: {},
    operands: NONE,
  },
  {
    name: "oauth show",
    synopsis: "NAME",
    summary: "Show one OAuth account; nothing that is secret.",
    options: {},
    operands: { min: 1, max: 1 },
  },
  {
    name: "oauth login",
    synopsis: "NAME",
    summary: "Let a person log in: prints an address and a code, and waits.",
    help: "For accounts of the grant refresh-token. Interrupting the command does not end the login.",
    options: {},
    operands: { min: 1, max: 1 },
  },
  {
    name: "oauth check",
    synopsis: "NAME",
    summary: "Fetch a token now, and say until when it is good or why there is none.",
    options: {},
    operands: { min: 1, max: 1 },
  },
  {
    name: "oauth secret",
    synopsis: "NAME [--secret-file FILE | --key FILE --certificate FILE | --key-file FILE | --refresh-token-file FILE]",
    summary: "Give an account another secret while mail flows; from standard input where no file is named.",
    options: {
      "secret-file": { value: "FILE", help: "The secret of the application." },
      key: { value: "FILE", help: "The private key of the application, PEM." },
      certificate: { value: "FILE", help: "The certificate of that key, PEM." },
      "key-file": { value: "FILE", help: "The JSON file of a service account of Google." },
      "refresh-token-file": { value: "FILE", help: "A refresh token that was got elsewhere." },
    },
    operands: { min: 1, max: 1 },
  },
  {
    name: "oauth remove",
    synopsis: "NAME [--confirm]",
    summary: "Remove an OAuth account for good, with its secrets.",
    options: { confirm: { help: "Do it although a route or a *HOSTAUTH entry names it: its mail will wait." } },
    operands: { min: 1, max: 1 },
  },
  {
    name: "store check",
    synopsis: "",
    summary: "Read the whole store and say whether it is sound.",
    options: {},
    operands: NONE,
  },
  {
    name: "backup",
    synopsis: "DIR [--with-key]",
    summary: "Copy the whole data directory of the running relay, as it is at one moment.",
    help: "Mail flows meanwhile. DIR must not be there; the user that runs the relay makes it, for itself alone. A relay starts on it as on any data directory: queue, capture box, policy, users, keys of DKIM and journal are those of that moment, and what was delivered since is delivered again.",
    options: {
      "with-key": {
        help: "Take the key along that opens the passwords of *HOSTAUTH and the keys of DKIM: whoever has the copy has them.",
      },
    },
    operands: { min: 1, max: 1 },
    examples: ["relaykeeper backup /var/lib/relaykeeper/backup-monday"],
  },
  screen("wrksmtple", "WRKSMTPLE", "Work with SMTP list entries."),
  screen("wrkactjob", "WRKACTJOB", "Work with active jobs."),
  screen("wrksmtpq", "WRKSMTPEMM", "Work with the mail queue."),
  screen("dspsmtpjrn", "DSPSMTPJRN", "Display the journal."),
] as const satisfies readonly Verb[];

export type VerbName = (typeof VERBS)[number]["name"];
