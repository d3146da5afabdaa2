import { contains } from "../../core/mail/network.ts";
import type { Journal, JournalEvent, JournalFilter, JournalRow } from "../../flows/ports.ts";

/** The journal as a plain array that can be filtered; `rows` may be read by tests. */
export class MemoryJournal implements Journal {
  readonly rows: JournalRow[] = [];
  #decisionId = 0;

  record(event: JournalEvent): void {
    const counted =
      event.kind === "decision" && event.count > 1 ? this.rows.findIndex((row) => isCounted(row, event)) : -1;
    if (counted < 0) this.rows.push({ row: this.rows.length + 1, ...event });
    else this.rows[counted] = { row: counted + 1, ...event };
  }

  async flush(): Promise<void> {}

  async query(filter: JournalFilter): Promise<readonly JournalRow[]> {
    const found = this.rows.filter((row) => matches(row, filter));
    if (filter.order === "newest") found.reverse();
    return found.slice(0, filter.limit);
  }

  async findDecision(id: number): Promise<JournalRow | null> {
    return this.rows.find((row) => row.kind === "decision" && row.id === id) ?? null;
  }

  nextDecisionId(): number {
    return ++this.#decisionId;
  }
}

/** Whether the row is the one whose count the decision raises. */
function isCounted(row: JournalRow, event: JournalEvent & { kind: "decision" }): boolean {
  if (row.kind !== "decision" || row.id !== event.id || row.user !== event.user) return false;
  const { rule, policyVersion, entry } = row.decision;
  const raised = event.decision;
  return rule === raised.rule && policyVersion === raised.policyVersion && entry?.id === raised.entry?.id;
}

function matches(row: JournalRow, filter: JournalFilter): boolean {
  if (filter.after !== undefined) {
    if (filter.order === "newest" ? row.row >= filter.after : row.row <= filter.after) return false;
  }
  if (filter.kinds && !filter.kinds.includes(row.kind)) return false;
  if (filter.from !== undefined && row.at < filter.from) return false;
  if (filter.to !== undefined && row.at >= filter.to) return false;
  if (filter.clientIn && !("client" in row && contains(filter.clientIn, row.client))) return false;
  if (filter.entryId !== undefined && !(row.kind === "decision" && row.decision.entry?.id === filter.entryId)) {
    return false;
  }
  if (filter.verdicts && !(row.kind === "decision" && filter.verdicts.includes(row.decision.verdict))) return false;
  if (filter.queueId !== undefined && !("queueId" in row && row.queueId === filter.queueId)) return false;
  const domain = filter.domain;
  return domain === undefined || pathsOf(row).some((path) => domainOf(path) === domain);
}

function pathsOf(row: JournalRow): readonly string[] {
  switch (row.kind) {
    case "decision":
    case "outcome":
      return [row.reversePath, row.recipient];
    case "accepted":
      return [row.reversePath, ...row.recipients];
    case "policy":
    case "operation":
      return [];
  }
}

/** The domain of a path as the journal has it, with or without angle brackets; `""` where it has none. */
function domainOf(path: string): string {
  const at = path.lastIndexOf("@");
  return at < 0
    ? ""
    : path
        .slice(at + 1)
        .replace(/>$/, "")
        .toLowerCase();
}
