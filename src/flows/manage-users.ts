import { nearest } from "../core/base/nearest.ts";
import { formatInstant } from "../core/base/time.ts";
import { counted } from "../core/base/count.ts";
import { table } from "../core/cl/layout.ts";
import { message } from "../core/cl/messages.ts";
import { done, refused, type CommandResult } from "./command-result.ts";
import { createVerifier, normaliseUserName } from "./credentials.ts";
import type { Operations } from "./operations.ts";

/** user add: makes the user, or gives an old one another password. */
export async function addUser(
  operations: Operations,
  name: string,
  password: string,
  by: string,
): Promise<CommandResult> {
  const user = normaliseUserName(name);
  if (user === null) return refused(message("SMR0815", name));
  const verifier = await createVerifier(operations.cryptography, password);
  if (verifier === null) return refused(message("SMR0816"));
  const replaced = await operations.users.put(user, verifier, operations.now());
  record(operations, by, replaced ? `password of user ${user} changed` : `user ${user} added`);
  return done(message(replaced ? "SMR0812" : "SMR0811", user), { user });
}

/** user remove */
export async function removeUser(operations: Operations, name: string, by: string): Promise<CommandResult> {
  const user = normaliseUserName(name) ?? name;
  if (await operations.users.remove(user)) {
    record(operations, by, `user ${user} removed`);
    return done(message("SMR0813", user), { user });
  }
  const known = await operations.users.list();
  const meant = nearest(
    user,
    known.map((one) => one.name),
  );
  return refused(message("SMR0814", user, meant === null ? "" : `Did you mean ${meant}?`));
}

/** user list */
export async function listUsers(operations: Operations): Promise<CommandResult> {
  const users = await operations.users.list();
  const rows = users.map(({ name, addedAt }) => [name, formatInstant(addedAt)]);
  const output = rows.length === 0 ? "" : table([{ heading: "User", max: 80 }, { heading: "Added" }], rows);
  const value = users.map(({ name, addedAt }) => ({ name, addedAt: formatInstant(addedAt) }));
  return { ok: true, messages: [message("SMR0817", counted(users.length, "user"))], output, value };
}

function record(operations: Operations, by: string, text: string): void {
  operations.journal.record({ kind: "operation", at: operations.now(), by, text });
}
