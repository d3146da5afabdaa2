import type { Json } from "../../core/base/json.ts";
import { printable } from "../../core/base/printable.ts";
import {
  ATTRIBUTE_NAMES,
  attributeMeaning,
  changedAttributes,
  formatAttributes,
  formatAttributeValue,
  readAttributes,
} from "../../core/cl/attribute-values.ts";
import { CHGSMTPA } from "../../core/cl/commands/attributes.ts";
import { findParameter } from "../../core/cl/definition.ts";
import { counted } from "../../core/base/count.ts";
import { leader, PAGE_COLUMNS, pageHeading } from "../../core/cl/layout.ts";
import { message, type Message } from "../../core/cl/messages.ts";
import type { Instant } from "../../core/base/time.ts";
import { addressCount, covers, type Network } from "../../core/mail/network.ts";
import { DEFAULT_ATTRIBUTES, type Attributes, type Entry } from "../../core/policy/policy.ts";
import type { PolicyOperations } from "../operations.ts";
import { answer, faultsOf, say, type Handler } from "./answer.ts";
import { findingMessages, refusalMessage } from "./policy-answer.ts";
import { findingsJson } from "./list-entries.ts";

export const changeAttributes: Handler = async (context, args) => {
  const { operations, by, text } = context;
  const { policy } = operations;
  const wanted = readAttributes(args);
  if (!wanted.ok) return faultsOf(wanted.error);
  if (Object.keys(wanted.value).length === 0) return say("SMR0204");
  const attributes = changedAttributes(policy.attributes(), { ...policy.attributes(), ...wanted.value });
  if (Object.keys(attributes).length === 0) {
    return say("SMR0123", wanted.value.ALWRLY === undefined ? "" : describeRelay(policy, context.now));
  }
  const confirmed = args.is("CONFIRM", "*YES");
  const changed = await policy.change({ change: { kind: "set-attributes", attributes }, command: text, by, confirmed });
  if (!changed.ok) return answer([refusalMessage(changed.error, "")]);
  const { version, findings } = changed.value;
  const meaning = attributes.ALWRLY === undefined ? "" : describeRelay(policy, context.now);
  const messages: Message[] = [message("SMR0201", formatAttributes(attributes), meaning, String(version))];
  if (attributes.AUTOSTART !== undefined) messages.push(message("SMR0203", "AUTOSTART"));
  messages.push(...findingMessages(findings));
  return answer(messages, "", { version, attributes: attributesJson(attributes), findings: findingsJson(findings) });
};

/** Who may relay now, in a sentence. */
export function describeRelay(policy: PolicyOperations, now: Instant): string {
  const live = (list: "*ACCEPT" | "*NEAR"): readonly Entry[] =>
    policy.entries(list).filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
  switch (policy.attributes().ALWRLY) {
    case "*NONE":
      return "Nobody may relay. Mail for local domains still flows.";
    case "*ALL":
      return "Everybody may relay: this is an open relay.";
    case "*LIST":
      return describeAccept(live("*ACCEPT"));
    case "*NEAR":
      return describeNear(live("*NEAR"));
    case "*BOTH":
      return `${describeAccept(live("*ACCEPT"))} ${describeNear(live("*NEAR"))}`;
  }
}

function describeAccept(entries: readonly Entry[]): string {
  if (entries.length === 0) return "*ACCEPT is empty: no client may relay by it.";
  return `Clients on *ACCEPT may relay: ${counted(countAddresses(entries), "address", "addresses")}.`;
}

function describeNear(entries: readonly Entry[]): string {
  if (entries.length === 0) return "*NEAR is empty: nothing is relayed by it.";
  const domains = entries.filter(({ value }) => value.kind === "domain").length;
  const addresses = countAddresses(entries);
  const parts = [];
  if (domains > 0) parts.push(`Mail to ${counted(domains, "near domain", "near domains")} is relayed.`);
  if (addresses > 0n) parts.push(`Clients on *NEAR may relay: ${counted(addresses, "address", "addresses")}.`);
  return parts.join(" ");
}

/** Addresses that the entries of one list cover together: they come sorted. Of two networks one holds the other or they are apart, so that none counts twice. */
function countAddresses(entries: readonly Entry[]): bigint {
  let count = 0n;
  let last: Network | null = null;
  for (const { value } of entries) {
    if (value.kind !== "network" || (last && covers(last, value.network))) continue;
    last = value.network;
    count += addressCount(value.network);
  }
  return count;
}

export const displayAttributes: Handler = async (context) => {
  const { policy, server } = context.operations;
  const { now } = context;
  const attributes = policy.attributes();
  const lines = ATTRIBUTE_NAMES.map((name) => {
    const label = ` ${findParameter(CHGSMTPA, name)?.prompt ?? ""} (${name})`;
    const value = formatAttributeValue(name, attributes);
    const standard = formatAttributeValue(name, DEFAULT_ATTRIBUTES);
    const meaning = attributeMeaning(name, attributes);
    const notes = [meaning, value === standard ? "" : `(default ${standard})`].filter((note) => note !== "");
    return printable(`${leader(label, 48)}${value.padEnd(12)} ${notes.join(" ")}`.trimEnd(), PAGE_COLUMNS);
  });
  const title = pageHeading("Display SMTP Attributes", server.status().hostname, now);
  const output = `${title}\n Version ${policy.version()}\n\n${lines.join("\n")}\n\n ${describeRelay(policy, now)}`;
  return answer([], output, { version: policy.version(), ...attributesJson(attributes) });
};

function attributesJson(attributes: Partial<Attributes>): { readonly [name: string]: Json } {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === "object" && value !== null && "attempts" in value ? { ...value } : value,
    ]),
  );
}
