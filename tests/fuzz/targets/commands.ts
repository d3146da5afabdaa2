import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { formatMailbox, formatMailboxHost } from "../../../src/core/mail/mailbox.ts";
import { parseDomain, type Domain } from "../../../src/core/mail/domain.ts";
import { formatAddressLiteral, formatIpAddress, parseIpAddress } from "../../../src/core/mail/ip.ts";
import { formatNetwork, parseCidr } from "../../../src/core/mail/network.ts";
import { DOMAIN_OCTETS_MAX, LOCAL_PART_OCTETS_MAX, PATH_OCTETS_MAX } from "../../../src/core/mail/path.ts";
import { parseForwardPath, parseMailbox, parseMailboxHost, parseReversePath } from "../../../src/core/mail/path.ts";
import { formatReply } from "../../../src/core/mail/reply.ts";
import { percentStep } from "../../../src/core/mail/routing.ts";
import { formatMail, formatRcpt } from "../../../src/core/smtp/client-commands.ts";
import { parseCommand, type Command } from "../../../src/core/smtp/command.ts";
import { NO_OFFERS, type Offers } from "../../../src/core/smtp/offers.ts";
import { assertPlain, utf8, type PlantedBug, type Target } from "../target.ts";

const POSTMASTER = "inside.example" as Domain;
const EVERYTHING: Offers = {
  ...NO_OFFERS,
  size: true,
  dsn: true,
  smtpUtf8: true,
  eightBitMime: true,
  binaryMime: true,
};

/** What `LineFraming` lets through is a line of well-formed text. */
function lineOf(input: Uint8Array): string {
  return utf8(input).replaceAll(/[\r\n\0]/g, " ");
}

// --- command lines ----------------------------------------------------------------------------------------------------

type ReadCommand = typeof parseCommand;

function commandTarget(read: ReadCommand): Target {
  return {
    name: "commands",
    corpus: "commands",
    words: [
      ...["MAIL FROM:<", "RCPT TO:<", "EHLO ", "BDAT ", "AUTH ", " SIZE=", " BODY=8BITMIME", " SMTPUTF8", " RET=HDRS"],
      ...[" ENVID=", " NOTIFY=SUCCESS,", " ORCPT=rfc822;", " AUTH=<>", "+0D", "<>", "@", ">", " ", '"', "\\", "[IPv6:"],
      ...["\u00fc", "\u202e", "\ud83d\udce7", "\ufffd", "xn--", "inside.example", "%", "!"],
    ],
    check(input) {
      const line = lineOf(input);
      const command = read(line, POSTMASTER);
      assert.deepEqual(read(line, POSTMASTER), command, "the same line is the same command");
      checkCommand(command, read);
    },
    work: (input) => void read(lineOf(input), POSTMASTER),
  };
}

function checkCommand(command: Command, read: ReadCommand): void {
  switch (command.verb) {
    case "refused":
    case "hang-up":
      assert.match(formatReply(command.reply), /^[45]\d\d [45]\.\d\.\d{1,2} [\x20-\x7e]{1,200}\r\n$/);
      return;
    case "EHLO":
    case "HELO":
      assertPlain(command.name, 255);
      assert.deepEqual(read(`${command.verb} ${command.name}`, POSTMASTER), command);
      return;
    case "BDAT":
      assert.ok(Number.isSafeInteger(command.octets) && command.octets >= 0);
      return;
    case "MAIL":
      assert.deepEqual(meaning(read(mailAgain(command), POSTMASTER)), meaning(command));
      return;
    case "RCPT":
      assert.deepEqual(meaning(read(rcptAgain(command), POSTMASTER)), meaning(command));
      return;
    default:
      return;
  }
}

/** The command as we would say it to the next hop: it must mean the same there. */
function mailAgain({ path, parameters }: Extract<Command, { verb: "MAIL" }>): string {
  const { sizeOctets, body, smtpUtf8, ret, envelopeId } = parameters;
  const envelope = {
    reversePath: path,
    body: body ?? "7BIT",
    smtpUtf8,
    ...(ret === null ? {} : { ret }),
    ...(envelopeId === null ? {} : { envelopeId }),
  } as const;
  const sized = sizeOctets !== null && Number.isSafeInteger(sizeOctets);
  return oneLine(formatMail(envelope, sizeOctets ?? 0, smtpUtf8, { ...EVERYTHING, size: sized }));
}

/** No BODY is 7BIT, an empty ENVID is none, beyond 2^53 a size is rounded, and domains are ASCII once they are mapped. */
function meaning(command: Command): Command {
  if (command.verb === "RCPT") return { ...command, ascii: true };
  if (command.verb !== "MAIL") return command;
  const { body, sizeOctets, envelopeId } = command.parameters;
  const size = Number.isSafeInteger(sizeOctets ?? 0) ? sizeOctets : null;
  const parameters = {
    ...command.parameters,
    body: body === "7BIT" ? null : body,
    sizeOctets: size,
    envelopeId: envelopeId === "" ? null : envelopeId,
  };
  return { ...command, ascii: true, parameters };
}

function rcptAgain({ path, parameters }: Extract<Command, { verb: "RCPT" }>): string {
  const { notify, originalRecipient } = parameters;
  const recipient = {
    forwardPath: path,
    ...(notify === null ? {} : { notify }),
    ...(originalRecipient === null ? {} : { originalRecipient }),
  };
  return oneLine(formatRcpt(recipient, EVERYTHING, true));
}

function oneLine(wire: string): string {
  assert.match(wire, /^[^\r\n\0]*\r\n$/);
  assert.ok(Buffer.byteLength(wire) <= 2_048, "the next hop takes the line");
  return wire.slice(0, -2);
}

// --- paths and addresses ----------------------------------------------------------------------------------------------

type ReadPath = typeof parseForwardPath;

function pathTarget(read: ReadPath): Target {
  return {
    name: "paths",
    corpus: "paths",
    words: [
      ...["<", ">", "@", ",", ":", '"', "\\", "\\@", '"@', ".", "..", "%", "!", "[", "]", "[IPv6:", "::", "::ffff:"],
      ...["@a.example,@b.example:", "postmaster", "inside.example", "xn--", "\uff0e", "\u3002", "\u00ad", "\u200b"],
      ...["\uff20", "\u00fc", "\ud83d\udce7", "\ufffd", "\u2028", " ", "\t", "127.0.0.1", "0300.0.2.1"],
    ],
    check(input) {
      const text = lineOf(input);
      checkPath(text, read);
      checkHost(text);
    },
    work(input) {
      const text = lineOf(input);
      read(text, POSTMASTER);
      parseMailbox(text);
      parseMailboxHost(text);
      parseCidr(text);
    },
  };
}

function checkPath(text: string, read: ReadPath): void {
  const forward = read(text, POSTMASTER);
  const reverse = parseReversePath(text);
  if (!forward.ok) return assert.ok(!reverse.ok || reverse.value.path === null, "MAIL takes what RCPT takes, and <>");
  const { path, end, ascii } = forward.value;
  const address = formatMailbox(path);
  assert.ok(Buffer.byteLength(path.localPart) <= LOCAL_PART_OCTETS_MAX, "the local-part is short");
  assert.ok(formatMailboxHost(path.host).length <= DOMAIN_OCTETS_MAX, "the domain is short");
  assert.ok(Buffer.byteLength(address) + 2 <= PATH_OCTETS_MAX, "the path is short");
  assert.ok(end <= text.length && text[end - 1] === ">" && (end === text.length || text[end] === " "));
  assert.equal(ascii, /^[\x20-\x7e]*$/.test(text.slice(0, end)));
  // What turns the direction of writing may stand in an address (RFC 6531); it is escaped where people read it.
  assert.ok(!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(address), JSON.stringify(address));
  // One `@` outside quotes, and the domain is what follows it.
  assert.equal(address.replace(/^"(?:[^"\\]|\\.)*"/, "").split("@").length, 2, address);
  const again = read(`<${address}>`, POSTMASTER);
  assert.ok(again.ok, `${address} is one`);
  assert.deepEqual(again.value.path, path, "what is sent on means the same");
  const bare = parseMailbox(address);
  assert.deepEqual(bare.ok && bare.value, path);
  const step = percentStep(path.localPart);
  if (step === null) return;
  const stepped = read(`<${formatMailbox(step)}>`, POSTMASTER);
  assert.ok(stepped.ok && stepped.value.path.localPart === step.localPart, "so does what stands behind %");
}

function checkHost(text: string): void {
  const host = parseMailboxHost(text);
  if (host.ok) assert.deepEqual(parseMailboxHost(formatMailboxHost(host.value)), host);
  const domain = parseDomain(text);
  if (domain.ok) {
    assert.match(
      domain.value,
      /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/,
    );
    assert.deepEqual(parseDomain(domain.value), domain, "mapped once is mapped for ever");
  }
  const address = parseIpAddress(text);
  if (!text.includes("%")) assert.equal(address.ok, isIPv4(text) || isIPv6(text), `${text}: as Node sees it`);
  if (address.ok) {
    assert.deepEqual(parseIpAddress(formatIpAddress(address.value)), address);
    assert.deepEqual(parseMailboxHost(formatAddressLiteral(address.value)), {
      ok: true,
      value: { kind: "literal", address: address.value },
    });
  }
  const network = parseCidr(text);
  if (network.ok) assert.deepEqual(parseCidr(formatNetwork(network.value)), network);
}

export const commandTargets: readonly Target[] = [commandTarget(parseCommand), pathTarget(parseForwardPath)];

// --- mistakes ---------------------------------------------------------------------------------------------------------

export const commandBugs: readonly PlantedBug[] = [
  {
    what: "a parameter that throws where it is not well-formed",
    target: commandTarget((line, domain) => {
      if (/ENVID=[^ ]*%(?![0-9a-f]{2})/i.test(line)) decodeURIComponent("%");
      return parseCommand(line, domain);
    }),
  },
  {
    what: "a greeting that keeps what it was told",
    target: commandTarget((line, domain) => {
      const command = parseCommand(line, domain);
      return /^EHLO\s/i.test(line) && line.length < 300 ? { verb: "EHLO", name: line.slice(5) } : command;
    }),
  },
  {
    what: "the domain is what follows the first @",
    target: pathTarget((text, domain) => {
      const path = parseForwardPath(text, domain);
      if (!path.ok || !path.value.path.localPart.includes("@")) return path;
      const [localPart = ""] = path.value.path.localPart.split("@");
      return { ok: true, value: { ...path.value, path: { ...path.value.path, localPart } } };
    }),
  },
  {
    what: "the local-part is unquoted and not quoted again",
    target: pathTarget((text, domain) => {
      const path = parseForwardPath(text, domain);
      if (!path.ok) return path;
      const localPart = path.value.path.localPart.replaceAll(/^"|"$/g, "");
      return { ok: true, value: { ...path.value, path: { ...path.value.path, localPart } } };
    }),
  },
  {
    what: "a path that is read from its start at every @",
    target: pathTarget((text, domain) => {
      let sum = 0;
      for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1))
        for (let i = 0; i < at; i += 8) sum += text.charCodeAt(i);
      return sum < 0 ? { ok: false, error: "brackets" } : parseForwardPath(text, domain);
    }),
  },
];
