import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { JournalKind } from "../../flows/ports.ts";
import { FIELDS, parseLine, type Columns } from "./line.ts";
import type { Search } from "./calls.ts";

/** A span sums up about so many rows: which they are and from when to when. */
const ROWS_PER_SPAN = 1_000;
/** Rows that one step of a search looks at, some 10 ms: then whatever else waits has its turn. */
export const ROWS_PER_STEP = 20_000;
/** Rows removed at once because of their age or number. */
const ROWS_PER_REMOVAL = 2_000;

/** A row as it goes back: its number and its columns. */
export type FoundRow = Columns & { readonly row: number };

interface Span {
  first: number;
  last: number;
  from: number;
  to: number;
}

export interface Retention {
  readonly rowsMax: number;
  readonly ageMsMax: number;
}

/**
 * The journal as one table that only grows at its end and is cut at its beginning. Two indexes: by decision, by message. All other
 * searches go along the rows; spans say which rows are of which time, also where the clock was set.
 */
export class JournalTable {
  readonly #db: DatabaseSync;
  readonly #inserts: { readonly [Kind in JournalKind]: StatementSync };
  readonly #recount: StatementSync;
  readonly #putSpan: StatementSync;
  #nextRow: number;
  #span: Span | null;

  constructor(db: DatabaseSync) {
    this.#db = db;
    const insert = (kind: JournalKind): StatementSync => {
      const names = FIELDS[kind];
      const marks = names.map(() => "?").join(", ");
      return db.prepare(`INSERT INTO event (row, kind, ${names.join(", ")}) VALUES (?, '${kind}', ${marks})`);
    };
    this.#inserts = {
      decision: insert("decision"),
      accepted: insert("accepted"),
      outcome: insert("outcome"),
      policy: insert("policy"),
      operation: insert("operation"),
    };
    this.#recount = db.prepare(
      "UPDATE event SET count = ? WHERE decision = ? AND rule = ? AND version = ? AND entry IS ? AND user IS ?",
    );
    this.#putSpan = db.prepare(
      `INSERT INTO span (first, last, "from", "to") VALUES (?, ?, ?, ?)
       ON CONFLICT (first) DO UPDATE SET last = excluded.last, "from" = excluded."from", "to" = excluded."to"`,
    );
    this.#nextRow = this.#lastRow() + 1;
    this.#span = this.#lastSpan();
  }

  /** Writes the lines of a batch; its caller has begun a transaction. */
  write(text: string): void {
    let at = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", at)) {
      this.#writeLine(text.slice(at, end));
      at = end + 1;
    }
    if (this.#span !== null) this.#writeSpan(this.#span);
  }

  /** Forgets what a transaction that was rolled back had counted. */
  undo(): void {
    this.#nextRow = this.#lastRow() + 1;
    this.#span = this.#lastSpan();
  }

  /** Removes the oldest rows that are too many or too old, a few at a time; says whether more are due. */
  removeDue(now: number, { rowsMax, ageMsMax }: Retention): boolean {
    const oldest = this.#db.prepare("SELECT min(row) AS row FROM event").get()?.["row"];
    if (typeof oldest !== "number") return false;
    const old = this.#db.prepare(`SELECT last, "to" FROM span ORDER BY first LIMIT 1`).get() as
      { last: number; to: number } | undefined;
    const dueByAge = old !== undefined && old.to < now - ageMsMax ? old.last : 0;
    const due = Math.max(this.#nextRow - rowsMax - 1, dueByAge);
    if (due < oldest) return false;
    const through = Math.min(due, oldest + ROWS_PER_REMOVAL - 1);
    this.#db.prepare("DELETE FROM event WHERE row <= ?").run(through);
    this.#db.prepare("DELETE FROM span WHERE last <= ?").run(through);
    if (this.#span !== null && this.#span.last <= through) this.#span = null;
    return true;
  }

  findDecision(id: number): FoundRow | null {
    return (this.#db.prepare("SELECT * FROM event WHERE decision = ? ORDER BY row LIMIT 1").get(id) ??
      null) as unknown as FoundRow | null;
  }

  /** The rows that a search may find, as numbers: from the first to the last. */
  bounds({ from, to, after, order }: Search): { first: number; last: number } {
    const span = this.#db
      .prepare(`SELECT min(first) AS first, max(last) AS last FROM span WHERE "to" >= ? AND "from" < ?`)
      .get(from ?? Number.MIN_SAFE_INTEGER, to ?? Number.MAX_SAFE_INTEGER);
    if (typeof span?.["first"] !== "number") return { first: 1, last: 0 };
    const first = span["first"];
    const last = Number(span["last"]);
    if (after === undefined) return { first, last };
    return order === "oldest"
      ? { first: Math.max(first, after + 1), last }
      : { first, last: Math.min(last, after - 1) };
  }

  /** Up to `limit` matches among the rows from `first` to `last`. */
  search(search: Search, first: number, last: number, limit: number): FoundRow[] {
    const { where, values } = conditions(search);
    const direction = search.order === "oldest" ? "ASC" : "DESC";
    // An index that is there must be used: the one by message finds a few rows among millions.
    const by = search.queueId === undefined ? "NOT INDEXED" : "INDEXED BY event_queue";
    const sql = `SELECT * FROM event ${by} WHERE row BETWEEN ? AND ?${where} ORDER BY row ${direction} LIMIT ?`;
    return this.#db.prepare(sql).all(first, last, ...values, limit) as unknown as FoundRow[];
  }

  #writeLine(line: string): void {
    const { kind, values } = parseLine(line);
    if (kind === "decision") {
      const [, , user = null, , decision = null, , rule = null, entry = null, version = null, count = null] = values;
      const isRaised = count !== "1";
      if (isRaised && this.#recount.run(count, decision, rule, version, entry, user).changes > 0) return;
    }
    const row = this.#nextRow++;
    this.#inserts[kind].run(row, ...values);
    this.#addToSpan(row, Number(values[0]));
  }

  #addToSpan(row: number, at: number): void {
    const span = this.#span;
    if (span === null || row - span.first >= ROWS_PER_SPAN) {
      if (span !== null) this.#writeSpan(span);
      this.#span = { first: row, last: row, from: at, to: at };
    } else {
      span.last = row;
      if (at < span.from) span.from = at;
      if (at > span.to) span.to = at;
    }
  }

  #writeSpan({ first, last, from, to }: Span): void {
    this.#putSpan.run(first, last, from, to);
  }

  #lastRow(): number {
    return Number(this.#db.prepare("SELECT max(row) AS row FROM event").get()?.["row"] ?? 0);
  }

  #lastSpan(): Span | null {
    const sql = `SELECT first, last, "from", "to" FROM span ORDER BY first DESC LIMIT 1`;
    return (this.#db.prepare(sql).get() ?? null) as unknown as Span | null;
  }
}

function conditions(search: Search): { where: string; values: SQLInputValue[] } {
  let where = "";
  const values: SQLInputValue[] = [];
  const add = (condition: string, ...given: SQLInputValue[]): void => {
    where += ` AND ${condition}`;
    values.push(...given);
  };
  const addAny = (column: string, of: readonly string[] | undefined): void => {
    if (of !== undefined) add(`${column} IN (${of.map(() => "?").join(", ")})`, ...of);
  };
  addAny("kind", search.kinds);
  addAny("verdict", search.verdicts);
  if (search.from !== undefined) add("at >= ?", search.from);
  if (search.to !== undefined) add("at < ?", search.to);
  if (search.clients !== undefined) add("client BETWEEN ? AND ?", search.clients.first, search.clients.last);
  if (search.entryId !== undefined) add("entry = ?", search.entryId);
  if (search.queueId !== undefined) add("queue = ?", search.queueId);
  if (search.domain !== undefined) add("instr(domains, ?) > 0", ` ${search.domain} `);
  return { where, values };
}
