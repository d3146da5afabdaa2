import { choiceList, oneOf, type CommandDefinition, type ElementDefinition, type Parameter } from "../definition.ts";

const ROLE: ElementDefinition = {
  prompt: "Recipient type",
  shape: oneOf({ "*PRI": "Primary recipient (To)", "*CC": "Copy", "*BCC": "Blind copy" }),
  default: "*PRI",
};

const MAILBOX: ElementDefinition = {
  prompt: "E-mail address",
  shape: { kind: "text", what: "user@example.net", lengthMax: 320, keepCase: true },
};

/** Content types of ATTACH by their IBM i names. */
export const ATTACHMENT_TYPES: Readonly<Record<string, string>> = {
  "*OCTET": "application/octet-stream",
  "*PLAIN": "text/plain",
  "*HTML": "text/html",
  "*XML": "text/xml",
  "*RTF": "application/rtf",
  "*OGG": "audio/ogg",
  "*PDF": "application/pdf",
  "*VISIO": "application/vnd.visio",
  "*ZIP": "application/zip",
  "*POST": "application/postscript",
  "*L123": "application/vnd.lotus-1-2-3",
  "*FREE": "application/vnd.lotus-freelance",
  "*WORD": "application/msword",
  "*WORDPRO": "application/vnd.lotus-wordpro",
  "*POWERPT": "application/vnd.ms-powerpoint",
  "*EXCEL": "application/vnd.ms-excel",
  "*AC3": "audio/ac3",
  "*MP3": "audio/mpeg",
  "*WAV": "audio/wav",
  "*GIF": "image/gif",
  "*JPEG": "image/jpeg",
  "*PNG": "image/png",
  "*MPEG": "video/mpeg",
  "*MSG": "message/rfc822",
  "*BMP": "image/bmp",
};

const UTF8 = "Text is UTF-8; letters are kept as they were typed.";

export const SNDSMTPEMM: CommandDefinition = {
  name: "SNDSMTPEMM",
  title: "Send SMTP E-mail Message",
  help: "Sends a message. The sender is the user of the command at the host name of the relay; it cannot be chosen. The message is judged like that of client 127.0.0.1, recipient by recipient, and the answer says who was refused and why. Queued is not delivered: WRKSMTPEMM tells what became of it.",
  parameters: [
    {
      keyword: "RCP",
      prompt: "Recipient",
      help: "Who gets the message.",
      shape: { kind: "elements", elements: [MAILBOX, ROLE] },
      valuesMax: 20,
      required: true,
      positional: 1,
    },
    {
      keyword: "SUBJECT",
      prompt: "Subject",
      help: "The subject.",
      shape: { kind: "text", what: "Character value", lengthMax: 900, literal: true },
      required: true,
      positional: 2,
    },
    {
      keyword: "NOTE",
      prompt: "Note",
      help: "The text of the message.",
      shape: {
        kind: "text",
        what: "Character value",
        lengthMax: 30_000,
        literal: true,
        choices: choiceList({ "*NONE": "No text" }),
      },
      default: "*NONE",
    },
    {
      keyword: "ATTACH",
      prompt: "Attachment",
      help: "Files of the machine that the relay runs on.",
      shape: {
        kind: "elements",
        elements: [
          { prompt: "File name", shape: { kind: "text", what: "Path name", lengthMax: 4_096, keepCase: true } },
          {
            prompt: "Content type",
            shape: {
              kind: "text",
              what: "type/subtype",
              lengthMax: 127,
              keepCase: true,
              choices: choiceList(ATTACHMENT_TYPES),
            },
            default: "*OCTET",
          },
          { prompt: "File type", shape: oneOf({ "*BIN": "As it is", "*TXT": "Text" }), default: "*BIN" },
        ],
      },
      singles: choiceList({ "*NONE": "No attachment" }),
      valuesMax: 10,
      default: "*NONE",
    },
    {
      keyword: "CONTENT",
      prompt: "Content type of note",
      help: "What the note is.",
      shape: oneOf({ "*PLAIN": "Text", "*HTML": "HTML", "*XML": "XML" }),
      default: "*PLAIN",
    },
  ],
  elsewhere: {
    treatment: "ignored",
    keywords: {
      CHARSET: UTF8,
      SMIME: "Sign or encrypt before the message is handed in: relaykeeper passes on what it gets.",
      PASSWORD: "Nothing is signed here.",
    },
  },
  examples: [
    { command: "SNDSMTPEMM RCP(('ops@example.net')) SUBJECT('Backup') NOTE('done')", meaning: "A short message." },
    {
      command:
        "SNDSMTPEMM RCP(('ops@example.net') ('boss@example.net' *CC)) SUBJECT('Report') ATTACH(('/home/report.pdf' *PDF))",
      meaning: "With a copy and a file.",
    },
  ],
};

const NOT_MAIL = "Use SNDSMTPEMM with ATTACH.";

const TOINTNET: Parameter = {
  keyword: "TOINTNET",
  prompt: "Internet recipient",
  help: "Who gets the message.",
  shape: { kind: "elements", elements: [MAILBOX, ROLE] },
  singles: choiceList({ "*NONE": "Nobody" }),
  valuesMax: 300,
  required: true,
};

export const SNDDST: CommandDefinition = {
  name: "SNDDST",
  title: "Send Distribution",
  help: "Sends a message, as SNDSMTPEMM does; the mail forms of the command only.",
  parameters: [
    {
      keyword: "TYPE",
      prompt: "Information to be sent",
      help: "*LMSG sends LONGMSG, *MSG sends MSG.",
      shape: {
        kind: "choice",
        choices: [
          ...choiceList({ "*LMSG": "A long message", "*MSG": "A short message" }),
          ...["*DOC", "*FILE", "*IDP", "*DSTID"].map((value) => ({ value, meaning: "", elsewhere: NOT_MAIL })),
        ],
      },
      required: true,
      positional: 1,
    },
    TOINTNET,
    {
      keyword: "DSTD",
      prompt: "Description",
      help: "The subject of the message.",
      shape: { kind: "text", what: "Character value", lengthMax: 900, literal: true },
      required: true,
    },
    {
      keyword: "MSG",
      prompt: "Message",
      help: "Text of TYPE(*MSG), at most 256 characters.",
      shape: { kind: "text", what: "Character value", lengthMax: 256, literal: true },
      goesWith: { keyword: "TYPE", values: ["*MSG"] },
    },
    {
      keyword: "LONGMSG",
      prompt: "Long message",
      help: "Text of TYPE(*LMSG).",
      shape: { kind: "text", what: "Character value", lengthMax: 30_000, literal: true },
      goesWith: { keyword: "TYPE", values: ["*LMSG"] },
    },
    {
      keyword: "SUBJECT",
      prompt: "Subject",
      help: "The subject, where it is not the description.",
      shape: {
        kind: "text",
        what: "Character value",
        lengthMax: 900,
        literal: true,
        choices: choiceList({ "*DOCD": "The description" }),
      },
      default: "*DOCD",
    },
  ],
  elsewhere: {
    treatment: "ignored",
    keywords: {
      TOUSRID: "There is no system distribution directory: use TOINTNET.",
      CFMDEL: "Reports of delivery are asked for by RFC 3461: relaykeeper send takes --notify.",
      SENSITIV: "Say it in the text: no mail program keeps to the mark.",
      PTY: "Mail goes in the order in which it is due.",
      CMDCHRID: UTF8,
    },
  },
  examples: [
    {
      command: "SNDDST TYPE(*LMSG) TOINTNET(('ops@example.net')) DSTD('Backup') LONGMSG('done')",
      meaning: "A message.",
    },
  ],
};

export const CONTENT_KINDS: Readonly<Record<string, "text" | "html" | "xml">> = {
  "*PLAIN": "text",
  "*HTML": "html",
  "*XML": "xml",
};
