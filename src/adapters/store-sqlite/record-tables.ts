import type { DatabaseSync } from "node:sqlite";
import type { Instant } from "../../core/base/time.ts";
import type { EntryId, PolicyHead, PolicyRecord } from "../../core/policy/policy.ts";
import { decodePolicyChange } from "../../core/policy/record-json.ts";
import type { EntryUse, ScramVerifier } from "../../flows/ports.ts";
import type { EncodedChange } from "./calls.ts";

/** The tables of policy, use and users. Synchronous; the caller begins and ends transactions. */
export class RecordTables {
  readonly #sql: ReturnType<typeof prepareAll>;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db);
  }

  readPolicy(fromVersion: number, limit: number): PolicyRecord[] {
    return this.#sql.readPolicy.all(fromVersion, limit).map((row) => {
      const version = Number(row["version"]);
      const change = decodePolicyChange(String(row["change"]));
      if (!change.ok) throw new Error(`The policy log is damaged at version ${version}: ${change.error}`);
      return {
        version,
        at: Number(row["at"]),
        by: String(row["by"]),
        command: String(row["command"]),
        change: change.value,
      };
    });
  }

  policyHeads(fromVersion: number, limit: number): PolicyHead[] {
    return this.#sql.policyHeads.all(fromVersion, limit).map((row) => ({
      version: Number(row["version"]),
      at: Number(row["at"]),
      by: String(row["by"]),
      command: String(row["command"]),
      kind: String(row["kind"]) as PolicyHead["kind"],
    }));
  }

  policyMark(version: number): string | null {
    const row = this.#sql.policyMark.get(version);
    return row === undefined ? null : JSON.stringify([version, row["at"], row["by"], row["command"], row["octets"]]);
  }

  appendPolicy(record: Omit<PolicyRecord, "change">, change: EncodedChange): number | null {
    const last = Number(this.#sql.lastVersion.get()?.["version"] ?? 0);
    if (record.version !== last + 1) return last;
    const { version, at, by, command } = record;
    const text = typeof change === "string" ? change : Buffer.from(change).toString();
    this.#sql.appendPolicy.run(version, at, by, command, text);
    return null;
  }

  loadUses(): [EntryId, EntryUse][] {
    return this.#sql.loadUses.all().map((row) => [
      Number(row["entry"]),
      {
        hits: Number(row["hits"]),
        lastUsedAt: Number(row["last_used_at"]),
        lastClient: String(row["last_client"]),
      },
    ]);
  }

  saveUses(uses: readonly (readonly [EntryId, EntryUse])[]): void {
    for (const [id, use] of uses) this.#sql.saveUse.run(id, use.hits, use.lastUsedAt, use.lastClient);
  }

  findUser(name: string): ScramVerifier | null {
    const row = this.#sql.findUser.get(name);
    if (!row) return null;
    return {
      salt: row["salt"] as Uint8Array,
      iterations: Number(row["iterations"]),
      storedKey: row["stored_key"] as Uint8Array,
      serverKey: row["server_key"] as Uint8Array,
    };
  }

  putUser(name: string, verifier: ScramVerifier, at: Instant): boolean {
    const known = this.#sql.findUser.get(name) !== undefined;
    const { salt, iterations, storedKey, serverKey } = verifier;
    this.#sql.putUser.run(name, at, salt, iterations, storedKey, serverKey);
    return known;
  }

  removeUser(name: string): boolean {
    return this.#sql.removeUser.run(name).changes > 0;
  }

  listUsers(): { name: string; addedAt: Instant }[] {
    return this.#sql.listUsers.all().map((row) => ({ name: String(row["name"]), addedAt: Number(row["added_at"]) }));
  }
}

function prepareAll(db: DatabaseSync) {
  return {
    readPolicy: db.prepare(
      "SELECT version, at, by, command, change FROM policy WHERE version >= ? ORDER BY version LIMIT ?",
    ),
    // A change that replaces everything begins with its kind, and is not read to its end.
    policyHeads: db.prepare(
      `SELECT version, at, by, command,
         CASE WHEN substr(change, 1, 17) = '{"kind":"replace"' THEN 'replace' ELSE json_extract(change, '$.kind') END AS kind
       FROM policy WHERE version >= ? ORDER BY version LIMIT ?`,
    ),
    policyMark: db.prepare("SELECT at, by, command, octet_length(change) AS octets FROM policy WHERE version = ?"),
    lastVersion: db.prepare("SELECT max(version) AS version FROM policy"),
    appendPolicy: db.prepare("INSERT INTO policy (version, at, by, command, change) VALUES (?, ?, ?, ?, ?)"),
    loadUses: db.prepare("SELECT entry, hits, last_used_at, last_client FROM entry_use"),
    saveUse: db.prepare(
      "INSERT OR REPLACE INTO entry_use (entry, hits, last_used_at, last_client) VALUES (?, ?, ?, ?)",
    ),
    findUser: db.prepare("SELECT salt, iterations, stored_key, server_key FROM user WHERE name = ?"),
    putUser: db.prepare(
      `INSERT INTO user (name, added_at, salt, iterations, stored_key, server_key) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET salt = excluded.salt, iterations = excluded.iterations,
         stored_key = excluded.stored_key, server_key = excluded.server_key`,
    ),
    removeUser: db.prepare("DELETE FROM user WHERE name = ?"),
    listUsers: db.prepare("SELECT name, added_at FROM user ORDER BY name"),
  };
}
