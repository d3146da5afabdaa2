/** Messages about the server (SMR03nn), the queue (SMR04nn), sending (SMR05nn), journal and decisions (SMR06nn), and the rest. */
export const MAIL = {
  // --- server ---
  SMR0301: {
    severity: 0,
    text: "SMTP server started. It listens on &1.",
    cause: "The listeners are open.",
  },
  SMR0302: {
    severity: 0,
    text: "SMTP server ended. The queue (&1) is still delivered.",
    cause: "The listeners are closed. The queue, the journal and this command line go on.",
    recovery: "STRTCPSVR SERVER(*SMTP) opens them again.",
  },
  SMR0303: {
    severity: 40,
    text: "SMTP server not started: &1",
    cause: "All listeners open or none does.",
    recovery: "Remove what is in the way (often another program on the same port), then enter STRTCPSVR SERVER(*SMTP).",
  },
  SMR0304: {
    severity: 10,
    text: "SMTP server is active already, on &1.",
    cause: "The listeners are open. Nothing was changed.",
  },
  SMR0305: {
    severity: 10,
    text: "SMTP server is not active.",
    cause: "The listeners are closed already. Nothing was changed.",
  },
  SMR0306: {
    severity: 40,
    text: "Server &1 is not one of this program: only *SMTP is.",
    cause: "relaykeeper is an SMTP server and nothing else.",
  },
  SMR0307: {
    severity: 0,
    text: "SMTP is &1. &2",
    cause: "The state of the SMTP server at this moment.",
  },

  // --- queue ---
  SMR0401: {
    severity: 0,
    text: "&1 held.",
    cause: "Held messages stay in the queue and are not tried until they are released.",
    recovery: "RLSSMTPEMM releases them.",
  },
  SMR0402: { severity: 0, text: "&1 released.", cause: "They are tried again when they are due." },
  SMR0403: { severity: 0, text: "&1 made due now.", cause: "Their next attempt is not waited for." },
  SMR0404: {
    severity: 0,
    text: "&1 removed.",
    cause: "They are gone for good. Nobody was told: no report was sent to their senders.",
  },
  SMR0405: {
    severity: 40,
    text: "No message matches. Nothing was done.",
    cause: "No message of the queue is what the parameters say.",
    recovery: "WRKSMTPEMM OUTPUT(*PRINT) shows the queue.",
  },
  SMR0406: {
    severity: 30,
    text: "&1 is not a message number.",
    cause: "Messages are numbered like Q1Z0G: a Q with letters and digits.",
  },
  SMR0407: {
    severity: 30,
    text: "Say which messages: MSG, NEXTHOP, ORG or RCP, or MSG(*ALL).",
    cause: "Without one of them the command would concern the whole queue.",
  },
  SMR0408: { severity: 0, text: "&1 shown.", cause: "The queue and the capture box as they stand." },

  // --- sending ---
  SMR0501: {
    severity: 0,
    text: "Message queued as &1 for &2.",
    cause: "The message is on stable storage and is delivered from there. It is not delivered yet.",
    recovery: "WRKSMTPEMM MSG(&1) shows what became of it.",
  },
  SMR0502: {
    severity: 10,
    text: "Recipient &1 was refused: &2",
    cause: "Mail of this machine is judged like that of client 127.0.0.1, by the same policy.",
    recovery:
      "DSPSMTPDCN CLIENT('127.0.0.1') RCP('…') says which rule decided. An *ACCEPT entry for 127.0.0.1 lets it relay.",
  },
  SMR0503: {
    severity: 40,
    text: "Message not sent: &1",
    cause: "Nothing was queued.",
    recovery: "The messages before this one say why each recipient was refused.",
  },
  SMR0504: {
    severity: 30,
    text: "&1 is not a valid mail address.",
    cause: "An address has the form user@example.net and stands in apostrophes: RCP(('user@example.net')).",
  },
  SMR0505: { severity: 40, text: "File &1 was not attached: &2", cause: "Nothing was sent." },
  SMR0506: {
    severity: 40,
    text: "The message is larger than &1 kilobytes. Nothing was queued.",
    cause: "MAXEMMSIZE of CHGSMTPA limits the size of a message, and 262,144 that of one that is handed in as a whole.",
  },
  SMR0507: {
    severity: 40,
    text: "There is no recipient. Nothing was queued.",
    cause: "The call names none, and neither does the header where it is asked.",
  },
  SMR0508: {
    severity: 40,
    text: "There is no room for a message of &1 kilobytes now. Nothing was queued; try again later.",
    cause: "Messages under way, of clients and of local programs, share a limited memory.",
  },
  SMR0509: {
    severity: 40,
    text: "&1@&2 is no sender address. &3",
    cause: "The sender is the user of the command at the host name of this relay; it cannot be chosen.",
  },

  // --- journal and decisions ---
  SMR0601: { severity: 0, text: "&1 shown.", cause: "The journal entries that match." },
  SMR0602: {
    severity: 40,
    text: "Decision &1 is not in the journal.",
    cause: "The journal keeps decisions for a limited time and number; JOURNAL(*NO) keeps refusals only.",
  },
  SMR0603: {
    severity: 30,
    text: "&1 is not valid for &2.",
    cause: "A time is '2026-11-24', '2026-11-24T18:00Z', or a duration before now: *30M, *12H, *7D.",
  },
  SMR0604: {
    severity: 30,
    text: "&1 is not the number of a decision.",
    cause: "The number stands in the reply that a client hears: [D-7F3K2].",
  },
  SMR0605: {
    severity: 30,
    text: "Give CLIENT, or ID of a decision.",
    cause: "CLIENT asks what the relay would answer, ID what it did answer.",
  },
  SMR0606: { severity: 0, text: "&1 &2", cause: "What the relay answers, and the rule that decides." },

  // --- users, store, requests ---
  SMR0811: {
    severity: 0,
    text: "User &1 added.",
    cause: "The user may authenticate where a listener offers AUTH. ALWAUTH says what that allows.",
  },
  SMR0812: {
    severity: 0,
    text: "Password of user &1 changed.",
    cause: "The user was there already. Sessions that are authenticated stay so.",
  },
  SMR0813: { severity: 0, text: "User &1 removed.", cause: "The user can no longer authenticate." },
  SMR0814: {
    severity: 40,
    text: "User &1 not found. &2",
    cause: "There is no such user.",
    recovery: "relaykeeper user list shows them all.",
  },
  SMR0815: {
    severity: 40,
    text: "&1 is not a valid user name.",
    cause: "A user name has 1 to 255 octets and no control characters (RFC 4013).",
  },
  SMR0816: {
    severity: 40,
    text: "The password is not valid.",
    cause: "A password has 1 to 1,024 octets and no control characters (RFC 4013).",
  },
  SMR0817: {
    severity: 0,
    text: "&1.",
    cause: "So many users may authenticate. Passwords are kept as SCRAM verifiers.",
  },
  SMR0821: {
    severity: 0,
    text: "The store is sound. It holds &1.",
    cause: "Database and files of content were read as a whole.",
  },
  SMR0822: {
    severity: 40,
    text: "The store is damaged: &1",
    cause: "What was read is not what was written: the disk, the memory or the file system changed it.",
    recovery: "Stop the relay, keep a copy of the data directory, and restore the last copy that was sound.",
  },
  SMR0823: {
    severity: 0,
    text: "&1 is a copy of the store with &2, and of the journal.",
    cause:
      "It is a data directory of one moment. Without --with-key it has not the key that opens the passwords of *HOSTAUTH entries: keep that " +
      "elsewhere, or enter them again after restoring.",
  },
  SMR0824: {
    severity: 40,
    text: "No copy of the store was made: &1.",
    cause: "The folder is made anew by the user that runs the relay, where it may write and where there is room.",
    recovery: "Name a folder that is not there yet, in one where the relay may write.",
  },
  SMR0825: {
    severity: 30,
    text: "The content of &1 could not be read. The copy has the rest of them.",
    cause: "What is damaged here is damaged in the copy.",
    recovery: "relaykeeper store check names them.",
  },
  SMR0831: {
    severity: 40,
    text: "The request is not valid: &1",
    cause: "The API does not take such a request.",
    recovery: "docs/api.md describes every request.",
  },

  // --- the rest ---
  SMR0801: {
    severity: 40,
    text: "Message &1 not found. &2",
    cause: "The catalogue has no message with that number.",
  },
  SMR0901: {
    severity: 40,
    text: "&1 was not done: &2",
    cause: "Something outside the command failed: the store, the disk, the network.",
    recovery: "The log of the server has more. Enter the command again when it is mended.",
  },
} as const;
