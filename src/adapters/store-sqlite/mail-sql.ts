import type { DatabaseSync, StatementSync } from "node:sqlite";

const ROW = "id, envelope, checksum, size_octets, attempts, held";

/** The statements of the tables of mail; rows come as arrays. */
export function prepareMail(db: DatabaseSync) {
  const prepare = (sql: string): StatementSync & { get(...v: never[]): unknown } => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  return {
    insert: prepare(
      `INSERT INTO message (id, envelope, checksum, size_octets, dot_lines, file, accepted_at, host,
         segment, content_at, content_checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertContent: prepare("INSERT OR REPLACE INTO content (id, checksum, octets) VALUES (?, ?, ?)"),
    delete: prepare("DELETE FROM message WHERE id = ? RETURNING size_octets, captured, file, attempts, segment"),
    deleteContent: prepare("DELETE FROM content WHERE id = ?"),
    deleteOutcomes: prepare("DELETE FROM outcome WHERE message = ?"),
    has: prepare("SELECT 1 FROM message WHERE id = ?"),
    attempted: prepare("UPDATE message SET attempts = attempts + ?, begun = 0 WHERE id = ?"),
    deferred: prepare("UPDATE message SET attempts = attempts + ?, begun = 0, due_at = ?, tried_at = ? WHERE id = ?"),
    live: prepare(
      "SELECT segment, count(*), total(size_octets) FROM message INDEXED BY message_segment WHERE segment IS NOT NULL GROUP BY segment",
    ),
    inSegment: prepare("SELECT id, size_octets, content_at, content_checksum FROM message WHERE segment = ? LIMIT ?"),
    moved: prepare("UPDATE message SET segment = NULL WHERE id = ?"),
    begin: prepare("UPDATE message SET begun = ? WHERE id = ?"),
    due: prepare(
      `SELECT id, accepted_at, due_at, tried_at, host, held, begun FROM message INDEXED BY message_due
       WHERE captured = 0 AND id > ? ORDER BY id LIMIT ?`,
    ),
    insertOutcome: prepare("INSERT OR REPLACE INTO outcome (message, recipient, outcome) VALUES (?, ?, ?)"),
    outcomes: prepare("SELECT message, outcome FROM outcome WHERE message BETWEEN ? AND ? ORDER BY message, recipient"),
    capture: prepare("UPDATE message SET captured = 1 WHERE id = ? AND captured = 0"),
    oldestCaptured: prepare("SELECT id FROM message WHERE captured = 1 ORDER BY id LIMIT ?"),
    hold: prepare("UPDATE message SET held = 1 WHERE id = ?"),
    release: prepare("UPDATE message SET held = 2, begun = 0 WHERE id = ?"),
    load: prepare(`SELECT ${ROW} FROM message NOT INDEXED WHERE id >= ? AND captured = 0 ORDER BY id LIMIT ?`),
    captured: prepare(`SELECT ${ROW} FROM message WHERE id < ? AND captured = 1 ORDER BY id DESC LIMIT ?`),
    find: prepare(`SELECT ${ROW} FROM message WHERE id = ?`),
    contentHead: prepare(
      "SELECT size_octets, dot_lines, file, segment, content_at, content_checksum FROM message WHERE id = ?",
    ),
    content: prepare("SELECT octets, checksum FROM content WHERE id = ?"),
    quarantine: prepare(
      "INSERT OR REPLACE INTO quarantine (id, reason, envelope, file) SELECT id, ?, envelope, file FROM message WHERE id = ?",
    ),
    files: prepare(
      "SELECT file FROM message WHERE file IS NOT NULL UNION ALL SELECT file FROM quarantine WHERE file IS NOT NULL",
    ),
    countQueued: prepare("SELECT count(*), total(size_octets) FROM message INDEXED BY message_due WHERE captured = 0"),
    countCaptured: prepare("SELECT count(*), total(size_octets) FROM message WHERE captured = 1"),
    readCounter: prepare("SELECT value FROM counter WHERE name = ?"),
    writeCounter: prepare("INSERT OR REPLACE INTO counter (name, value) VALUES (?, ?)"),
  };
}
