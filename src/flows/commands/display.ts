import { nearest } from "../../core/base/nearest.ts";
import { printable } from "../../core/base/printable.ts";
import type { Arguments } from "../../core/cl/arguments.ts";
import { formatEntryValue } from "../../core/policy/coverage.ts";
import { counted } from "../../core/base/count.ts";
import { leader } from "../../core/cl/layout.ts";
import { findMessage, message, messageIds, type Message } from "../../core/cl/messages.ts";
import { formatIpAddress } from "../../core/mail/ip.ts";
import { formatMask } from "../../core/mail/network.ts";
import type { Entry, EntryValue, ListName } from "../../core/policy/policy.ts";
import { answer, say, type Handler } from "./answer.ts";

interface Member {
  readonly list: ListName;
  readonly holds: (value: EntryValue) => boolean;
}

const always = (): boolean => true;

/** The members of QUSRSYS/QATMADRLST by name: a list each, *NEAR two. */
const MEMBERS: Readonly<Record<string, Member>> = {
  ACCEPTRLY: { list: "*ACCEPT", holds: always },
  REJECTCNN: { list: "*REJECT", holds: always },
  NEARDMN: { list: "*NEAR", holds: (value) => value.kind === "domain" },
  NEARADR: { list: "*NEAR", holds: (value) => value.kind === "network" },
  DOMAIN: { list: "*DOMAIN", holds: always },
  SVRBIND: { list: "*SVRBIND", holds: always },
  CLTBIND: { list: "*CLTBIND", holds: always },
  ETRNSVR: { list: "*ETRNSVR", holds: always },
  HOSTAUTH: { list: "*HOSTAUTH", holds: always },
};

/** The older file has two members of IPv4 lines only. */
const OLD_MEMBERS = ["ACCEPTRLY", "REJECTCNN"];

const RULER = "*...+....1....+....2....+....3....+....4....+....5....+....6....+....7....+....8";

export const displayMember: Handler = async (context, args) => {
  const { policy } = context.operations;
  const file = readFile(args);
  if (!["QATMADRLST", "QTMSADRLST"].includes(file)) {
    const near = nearest(file, ["QATMADRLST", "QTMSADRLST"]);
    return say(
      "SMR0014",
      args.text("FILE") ?? "",
      "FILE",
      near ? `Did you mean QUSRSYS/${near}?` : "It is QUSRSYS/QATMADRLST.",
    );
  }
  const old = file === "QTMSADRLST";
  const name = args.plain("MBR") ?? "ACCEPTRLY";
  const known = old ? OLD_MEMBERS : Object.keys(MEMBERS);
  const member = known.includes(name) ? MEMBERS[name] : undefined;
  if (!member) return say("SMR0014", name, "MBR", `File ${file} has ${known.join(" ")}.`);
  const entries = policy.entries(member.list).filter(({ value }) => member.holds(value) && (!old || isIpv4(value)));
  const records = entries.map(old ? formatOldRecord : formatRecord);
  const output = [
    "                              Display Physical File Member",
    ` File  . . . . . . :   ${file.padEnd(14)} Library  . . . . :   QUSRSYS`,
    ` Member  . . . . . :   ${name.padEnd(14)} Records  . . . . :   ${records.length}`,
    RULER,
    ...records,
    "                            ****** END OF DATA ******",
  ].join("\n");
  return answer([message("SMR0140", counted(records.length, "record"))], output, {
    file: `QUSRSYS/${file}`,
    member: name,
    records,
  });
};

function readFile(args: Arguments): string {
  return (args.text("FILE") ?? "").toUpperCase().replace(/^(QUSRSYS|\*LIBL)\//, "");
}

function isIpv4(value: EntryValue): boolean {
  return value.kind === "network" && value.network.base.family === 4;
}

/** Address in columns 1 to 15, mask from 17 on; an IPv6 address with its prefix; a name alone. */
function formatRecord({ value }: Entry): string {
  if (value.kind === "network") {
    const address = formatIpAddress(value.network.base);
    return value.network.base.family === 4
      ? `${address.padEnd(15)} ${formatMask(value.network.prefixBits)}`
      : `${address.padEnd(39)} ${value.network.prefixBits}`;
  }
  if (value.kind === "interface-domain") {
    return `${value.domain.padEnd(39)} ${value.address === null ? "" : formatIpAddress(value.address)}`.trimEnd();
  }
  if (value.kind === "host-credentials") {
    const user = value.user === "" && value.account !== "" ? `account ${value.account}` : value.user;
    return `${value.host.padEnd(39)} ${printable(user, 60)}`;
  }
  return formatEntryValue(value);
}

/** `address mask` with one blank, as administrators wrote it by hand. */
function formatOldRecord(entry: Entry): string {
  return formatRecord(entry).replace(/ +/, " ");
}

export const displayMessageDescription: Handler = async (_context, args) => {
  const id = args.given("MSGID") ? args.text("MSGID") : args.text("RANGE");
  if (id === null) return say("SMR0013", "MSGID", "Message identifier");
  if (id === "*ALL") {
    const all = messageIds().flatMap((known) => findMessage(known) ?? []);
    return answer([], all.map(({ id: each, text }) => `${each}  ${text}`).join("\n"), all.map(messageJson));
  }
  const known = findMessage(id);
  if (!known) {
    const near = nearest(id, messageIds());
    return say("SMR0801", id, near ? `Did you mean ${near}?` : "");
  }
  const output = [
    `${leader("Message ID", 22)}${known.id}`,
    `${leader("Severity", 22)}${String(known.severity).padStart(2, "0")}`,
    `${leader("Message", 22)}${known.text}`,
    known.secondLevel,
  ].join("\n");
  return answer([], output, messageJson(known));
};

function messageJson({ id, severity, text, secondLevel }: Message): { readonly [name: string]: string | number } {
  return { id, severity, text, secondLevel };
}
