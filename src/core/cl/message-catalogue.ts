/**
 * Every message of the CL layer. &1 to &9 are filled in. The hundreds tell the subject: 00 grammar, 01 lists, 02 attributes,
 * 03 server, 04 queue, 05 sending, 06 journal and decisions, 07 policy as a whole, 09 the rest. Ids are never reused.
 */
export const CATALOGUE = {
  // --- grammar ---
  SMR0006: {
    severity: 40,
    text: "Errors occurred in command &1. Nothing was done.",
    cause:
      "The messages before this one say what is wrong with command &1. A command is done as a whole or not at all.",
    recovery: "Correct the command and enter it again; &1 ? shows its parameters.",
  },
  SMR0010: {
    severity: 30,
    text: "Command &1 not found. &2",
    cause: "There is no command &1 here.",
    recovery: "Check the spelling. The command reference names every command.",
  },
  SMR0011: {
    severity: 30,
    text: "Keyword &1 is not valid for command &2. &3",
    cause: "Command &2 has no parameter &1.",
    recovery: "Enter &2 ? to see the parameters of the command.",
  },
  SMR0012: {
    severity: 30,
    text: "Keyword &1 is given twice.",
    cause: "A parameter takes all its values in one pair of parentheses, or it was given by position and by keyword.",
    recovery: "Leave one of them.",
  },
  SMR0013: {
    severity: 30,
    text: "Parameter &1 (&2) is required.",
    cause: "The command cannot be done without parameter &1.",
    recovery: "Add &1(…).",
  },
  SMR0014: {
    severity: 30,
    text: "Value &1 is not valid for parameter &2. &3",
    cause: "Parameter &2 takes other values.",
    recovery: "Enter the command with ? to see its parameters with their choices.",
  },
  SMR0015: {
    severity: 30,
    text: "Parameter &1 takes at most &2 value(s). &3",
    cause: "More values were given than parameter &1 takes.",
    recovery: "Text with blanks needs apostrophes around it: TEXT('two words').",
  },
  SMR0016: {
    severity: 30,
    text: "Parameter &1 does not go with &2(&3). &4",
    cause: "Which parameters a command takes depends on &2.",
    recovery: "Leave &1 out, or choose another value for &2.",
  },
  SMR0017: {
    severity: 30,
    text: "&1 is required with &2(&3).",
    cause: "&2(&3) cannot be done without it.",
    recovery: "Add &1.",
  },
  SMR0018: {
    severity: 30,
    text: "Value &1 stands without a keyword. Command &2 takes &3 parameter(s) by position.",
    cause: "Only some parameters may be given without their keyword, in the order of the definition.",
    recovery: "Give the keyword: KEYWORD(value). The parenthesis follows the keyword directly, without a blank.",
  },
  SMR0019: {
    severity: 30,
    text: "Value &1 stands without a keyword after a parameter with one.",
    cause: "Parameters by position come before those with a keyword.",
    recovery: "Give the keyword: KEYWORD(value). The parenthesis follows the keyword directly, without a blank.",
  },
  SMR0020: {
    severity: 30,
    text: "The value of parameter &1 is longer than &2 characters.",
    cause: "Parameter &1 takes at most &2 characters.",
    recovery: "Shorten it.",
  },
  SMR0021: {
    severity: 30,
    text: "Value &1 is not valid for parameter &2: a number from &3 to &4 is.",
    cause: "Parameter &2 takes a whole number from &3 to &4.",
  },
  SMR0022: {
    severity: 30,
    text: "The apostrophe that ends a quoted value is missing.",
    cause: "A quoted value begins and ends with an apostrophe. An apostrophe within it is doubled.",
    recovery: "Add the apostrophe. A value that goes on in the next line needs + or - at the end of this one.",
  },
  SMR0023: {
    severity: 30,
    text: "The right parenthesis of &1 is missing.",
    cause: "Each left parenthesis needs a right one.",
    recovery: "Add it. A command that goes on in the next line needs + or - at the end of this one.",
  },
  SMR0024: {
    severity: 30,
    text: "A right parenthesis has no left one.",
    cause: "Each right parenthesis needs a left one before it.",
  },
  SMR0025: {
    severity: 30,
    text: "&1 is not valid here. &2",
    cause: "The command cannot be read from here on.",
  },
  SMR0026: {
    severity: 30,
    text: "The command is longer than &1 characters.",
    cause: "A command with its continuations has at most &1 characters.",
    recovery: "Send more than one command, or apply a policy file.",
  },
  SMR0027: {
    severity: 30,
    text: "Parentheses are nested deeper than &1 levels.",
    cause: "A list may hold lists, up to &1 levels.",
  },
  SMR0028: {
    severity: 30,
    text: "The comment is not ended.",
    cause: "A comment begins with /* and ends with */.",
  },
  SMR0029: {
    severity: 30,
    text: "X'&1' is no hexadecimal value.",
    cause: "A hexadecimal value has an even number of digits 0 to 9 and A to F, and they are UTF-8.",
  },
  SMR0031: {
    severity: 30,
    text: "No command was given.",
    cause: "A command begins with its name.",
  },
  SMR0033: {
    severity: 10,
    text: "Keyword &1 of IBM i has no effect here. &2",
    cause: "The command knows the keyword so that commands written for IBM i run, but nothing here answers to it.",
  },
  SMR0034: {
    severity: 30,
    text: "&1 of IBM i is not available here. &2",
    cause: "The command would promise what relaykeeper does not do.",
  },
  SMR0035: {
    severity: 30,
    text: "&1 is a single value: parameter &2 takes nothing beside it.",
    cause: "A single value stands alone in its parameter.",
  },
  SMR0036: {
    severity: 30,
    text: "The command goes on in a line that is not there.",
    cause: "The last line ends with + or -, which announces another one.",
    recovery: "Leave the sign out, or add the rest of the command.",
  },
  SMR0037: {
    severity: 0,
    text: "&1 command(s) done.",
    cause: "Every command of the script was done.",
  },
  SMR0038: {
    severity: 40,
    text: "The script stopped at line &1. &2",
    cause: "A script stops at its first command that fails. What was done before it stays done.",
    recovery: "Correct the command and run the script again from that line.",
  },
  SMR0039: {
    severity: 0,
    text: "Prompt of command &1.",
    cause: "The command was entered with ?, which asks for its parameters. Nothing was done.",
  },

  // --- lists ---
  SMR0101: {
    severity: 0,
    text: "Entry &1 added to &2. &3 Version &4.",
    cause: "The entry holds from the next command of every session on. No connection was ended.",
    recovery: "RMVSMTPLE removes it, UNDSMTPCHG takes the change back.",
  },
  SMR0102: {
    severity: 0,
    text: "Entry &1 removed from &2. &3 Version &4.",
    cause: "The entry is gone from the next command of every session on. No connection was ended.",
    recovery: "UNDSMTPCHG takes the change back.",
  },
  SMR0103: {
    severity: 0,
    text: "Entry &1 of &2 changed. &3 Version &4.",
    cause: "The entry kept its number, its history and its use. It holds from the next command of every session on.",
    recovery: "UNDSMTPCHG takes the change back.",
  },
  SMR0110: {
    severity: 40,
    text: "Entry &1 is in &2 already, as &3. Nothing was changed.",
    cause: "A list has each address, network or name once.",
    recovery: "Use CHGSMTPLE to change its text, its end or its mask.",
  },
  SMR0111: {
    severity: 40,
    text: "Entry &1 is not in &2. &3",
    cause:
      "Address and mask, or name, must be those of the entry. SUBNETMASK is 255.255.255.255 unless you say otherwise.",
    recovery: "WRKSMTPLE OUTPUT(*PRINT) shows every entry with its number; RMVSMTPLE ENTRY(E17) names it by number.",
  },
  SMR0112: {
    severity: 30,
    text: "&1 is not a valid address for &2. &3",
    cause: "An address is four decimal numbers from 0 to 255 without leading zeros, or an IPv6 address.",
  },
  SMR0113: {
    severity: 30,
    text: "&1 is not a valid subnet mask. &2",
    cause: "A mask is written like an address: 255.255.255.0.",
  },
  SMR0114: {
    severity: 30,
    text: "Mask &1 has holes. &2 was probably meant.",
    cause: "The bits of a mask are ones followed by zeros. With holes it would cover addresses that nobody sees in it.",
    recovery: "Use SUBNETMASK('&2').",
  },
  SMR0115: {
    severity: 30,
    text: "Mask &1 is inverted. &2 was probably meant.",
    cause: "Some routers write masks the other way round. Taken as it stands it would cover every network there is.",
    recovery: "Use SUBNETMASK('&2').",
  },
  SMR0116: {
    severity: 30,
    text: "SUBNETMASK does not go with IPv6 address &1.",
    cause: "IPv6 networks have a prefix length.",
    recovery: "Use IP6NETADR('…') IP6PFX('64'), or INTNETADR('2001:db8::/64').",
  },
  SMR0117: {
    severity: 30,
    text: "Prefix length &1 is not a number from 0 to &2.",
    cause: "The prefix length is how many bits of the address name the network.",
  },
  SMR0118: {
    severity: 30,
    text: "&1 is not a valid domain name for &2. &3",
    cause: "A name is labels of letters, digits and hyphens with dots between them, at most 253 characters.",
  },
  SMR0119: {
    severity: 30,
    text: "&1 is not valid for EXPDATE.",
    cause:
      "EXPDATE is *NONE, a date ('2027-01-31', from 00:00 UTC), a time ('2027-01-31T18:00Z'), or a duration: *12H, *30D, *4W.",
  },
  SMR0120: {
    severity: 40,
    text: "&1 It would let in &2. Nothing was changed; CONFIRM(*YES) does it.",
    cause: "The change opens the relay to many strangers at once, which is what an open relay is.",
    recovery: "Check that it is meant, then enter the command again with CONFIRM(*YES).",
  },
  SMR0121: {
    severity: 40,
    text: "List &1 does not take such a value. Nothing was changed.",
    cause:
      "*ACCEPT and *REJECT hold networks, *NEAR names or networks, *DOMAIN names, *SVRBIND and *CLTBIND addresses.",
  },
  SMR0122: {
    severity: 40,
    text: "The lists are full: &1 entries. Nothing was changed.",
    cause: "The number of entries is limited so that memory is.",
    recovery: "Replace single addresses by networks, or raise the limit in the configuration file.",
  },
  SMR0123: {
    severity: 10,
    text: "Nothing to change: it is so already. &1",
    cause: "The policy has these values already. No new version was made.",
  },
  SMR0124: {
    severity: 40,
    text: "&2 changed the policy at the same time (version &1). Nothing was changed.",
    cause: "Two changes met; the other one was first.",
    recovery: "DSPSMTPCHG shows what it did. Enter the command again if it still stands.",
  },
  SMR0125: {
    severity: 40,
    text: "There is no policy yet. Nothing was changed.",
    cause: "The policy could not be read from the store yet.",
    recovery: "Try again; the log of the server says what is in the way.",
  },
  SMR0126: {
    severity: 30,
    text: "Give ENTRY(E17), or TYPE with address or name.",
    cause: "The command must know which entry is meant.",
  },
  SMR0127: {
    severity: 30,
    text: "PASSWORD('{sealed}…') is not one that this relay sealed.",
    cause: "A sealed password can be opened only with the key of the data directory in which it was sealed.",
    recovery: "Give the password itself; it is sealed before it is kept.",
  },
  SMR0128: {
    severity: 30,
    text: "&1 holds a prefix length already: &2 does not go with it.",
    cause: "A network is given with a mask or with a prefix length, not with both.",
  },
  SMR0129: {
    severity: 40,
    text: "Entry &1 is not there. Nothing was changed.",
    cause: "No entry has that number. Numbers are never used again.",
    recovery: "WRKSMTPLE OUTPUT(*PRINT) shows every entry with its number.",
  },
  SMR0131: {
    severity: 10,
    text: "&1 is redundant: &2 of the same list covers it.",
    cause: "Without this entry every verdict would be the same.",
    recovery: "Remove one of them unless they are to end at different times.",
  },
  SMR0132: {
    severity: 10,
    text: "&1 has no effect: *REJECT &2 covers all of it.",
    cause: "*REJECT is asked first, at connect, and its clients get no further.",
    recovery: "Remove one of them.",
  },
  SMR0133: {
    severity: 10,
    text: "&1 and &2 contradict each other: *REJECT wins where they overlap.",
    cause: "A client on both lists is refused at connect.",
    recovery: "Remove or narrow one of them.",
  },
  SMR0134: {
    severity: 10,
    text: "&1 has no effect now: &2",
    cause: "The entry is kept, but what is set at present does not ask its list.",
    recovery: "CHGSMTPA ALWRLY(*LIST), (*NEAR) or (*BOTH) says which lists are asked.",
  },
  SMR0135: {
    severity: 10,
    text: "&1 is wide: it covers &2.",
    cause: "So many addresses are rarely those of one's own clients.",
    recovery: "Narrow the entry if it is not meant.",
  },
  SMR0136: {
    severity: 10,
    text: "&1 has expired (&2) and matches nothing.",
    cause: "From its EXPDATE on an entry is kept but matches nothing.",
    recovery: "CHGSMTPLE ENTRY(…) EXPDATE(…) gives it a new end; RMVSMTPLE removes it.",
  },
  SMR0140: {
    severity: 0,
    text: "&1 shown.",
    cause: "The list was printed as it stands.",
  },

  // --- attributes ---
  SMR0201: {
    severity: 0,
    text: "SMTP attributes changed: &1. &2 Version &3.",
    cause: "The values hold from the next command of every session on. No connection was ended.",
    recovery: "DSPSMTPA shows every attribute; UNDSMTPCHG takes the change back.",
  },
  SMR0202: {
    severity: 30,
    text: "&1 is not a valid host for &2.",
    cause:
      "A host is a name or an address, with a port where it is not the usual one: smtp.example.net:587, [2001:db8::1]:25.",
  },
  SMR0203: {
    severity: 10,
    text: "&1 is used from the next start on.",
    cause: "The value is stored; the running server keeps the one it started with.",
  },

  SMR0204: {
    severity: 10,
    text: "No attribute was given. Nothing was changed.",
    cause: "The command names no attribute that it could change.",
    recovery: "CHGSMTPA ? shows every attribute with its choices.",
  },

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
  SMR0408: { severity: 0, text: "&1 in the queue.", cause: "The queue as it stands." },

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
    text: "The message is larger than &1 kilobytes.",
    cause: "MAXEMMSIZE of CHGSMTPA limits the size of a message.",
  },
  SMR0508: {
    severity: 30,
    text: "SNDDST TYPE(&1) is not available here. Mail goes with TYPE(*LMSG) or TYPE(*MSG).",
    cause: "Documents and distribution objects of the system distribution directory are not part of an SMTP relay.",
    recovery: "SNDSMTPEMM with ATTACH sends files.",
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

  // --- the policy as a whole ---
  SMR0701: {
    severity: 0,
    text: "Policy applied: &1 Version &2.",
    cause: "The policy is exactly what the file says, in one version.",
    recovery: "UNDSMTPCHG takes the change back.",
  },
  SMR0702: {
    severity: 30,
    text: "&1 does not belong in a policy file. Only CHGSMTPA and ADDSMTPLE do.",
    cause: "A policy file says what the policy is, not what is to be done.",
  },
  SMR0703: {
    severity: 30,
    text: "Entry &1 of &2 stands in the file twice, first in line &3.",
    cause: "A list has each address, network or name once.",
  },
  SMR0704: {
    severity: 0,
    text: "Change undone: &1 Version &2.",
    cause: "The policy is what it was before the newest change, as a new version; the history keeps both.",
  },
  SMR0705: { severity: 10, text: "There is no change to undo.", cause: "The policy is as it was at the beginning." },
  SMR0706: { severity: 0, text: "&1 shown.", cause: "The newest changes of the policy, newest first." },
  SMR0707: {
    severity: 40,
    text: "The policy file has &1. Nothing was changed.",
    cause: "A policy file is applied as a whole or not at all.",
    recovery: "Correct the lines that the messages name.",
  },
  SMR0708: { severity: 0, text: "The policy file is right: &1.", cause: "It can be applied." },
  SMR0709: { severity: 0, text: "The policy is what the file says.", cause: "There is no difference." },
  SMR0710: {
    severity: 0,
    text: "&1 between the policy and the file.",
    cause: "The commands would make the policy what the file says.",
  },
  SMR0711: {
    severity: 30,
    text: "A policy file needs the running relay to seal PASSWORD of &1.",
    cause: "A password in clear is sealed with the key of the data directory before it is kept.",
    recovery: "Apply the file to a running relay, or give the sealed form that policy export writes.",
  },

  SMR0712: {
    severity: 30,
    text: "Attribute &1 stands in the file twice, first in line &2.",
    cause: "A policy file says each attribute once.",
  },

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
