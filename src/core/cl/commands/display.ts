import { choiceList, characters, type CommandDefinition } from "../definition.ts";
import { OUTPUT } from "./list-entries.ts";

export const DSPPFM: CommandDefinition = {
  name: "DSPPFM",
  title: "Display Physical File Member",
  help: "Shows a list as the records of the file that IBM i keeps it in. QUSRSYS/QATMADRLST has a member for each list; QUSRSYS/QTMSADRLST is the older form, with the IPv4 entries of *ACCEPT and *REJECT only.",
  parameters: [
    {
      keyword: "FILE",
      prompt: "File",
      help: "QUSRSYS/QATMADRLST or QUSRSYS/QTMSADRLST.",
      shape: characters(21, {}, "Library/file"),
      required: true,
      positional: 1,
    },
    {
      keyword: "MBR",
      prompt: "Member",
      help: "The list: ACCEPTRLY (*ACCEPT), REJECTCNN (*REJECT), NEARDMN (*NEAR domains), NEARADR (*NEAR networks), DOMAIN, SVRBIND, CLTBIND, HOSTAUTH.",
      shape: characters(10, { "*FIRST": "ACCEPTRLY" }, "Name"),
      default: "*FIRST",
      positional: 2,
    },
  ],
  examples: [{ command: "DSPPFM FILE(QUSRSYS/QATMADRLST) MBR(ACCEPTRLY)", meaning: "Who may relay?" }],
};

export const DSPMSGD: CommandDefinition = {
  name: "DSPMSGD",
  title: "Display Message Description",
  help: "Shows what a message says and what to do about it.",
  parameters: [
    {
      keyword: "RANGE",
      prompt: "Message identifier",
      help: "SMR0101.",
      shape: characters(7, {}, "Message id"),
      singles: choiceList({ "*ALL": "Every message" }),
      positional: 1,
    },
    {
      keyword: "MSGID",
      prompt: "Message identifier",
      help: "Another name of RANGE.",
      shape: characters(7, {}, "Message id"),
    },
    OUTPUT,
  ],
  elsewhere: {
    treatment: "ignored",
    keywords: { MSGF: "There is one message file, and its messages begin with SMR." },
  },
  examples: [{ command: "DSPMSGD MSGID(SMR0101)", meaning: "Explains SMR0101; so does DSPMSGD SMR0101." }],
};
