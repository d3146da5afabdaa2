import type { CallName, Calls } from "./calls.ts";
import type { MessageTable } from "./message-table.ts";
import type { RecordTables } from "./record-tables.ts";

/** The calls as they are looked up by name: the sender's types have checked their arguments. */
export type CallTable = { readonly [Name in CallName]: (...args: readonly unknown[]) => unknown };

export function callTable(
  messages: MessageTable,
  records: RecordTables,
  engine: Pick<Calls, "content" | "pin" | "unpin">,
): CallTable {
  const calls: { readonly [Name in CallName]: Calls[Name] } = {
    due: (after, limit) => messages.due(after, limit),
    load: (after, limit) => messages.load(after, limit),
    find: (id) => messages.find(id),
    content: (id) => engine.content(id),
    pin: () => engine.pin(),
    unpin: () => engine.unpin(),
    captured: (before, limit) => messages.captured(before, limit),
    counts: () => messages.counts(),
    hold: (ids, held) => messages.hold(ids, held),
    remove: (ids) => messages.remove(ids),
    quarantine: (id, reason) => messages.quarantine(id, reason),
    readPolicy: (fromVersion, limit) => records.readPolicy(fromVersion, limit),
    policyHeads: (fromVersion, limit) => records.policyHeads(fromVersion, limit),
    policyMark: (version) => records.policyMark(version),
    appendPolicy: (record, change) => records.appendPolicy(record, change),
    loadUses: () => records.loadUses(),
    saveUses: (uses) => records.saveUses(uses),
    findUser: (name) => records.findUser(name),
    putUser: (name, verifier, at) => records.putUser(name, verifier, at),
    removeUser: (name) => records.removeUser(name),
    listUsers: () => records.listUsers(),
  };
  return calls as CallTable;
}
