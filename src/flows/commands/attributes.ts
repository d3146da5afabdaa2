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
import { DEFAULT_ATTRIBUTES, type Attributes } from "../../core/policy/policy.ts";
import type { RelayFigures } from "../../core/policy/relay-figures.ts";
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
    return say("SMR0123", wanted.value.ALWRLY === undefined ? "" : await describeRelay(policy));
  }
  const confirmed = args.is("CONFIRM", "*YES");
  const changed = await policy.change({ change: { kind: "set-attributes", attributes }, command: text, by, confirmed });
  if (!changed.ok) return answer([refusalMessage(changed.error, "")]);
  const { version, findings } = changed.value;
  const meaning = attributes.ALWRLY === undefined ? "" : await describeRelay(policy);
  const messages: Message[] = [message("SMR0201", formatAttributes(attributes), meaning, String(version))];
  if (attributes.AUTOSTART !== undefined) messages.push(message("SMR0203", "AUTOSTART"));
  messages.push(...findingMessages(findings));
  return answer(messages, "", { version, attributes: attributesJson(attributes), findings: findingsJson(findings) });
};

/** Who may relay now, in a sentence. */
export async function describeRelay(policy: Pick<PolicyOperations, "attributes" | "relayFigures">): Promise<string> {
  switch (policy.attributes().ALWRLY) {
    case "*NONE":
      return "Nobody may relay. Mail for local domains still flows.";
    case "*ALL":
      return "Everybody may relay: this is an open relay.";
    case "*LIST":
      return describeAccept(await policy.relayFigures("*ACCEPT"));
    case "*NEAR":
      return describeNear(await policy.relayFigures("*NEAR"));
    case "*BOTH":
      return `${describeAccept(await policy.relayFigures("*ACCEPT"))} ${describeNear(await policy.relayFigures("*NEAR"))}`;
  }
}

function describeAccept({ empty, addresses }: RelayFigures): string {
  if (empty) return "*ACCEPT is empty: no client may relay by it.";
  return `Clients on *ACCEPT may relay: ${counted(addresses, "address", "addresses")}.`;
}

function describeNear({ empty, domains, addresses }: RelayFigures): string {
  if (empty) return "*NEAR is empty: nothing is relayed by it.";
  const parts = [];
  if (domains > 0) parts.push(`Mail to ${counted(domains, "near domain", "near domains")} is relayed.`);
  if (addresses > 0n || domains === 0) {
    parts.push(`Clients on *NEAR may relay: ${counted(addresses, "address", "addresses")}.`);
  }
  return parts.join(" ");
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
  const output = `${title}\n Version ${policy.version()}\n\n${lines.join("\n")}\n\n ${await describeRelay(policy)}`;
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
