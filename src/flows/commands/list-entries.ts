import type { Json } from "../../core/base/json.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import { formatInstant, type Instant } from "../../core/base/time.ts";
import type { Arguments } from "../../core/cl/arguments.ts";
import { describeCoverage, describeNetwork, formatEntryId, formatEntryValue } from "../../core/policy/coverage.ts";
import {
  changesValue,
  listOf,
  parseEntryId,
  readChangedValue,
  readExpiry,
  readNewEntry,
  readNamedValue,
} from "../../core/cl/entry-value.ts";
import { counted, formatCount } from "../../core/base/count.ts";
import { cut, pageHeading, tableLines, type Column } from "../../core/cl/layout.ts";
import { message } from "../../core/cl/messages.ts";
import { WRKSMTPLE } from "../../core/cl/commands/list-entries.ts";
import { parseDomain } from "../../core/mail/domain.ts";
import { addressCount, formatMask } from "../../core/mail/network.ts";
import type { Finding } from "../../core/policy/finding.ts";
import {
  hasEnded,
  LIST_NAMES,
  type Entry,
  type EntryValue,
  type ListName,
  type PolicyChange,
} from "../../core/policy/policy.ts";
import { inSlices } from "../slices.ts";
import { answer, faultsOf, sealingOf, type Answer, type CommandContext, type Handler } from "./answer.ts";
import {
  findingMessage,
  findingMessages,
  FINDINGS_TOLD_MAX,
  helpToFind,
  nameInList,
  refusalMessage,
} from "./policy-answer.ts";
import { printable } from "../../core/base/printable.ts";

export const addEntry: Handler = async (context, args) => {
  const { operations } = context;
  const entry = readNewEntry(args, context.now, sealingOf(operations));
  if (!entry.ok) return faultsOf(entry.error);
  const done = await changeEntry(context, args, { kind: "add-entry", entry: entry.value }, "SMR0101");
  return withAccountWarning(context, done, entry.value.value);
};

export const removeEntry: Handler = async (context, args) => {
  const found = await findEntry(context, args);
  if (!found.ok) return found.error;
  return changeEntry(context, args, { kind: "remove-entry", id: found.value.id }, "SMR0102");
};

export const changeListEntry: Handler = async (context, args) => {
  const { operations } = context;
  const found = await findEntry(context, args);
  if (!found.ok) return found.error;
  const expiry = readExpiry(args, context.now);
  if (!expiry.ok && !args.is("EXPDATE", "*SAME")) return faultsOf(expiry.error);
  const value = changesValue(args) ? readChangedValue(args, found.value.value, sealingOf(operations)) : null;
  if (value && !value.ok) return faultsOf(value.error);
  const change = {
    kind: "change-entry",
    id: found.value.id,
    ...(value ? { value: value.value } : {}),
    ...(args.is("TEXT", "*SAME") ? {} : { text: args.plain("TEXT") ?? "" }),
    ...(args.is("EXPDATE", "*SAME") || !expiry.ok ? {} : { expiresAt: expiry.value }),
  } as const;
  return withAccountWarning(context, await changeEntry(context, args, change, "SMR0103"), value?.value ?? null);
};

/** A *HOSTAUTH entry may name an OAuth account that is not there. */
function withAccountWarning({ operations }: CommandContext, done: Answer, value: EntryValue | null): Answer {
  if (value?.kind !== "host-credentials" || value.account === "" || operations.oauth.find(value.account)) return done;
  if (done.messages.some(({ severity }) => severity >= 30)) return done;
  return { ...done, messages: [...done.messages, message("SMR0155", `*HOSTAUTH entry ${value.host}`, value.account)] };
}

/** The entry that ENTRY, or TYPE and value, name. */
async function findEntry(context: CommandContext, args: Arguments): Promise<Result<Entry, Answer>> {
  const { policy } = context.operations;
  const number = args.text("ENTRY");
  if (number !== null) {
    const id = parseEntryId(number);
    const entry = id === null ? null : policy.entry(id);
    return entry ? ok(entry) : err(answer([message("SMR0129", number)]));
  }
  const type = args.text("TYPE");
  if (type === null) return err(answer([message("SMR0126")]));
  const value = readNamedValue(args);
  if (!value.ok) return err(faultsOf(value.error));
  const list = listOf(type);
  const entry = policy.find(list, value.value) ?? onlyDomain(args, list === "*DOMAIN" ? policy.entries(list) : []);
  return entry ? ok(entry) : err(await notFound(context, value.value, list));
}

/** A *DOMAIN entry by its name alone, where no other address has that name too. */
function onlyDomain(args: Arguments, entries: readonly Entry[]): Entry | null {
  if (args.given("INTNETADR") || args.given("IP6NETADR")) return null;
  const name = parseDomain(args.given("HOSTNAME") ? (args.text("HOSTNAME") ?? "") : "");
  const named = entries.filter(
    ({ value }) => name.ok && value.kind === "interface-domain" && value.domain === name.value,
  );
  return named.length === 1 ? (named[0] ?? null) : null;
}

async function notFound({ operations }: CommandContext, wanted: EntryValue, list: ListName): Promise<Answer> {
  const help = await inSlices(operations, helpToFind(wanted, list, operations.policy.walk()));
  const name = wanted.kind === "host-credentials" ? wanted.host : formatEntryValue(wanted);
  return answer([message("SMR0111", name, list, help)]);
}

/** Makes the change and says what it means: for the commands of lists and of routes. */
export async function changeEntry(
  context: CommandContext,
  args: Arguments,
  change: PolicyChange,
  id: "SMR0101" | "SMR0102" | "SMR0103",
): Promise<Answer> {
  const { operations, by, text } = context;
  const confirmed = args.given("CONFIRM") && args.is("CONFIRM", "*YES");
  const changed = await operations.policy.change({ change, command: text, by, confirmed });
  if (!changed.ok)
    return answer([refusalMessage(changed.error, args.given("ENTRY") ? (args.text("ENTRY") ?? "") : "")]);
  const { entry, version, findings } = changed.value;
  if (!entry) return answer([message(id, "", "", "", String(version))]);
  const meaning =
    id === "SMR0102"
      ? describeRemoval(operations.policy.covering(entry.list, entry.value), entry)
      : describeEffect(entry);
  const done = message(id, formatEntryValue(entry.value), entry.list, meaning, String(version));
  const value = { version, entry: entryJson(entry), findings: findingsJson(findings) };
  return answer([done, ...findingMessages(findings)], "", value);
}

/** What the entry covers, and until when. */
function describeEffect(entry: Entry): string {
  const end = entry.expiresAt === null ? "" : ` Ends ${formatInstant(entry.expiresAt)}.`;
  return `${describeCoverage(entry.value)}${end}`;
}

/** What it covered, and which entry still does. */
function describeRemoval(wider: Entry | null, { value }: Entry): string {
  const covered = value.kind === "network" ? `It covered ${describeNetwork(value.network)}.` : "";
  return wider ? `${covered} ${nameInList(wider)} still does.`.trim() : covered;
}

// --- WRKSMTPLE --------------------------------------------------------------------------------------------------------

export const workWithEntries: Handler = async (context, args) => {
  const { policy } = context.operations;
  const wanted = args.plains("TYPE").length > 0 ? [] : args.rows("TYPE").map((row) => row[0]?.text ?? "");
  const lists = LIST_NAMES.filter((list) => list !== "*ROUTE" && (wanted.includes("*ALL") || wanted.includes(list)));
  const findings = groupFindings(await policy.analyse());
  const { operations } = context;
  const value: Json[] = [];
  const parts = [heading(context)];
  for (const list of lists) {
    const entries = policy.entries(list);
    const rows = mapped(entries, (entry) => entryRow(context, entry, findings.get(entry.id) ?? []));
    await inSlices(operations, rows, (row) => value.push(row));
    const lines: string[] = [];
    await inSlices(operations, printList(context, list, entries, findings), (line) => {
      if (line !== undefined) lines.push(cut(line));
    });
    parts.push(lines.join("\n"));
  }
  return answer([message("SMR0140", counted(value.length, "entry", "entries"))], parts.join("\n\n"), value);
};

function* mapped<A, B>(values: readonly A[], map: (value: A) => B): Generator<B, void> {
  for (const value of values) yield map(value);
}

function heading(context: CommandContext): string {
  const { policy, server } = context.operations;
  const { now } = context;
  const title = pageHeading("Work with SMTP List Entries", server.status().hostname, now);
  return `${title}\n ALWRLY(${policy.attributes().ALWRLY})   Version ${policy.version()}`;
}

const COLUMNS: readonly Column[] = [
  { heading: "Entry" },
  { heading: "Address or domain", max: 46 },
  { heading: "Mask or prefix" },
  { heading: "Covers", align: "right" },
  { heading: "Hits", align: "right" },
  { heading: "Last used" },
  { heading: "Last client" },
];

/** The lines of one list, with steps without one in between. */
function* printList(
  context: CommandContext,
  list: ListName,
  entries: readonly Entry[],
  findings: ReadonlyMap<number, readonly Finding[]>,
): Generator<string | undefined, void> {
  const meaning = WRKSMTPLE.parameters[0]?.shape;
  const choice = meaning?.kind === "choice" ? meaning.choices.find(({ value }) => value === list) : undefined;
  yield ` ${list}  ${choice?.meaning ?? ""}`;
  if (entries.length === 0) {
    yield "   (No entries in list)";
    return;
  }
  const rows = mapped(entries, (entry) => columnsOf(context, entry));
  let next = -1; // the headings come first
  for (const line of tableLines(COLUMNS, rows)) {
    yield line;
    const entry = line === undefined ? undefined : entries[next++];
    if (entry === undefined) continue;
    for (const detail of details(entry, context.now)) yield `        ${detail}`;
    for (const finding of findings.get(entry.id) ?? []) {
      const { id, text } = findingMessage(finding);
      yield `        ${id} ${text}`;
    }
  }
}

function columnsOf(context: CommandContext, entry: Entry): readonly string[] {
  const use = context.operations.policy.use(entry.id);
  const [value, mask] = splitValue(entry.value);
  return [
    formatEntryId(entry.id),
    value,
    mask,
    entry.value.kind === "network" ? formatCount(addressCount(entry.value.network)) : "",
    formatCount(use?.hits ?? 0),
    use ? formatInstant(use.lastUsedAt) : "never",
    use?.lastClient ?? "",
  ];
}

/** Address and mask of an IPv4 network, address and prefix of an IPv6 one, or the value alone. */
export function splitValue(value: EntryValue): readonly [string, string] {
  if (value.kind !== "network") return [formatEntryValue(value), ""];
  const { network } = value;
  const address = formatEntryValue(value).replace(/\/\d+$/, "");
  return [address, network.base.family === 4 ? formatMask(network.prefixBits) : `/${network.prefixBits}`];
}

function details(entry: Entry, now: Instant): readonly string[] {
  const lines = [];
  if (entry.value.kind !== "network" || addressCount(entry.value.network) > 1n)
    lines.push(describeCoverage(entry.value));
  lines.push(describeAdded(entry, now));
  if (entry.text !== "") lines.push(`Text: ${printable(entry.text, 110)}`);
  return lines;
}

/** Who added it, when, and until when it counts. */
export function describeAdded(entry: Entry, now: Instant): string {
  const { addedBy, addedAt, expiresAt } = entry;
  const end = expiresAt === null ? "" : `; ${hasEnded(entry, now) ? "expired" : "ends"} ${formatInstant(expiresAt)}`;
  return `Added by ${printable(addedBy, 40)}, ${formatInstant(addedAt)}${end}`;
}

function groupFindings(findings: readonly Finding[]): ReadonlyMap<number, readonly Finding[]> {
  return Map.groupBy(findings, (finding) => finding.entry.id);
}

// --- as JSON ----------------------------------------------------------------------------------------------------------

export function entryJson(entry: Entry): { readonly [name: string]: Json } {
  return {
    id: formatEntryId(entry.id),
    list: entry.list,
    value: formatEntryValue(entry.value),
    kind: entry.value.kind,
    covers: entry.value.kind === "network" ? String(addressCount(entry.value.network)) : null,
    text: entry.text,
    addedBy: entry.addedBy,
    addedAt: formatInstant(entry.addedAt),
    expiresAt: entry.expiresAt === null ? null : formatInstant(entry.expiresAt),
  };
}

/** The first findings of an answer, as many as its messages tell. */
export function findingsJson(findings: readonly Finding[]): readonly Json[] {
  return findings.slice(0, FINDINGS_TOLD_MAX).map(findingJson);
}

function findingJson(finding: Finding): { readonly [name: string]: Json } {
  const { id, text } = findingMessage(finding);
  return {
    kind: finding.kind,
    entry: formatEntryId(finding.entry.id),
    other: "other" in finding ? formatEntryId(finding.other.id) : null,
    message: id,
    text,
  };
}

/** The entry with its use. */
export function entryWithUse({ operations, now }: CommandContext, entry: Entry): { readonly [name: string]: Json } {
  const use = operations.policy.use(entry.id);
  return {
    ...entryJson(entry),
    expired: hasEnded(entry, now),
    hits: use?.hits ?? 0,
    lastUsedAt: use ? formatInstant(use.lastUsedAt) : null,
    lastClient: use?.lastClient ?? null,
  };
}

function entryRow(context: CommandContext, entry: Entry, findings: readonly Finding[]): Json {
  return {
    ...entryWithUse(context, entry),
    findings: findings.map(findingJson),
  };
}
