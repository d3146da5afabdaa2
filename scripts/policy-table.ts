/** docs/policy-table.md: what the engine answers to every combination of attributes and list hits. */
import { parseDomain, type Domain } from "../src/core/mail/domain.ts";
import { parseIpAddress, type IpAddress } from "../src/core/mail/ip.ts";
import { formatMailbox, type Mailbox } from "../src/core/mail/mailbox.ts";
import { networkOf } from "../src/core/mail/network.ts";
import { parseForwardPath, pathFaultReply } from "../src/core/mail/path.ts";
import { describeReply } from "../src/core/mail/reply.ts";
import { applyChange } from "../src/core/policy/change.ts";
import { emptyPolicy, type CompiledPolicy } from "../src/core/policy/compile.ts";
import { decideRelay } from "../src/core/policy/decide.ts";
import { parseDecisionId } from "../src/core/policy/decision-id.ts";
import type { ClientFacts } from "../src/core/policy/decision.ts";
import type { Attributes, NewEntry } from "../src/core/policy/policy.ts";

function must<T>(parsed: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (!parsed.ok) throw new Error("the names of the table can be read");
  return parsed.value;
}

const domain = (text: string): Domain => must(parseDomain(text));
const address = (text: string): IpAddress => must(parseIpAddress(text));

const CLIENT = address("192.0.2.25");
const DECISION = parseDecisionId("D-7F3K2") ?? 0;

/** What is asked, in the order in which the page is read: each with its values. */
const COLUMNS = {
  "on *REJECT": ["no", "yes"],
  ALWAUTH: ["*NONE", "*RELAY", "*LCLRLY"],
  authenticated: ["no", "yes"],
  "recipient local": ["no", "yes"],
  ALWRLY: ["*NONE", "*ALL", "*LIST", "*NEAR", "*BOTH"],
  "on *ACCEPT": ["no", "yes"],
  "near domain": ["no", "yes"],
  "near network": ["no", "yes"],
} as const;
type Column = keyof typeof COLUMNS;
type Case = Readonly<Record<Column, string>>;

function policyOf(
  attributes: Partial<Attributes>,
  entries: readonly Pick<NewEntry, "list" | "value">[],
): CompiledPolicy {
  let policy = emptyPolicy({ localDomains: [domain("inside.example")], entriesMax: 100 });
  const stamp = { at: 0, by: "table" };
  const settings = applyChange(policy, { kind: "set-attributes", attributes }, stamp);
  if (settings.ok) ({ policy } = settings.value);
  for (const entry of entries) {
    const change = { kind: "add-entry", entry: { ...entry, text: "", expiresAt: null } } as const;
    ({ policy } = must(applyChange(policy, change, stamp)));
  }
  return policy;
}

function client(user: boolean): ClientFacts {
  return {
    address: CLIENT,
    localAddress: address("192.0.2.1"),
    user: user ? "ops" : null,
    tls: false,
    now: 0,
    listedBy: null,
    mayAuthenticate: true,
  };
}

const OURSELVES = { kind: "network", network: networkOf(CLIENT, 24) } as const;

/** `verdict | rule | reply` of one combination. */
function answerTo(asked: Case): string {
  const entries: Pick<NewEntry, "list" | "value">[] = [];
  if (asked["on *REJECT"] === "yes") entries.push({ list: "*REJECT", value: OURSELVES });
  if (asked["on *ACCEPT"] === "yes") entries.push({ list: "*ACCEPT", value: OURSELVES });
  if (asked["near network"] === "yes") entries.push({ list: "*NEAR", value: OURSELVES });
  for (const name of asked["near domain"] === "yes" ? ["far.example", "inside.example"] : []) {
    entries.push({ list: "*NEAR", value: { kind: "domain", domain: domain(name), subdomains: false } });
  }
  const { ALWRLY, ALWAUTH } = asked as unknown as Attributes;
  const policy = policyOf({ ALWRLY, ALWAUTH }, entries);
  const host = domain(asked["recipient local"] === "yes" ? "inside.example" : "far.example");
  const mailbox: Mailbox = { localPart: "user", host: { kind: "domain", domain: host } };
  const { verdict, rule, reply } = decideRelay(policy, client(asked.authenticated === "yes"), mailbox, null, DECISION);
  return `${verdict} | ${rule} | \`${describeReply(reply).replace(`<user@${host}>`, "<recipient>")}\``;
}

/**
 * Rows that cover every combination once: a column whose values all lead to the same rows is `any`, values that do so share a row.
 */
function rowsOf(columns: readonly Column[], asked: Partial<Case>): readonly string[] {
  const [column, ...rest] = columns;
  if (column === undefined) return [answerTo(asked as Case)];
  const values: readonly string[] = COLUMNS[column];
  const groups = new Map<string, { readonly values: string[]; readonly rows: readonly string[] }>();
  for (const value of values) {
    const rows = rowsOf(rest, { ...asked, [column]: value });
    const group = groups.get(rows.join("\n"));
    if (group) group.values.push(value);
    else groups.set(rows.join("\n"), { values: [value], rows });
  }
  return Array.from(groups.values()).flatMap((group) => {
    const cell = group.values.length === values.length ? "any" : group.values.join(", ");
    return group.rows.map((row) => `${cell} | ${row}`);
  });
}

const PATHS = [
  "<user@far.example>",
  "<user@FAR.example.>",
  "<user@notinside.example>",
  "<user@inside.example.far.example>",
  "<user@near.example>",
  "<user@sub.near.example>",
  "<@inside.example:user@far.example>",
  "<user%far.example@inside.example>",
  "<user%near.example@inside.example>",
  "<user%inside.example@inside.example>",
  "<user%far.example%near.example@inside.example>",
  "<user%far.example@near.example>",
  '<"user%far.example"@inside.example>',
  '<"user@far.example"@inside.example>',
  '<"user@far.example"@near.example>',
  "<far.example!user@inside.example>",
  "<far.example!user@near.example>",
  "<far.example!user@far.example>",
  '<"user name"@inside.example>',
  "<user%@inside.example>",
  "<user@[192.0.2.1]>",
  "<user%far.example@[192.0.2.1]>",
  "<user@[192.0.2.77]>",
  "<user@[IPv6:::ffff:192.0.2.1]>",
  "<user@far.example@inside.example>",
] as const;

function pathRow(path: string): string {
  const parsed = parseForwardPath(path, domain("inside.example"));
  const cell = `\`${path}\``;
  if (!parsed.ok)
    return `| ${[cell, ...new Array<string>(3).fill(describeReply(pathFaultReply(parsed.error, "RCPT")))].join(" | ")} |`;
  const near = { list: "*NEAR", value: { kind: "domain", domain: domain("near.example"), subdomains: false } } as const;
  const accept = { list: "*ACCEPT", value: OURSELVES } as const;
  const policies = [
    policyOf({ ALWRLY: "*NEAR" }, [near]),
    policyOf({ ALWRLY: "*LIST" }, [accept]),
    policyOf({ ALWRLY: "*NEAR", PCTRTGCHR: "*NO" }, [near]),
  ];
  const answers = policies.map((policy) => {
    const { verdict, rule, recipient } = decideRelay(policy, client(false), parsed.value.path, null, DECISION);
    const passed = verdict === "relay" || verdict === "local";
    return passed ? `${verdict} ${rule}, \`${formatMailbox(recipient)}\`` : `${verdict} ${rule}`;
  });
  return `| ${[cell, ...answers].join(" | ")} |`;
}

export function policyTable(): string {
  const columns = Object.keys(COLUMNS) as Column[];
  const rows = rowsOf(columns, {});
  const head = [...columns, "verdict", "rule", "reply"];
  const combinations = columns.reduce((product, column) => product * COLUMNS[column].length, 1);
  return `# What the relay answers

Made by \`npm run docs\` from the engine itself, and compared with it by a test. The client is 192.0.2.25, the recipient's domain
is \`far.example\`, or \`inside.example\` where it is local. No DNS list is asked and OVRRJTCNNL is \`*NO\`. Each of the
${combinations} combinations is in exactly one row: \`any\` and values that share a row make no difference there.

| ${head.join(" | ")} |
|${head.map(() => "---").join("|")}|
${rows.map((row) => `| ${row} |`).join("\n")}

A client on \`*REJECT\` under OVRRJTCNNL(\`*YES\`), in a session that offers AUTH, hears \`530 5.7.0\` until it has authenticated, and is
then judged as if it were not on the list.

## Addresses

The same client, with \`near.example\` on \`*NEAR\` and no other entry (stranger), or on \`*ACCEPT\` under ALWRLY(\`*LIST\`). The session
came in at 192.0.2.1. What passes is delivered to the address that is shown.

- A source route is dropped: the final address counts.
- \`%\` in a local-part is followed only where the domain is ours and PCTRTGCHR(\`*YES\`) says so; what it leads to is judged like any other address.
- \`!\`, and a whole address in quotes, are refused where the domain is ours: we are no station on a way.
- Where the domain is not ours, what stands before the \`@\` is the other host's business: a client that may relay anyhow may send there. But
  a stranger is not let through to a near host by its name with such a local-part, so that no near host becomes a way to everywhere.
- An address literal is ours only where it is the address that the session came in at; else it is a host without a name, which no name of
  \`*NEAR\` covers.

| forward-path | stranger, ALWRLY(*NEAR) | client on *ACCEPT, ALWRLY(*LIST) | stranger, PCTRTGCHR(*NO) |
|---|---|---|---|
${PATHS.map(pathRow).join("\n")}
`;
}
