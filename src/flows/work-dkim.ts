import { counted } from "../core/base/count.ts";
import type { Json } from "../core/base/json.ts";
import { formatInstant } from "../core/base/time.ts";
import { table } from "../core/cl/layout.ts";
import { message, type Message } from "../core/cl/messages.ts";
import { formatKeyRecord, formatZoneLine, type Published } from "../core/dkim/key-record.ts";
import { recordName, type DkimAlgorithm, type DkimKey } from "../core/dkim/key.ts";
import { parseDomain, type Domain } from "../core/mail/domain.ts";
import { refused, type CommandResult } from "./command-result.ts";
import type { DkimFault, DkimLook, Operations } from "./operations.ts";

export interface CreateWords {
  readonly domain: string;
  readonly selector?: string | undefined;
  readonly algorithm?: "rsa" | "ed25519" | "both" | undefined;
  readonly subdomains?: boolean | undefined;
  readonly now?: boolean | undefined;
}

const ALGORITHMS: Readonly<Record<NonNullable<CreateWords["algorithm"]>, readonly DkimAlgorithm[]>> = {
  rsa: ["rsa-sha256"],
  ed25519: ["ed25519-sha256"],
  both: ["rsa-sha256", "ed25519-sha256"],
};

/** dkim create: prints the records for the DNS. */
export async function createDkimKeys(operations: Operations, words: CreateWords, by: string): Promise<CommandResult> {
  const domain = parseDomain(words.domain);
  if (!domain.ok) return refused(message("SMR0849", words.domain));
  const made = await operations.dkim.create(
    {
      domain: domain.value,
      selector: words.selector ?? null,
      algorithms: ALGORITHMS[words.algorithm ?? "rsa"],
      subdomains: words.subdomains === true,
      now: words.now === true,
    },
    by,
  );
  if (!made.ok) return refused(faultMessage(made.error, domain.value, words.selector ?? ""));
  const signs = (key: DkimKey): string => (key.state === "signing" ? "It signs from now on." : "It is pending.");
  return {
    ok: true,
    messages: made.value.map((key) => message("SMR0841", recordName(key), signs(key))),
    output: recordsOf(made.value),
    value: made.value.map((key) => valueOf(operations, key)),
  };
}

/** dkim list */
export function listDkimKeys(operations: Operations): CommandResult {
  return shown(operations, operations.dkim.list(null), false);
}

/** dkim show: the keys of a domain with their records. */
export function showDkimKeys(operations: Operations, name: string): CommandResult {
  const domain = parseDomain(name);
  if (!domain.ok) return refused(message("SMR0849", name));
  const keys = operations.dkim.list(domain.value);
  return keys.length === 0 ? notFound(domain.value) : shown(operations, keys, true);
}

/** dkim check: what the DNS says. Pending keys that are published sign from now on. */
export async function checkDkimKeys(operations: Operations, name: string | null, by: string): Promise<CommandResult> {
  const domain = name === null ? null : parseDomain(name);
  if (domain?.ok === false) return refused(message("SMR0849", name ?? ""));
  const keys = operations.dkim.list(domain?.value ?? null);
  if (keys.length === 0 && domain !== null) return notFound(domain.value);
  const looks: DkimLook[] = [];
  for (const one of new Set(keys.map((key) => key.domain))) looks.push(...(await operations.dkim.look(one, by)));
  const messages = looks.flatMap((look) => lookMessages(look));
  const rows = looks.map(({ key, published }) => [recordName(key), key.state, wordsOf(published)]);
  return {
    // A retired key may be gone from the DNS.
    ok: looks.every(({ key, published }) => key.state === "retired" || isRight(published)),
    messages,
    output:
      rows.length === 0 ? "" : table([{ heading: "Record", max: 80 }, { heading: "State" }, { heading: "DNS" }], rows),
    value: looks.map(({ key, published, starts }) => ({
      ...valueOf(operations, key),
      published: typeof published === "string" ? published : "unknown",
      starts,
    })),
  };
}

/** dkim use: signs with a key, seen in the DNS or not. */
export async function useDkimKey(
  operations: Operations,
  name: string,
  selector: string,
  by: string,
): Promise<CommandResult> {
  const domain = parseDomain(name);
  if (!domain.ok) return refused(message("SMR0849", name));
  const used = await operations.dkim.use(domain.value, selector.toLowerCase(), by);
  if (!used.ok) return refused(faultMessage(used.error, domain.value, selector));
  const messages = [message("SMR0842", recordName(used.value))];
  return { ok: true, messages, output: "", value: valueOf(operations, used.value) };
}

/** dkim remove */
export async function removeDkimKeys(
  operations: Operations,
  name: string,
  selector: string | null,
  confirmed: boolean,
  by: string,
): Promise<CommandResult> {
  const domain = parseDomain(name);
  if (!domain.ok) return refused(message("SMR0849", name));
  const removed = await operations.dkim.remove(domain.value, selector?.toLowerCase() ?? null, confirmed, by);
  if (!removed.ok) return refused(faultMessage(removed.error, domain.value, selector ?? ""));
  const messages = [message("SMR0848", counted(removed.value, "key"), domain.value)];
  return { ok: true, messages, output: "", value: { domain: domain.value, removed: removed.value } };
}

function shown(operations: Operations, keys: readonly DkimKey[], records: boolean): CommandResult {
  const rows = keys.map((key) => [
    key.domain,
    key.selector,
    key.algorithm,
    operations.dkim.isReadable(key) ? key.state : "unreadable",
    key.subdomains ? "yes" : "no",
    formatInstant(key.createdAt),
    key.createdBy,
  ]);
  const headings = ["Domain", "Selector", "Algorithm", "State", "Subdomains", "Made", "By"];
  const lines =
    rows.length === 0
      ? ""
      : table(
          headings.map((heading) => ({ heading, max: 80 })),
          rows,
        );
  return {
    ok: true,
    messages: [message("SMR0843", counted(keys.length, "key"))],
    output: records ? `${lines.trimEnd()}\n\n${recordsOf(keys)}` : lines,
    value: keys.map((key) => valueOf(operations, key)),
  };
}

/** Lines for a zone file. */
function recordsOf(keys: readonly DkimKey[]): string {
  return keys.map((key) => `${formatZoneLine(recordName(key), formatKeyRecord(key))}\n`).join("");
}

type DkimKeyJson = { readonly [name: string]: Json };

function valueOf(operations: Operations, key: DkimKey): DkimKeyJson {
  const { domain, selector, algorithm, state, subdomains, createdAt, createdBy } = key;
  return {
    domain,
    selector,
    algorithm,
    state,
    readable: operations.dkim.isReadable(key),
    subdomains,
    createdAt: formatInstant(createdAt),
    createdBy,
    record: { name: recordName(key), text: formatKeyRecord(key) },
  };
}

function lookMessages({ key, published, starts }: DkimLook): readonly Message[] {
  const name = recordName(key);
  const signs = starts ? [message("SMR0842", name)] : [];
  if (typeof published !== "string") return [message("SMR0847", name, published.trouble)];
  if (published === "published") return [message("SMR0844", name), ...signs];
  if (published === "testing") return [message("SMR0846", name), ...signs];
  return key.state === "retired" ? [] : [message("SMR0845", name, `${WRONG[published]}.`)];
}

const WRONG: Readonly<Record<Exclude<Published, "published" | "testing">, string>> = {
  missing: "there is none",
  revoked: "p= is empty, which withdraws the key",
  several: "several records have its name",
  different: "it is another one than this key's",
  "too-short": "it has another key, with less than 2,048 bits",
};

function isRight(published: DkimLook["published"]): boolean {
  return published === "published" || published === "testing";
}

function wordsOf(published: DkimLook["published"]): string {
  return typeof published === "string" ? published : "unknown";
}

function faultMessage(fault: DkimFault, domain: Domain, selector: string): Message {
  switch (fault.kind) {
    case "selector":
      return message("SMR0850", fault.selector);
    case "exists":
      return message("SMR0851", fault.selector);
    case "not-found":
      return notFoundMessage(domain, selector);
    case "unreadable":
      return message("SMR0853", recordName({ selector, domain }));
    case "signs":
      return message("SMR0854", domain);
    case "too-many":
      return message("SMR0855");
  }
}

function notFoundMessage(domain: Domain, selector: string): Message {
  return message("SMR0852", domain, selector === "" ? "" : `It has none with selector ${selector}.`);
}

function notFound(domain: Domain): CommandResult {
  return refused(notFoundMessage(domain, ""));
}
