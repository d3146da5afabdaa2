import { err, ok, type Result } from "../../../src/core/base/result.ts";
import { valueKey } from "../../../src/core/cl/entry-text.ts";
import { sortEntries } from "../../../src/core/cl/policy-text.ts";
import { addressCount } from "../../../src/core/mail/network.ts";
import type { Finding } from "../../../src/core/policy/finding.ts";
import {
  DEFAULT_ATTRIBUTES,
  type Attributes,
  type Entry,
  type EntryId,
  type ListName,
  type NewEntry,
  type PolicyRecord,
} from "../../../src/core/policy/policy.ts";
import type { ChangeAnswer, ChangeRefusal, ChangeRequest, PolicyOperations } from "../../../src/flows/operations.ts";
import type { EntryUse } from "../../../src/flows/ports.ts";

interface State {
  readonly attributes: Attributes;
  readonly entries: readonly Entry[];
}

/** The policy with nothing but its contract: arrays, no findings but those that are put in. */
export class SimplePolicy implements PolicyOperations {
  readonly uses = new Map<EntryId, EntryUse>();
  findings: readonly Finding[] = [];
  readonly #states: State[] = [{ attributes: DEFAULT_ATTRIBUTES, entries: [] }];
  readonly #records: PolicyRecord[] = [];
  readonly #now: () => number;
  #nextId = 1;

  constructor(now: () => number) {
    this.#now = now;
  }

  version(): number {
    return this.#records.length;
  }
  attributes(): Attributes {
    return this.#state.attributes;
  }
  entries(list?: ListName): readonly Entry[] {
    return sortEntries(this.#state.entries.filter((entry) => list === undefined || entry.list === list));
  }
  entry(id: EntryId): Entry | null {
    return this.#state.entries.find((entry) => entry.id === id) ?? null;
  }
  async change(request: ChangeRequest): Promise<Result<ChangeAnswer, ChangeRefusal>> {
    const applied = this.#apply(request);
    if (!applied.ok) return applied;
    const { state, entry } = applied.value;
    this.#states.push(state);
    const { change, command, by } = request;
    this.#records.push({ version: this.version() + 1, at: this.#now(), by, command, change });
    return ok({ version: this.version(), entry, findings: this.#findingsOf(entry) });
  }
  preview(request: ChangeRequest): Result<ChangeAnswer, ChangeRefusal> {
    const applied = this.#apply(request);
    if (!applied.ok) return applied;
    return ok({ version: this.version() + 1, entry: applied.value.entry, findings: this.#findingsOf(applied.value.entry) });
  }
  async undo(by: string): Promise<Result<ChangeAnswer, ChangeRefusal> | null> {
    const before = this.#states.at(-2);
    if (!before) return null;
    this.#states.push(before);
    const change = { kind: "replace", ...before } as const;
    this.#records.push({ version: this.version() + 1, at: this.#now(), by, command: "UNDSMTPCHG", change });
    return ok({ version: this.version(), entry: null, findings: [] });
  }
  async history(limit: number): Promise<readonly PolicyRecord[]> {
    return [...this.#records].reverse().slice(0, limit);
  }
  analyse(): readonly Finding[] {
    return this.findings;
  }
  use(id: EntryId): EntryUse | null {
    return this.uses.get(id) ?? null;
  }

  get #state(): State {
    return this.#states.at(-1) ?? { attributes: DEFAULT_ATTRIBUTES, entries: [] };
  }

  #findingsOf(entry: Entry | null): readonly Finding[] {
    return this.findings.filter((finding) => finding.entry.id === entry?.id);
  }

  #apply({ change, by, confirmed }: ChangeRequest): Result<{ state: State; entry: Entry | null }, ChangeRefusal> {
    const { attributes, entries } = this.#state;
    switch (change.kind) {
      case "set-attributes": {
        if (change.attributes.ALWRLY === "*ALL" && !confirmed) return err(OPEN);
        return ok({ state: { attributes: { ...attributes, ...change.attributes }, entries }, entry: null });
      }
      case "add-entry": {
        const added = this.#add(change.entry, by);
        const twin = entries.find((entry) => key(entry) === key(added));
        if (twin) return err({ kind: "duplicate-entry", entry: twin });
        if (isWide(added) && !confirmed) return err({ ...OPEN, why: "It is wider than /8.", letsIn: widthOf(added) });
        return ok({ state: { attributes, entries: [...entries, added] }, entry: added });
      }
      case "remove-entry":
      case "change-entry": {
        const present = entries.find(({ id }) => id === change.id);
        if (!present) return err({ kind: "entry-not-found" });
        const others = entries.filter(({ id }) => id !== change.id);
        if (change.kind === "remove-entry") return ok({ state: { attributes, entries: others }, entry: present });
        const { value = present.value, text = present.text, expiresAt = present.expiresAt } = change;
        const changed = { ...present, value, text, expiresAt };
        return ok({ state: { attributes, entries: [...others, changed] }, entry: changed });
      }
      case "replace":
        return ok({
          state: { attributes: change.attributes, entries: change.entries.map((entry) => this.#add(entry, by)) },
          entry: null,
        });
    }
  }

  #add(entry: NewEntry, by: string): Entry {
    return { ...entry, id: this.#nextId++, addedBy: by, addedAt: this.#now() };
  }
}

const OPEN = { kind: "needs-confirmation", why: "ALWRLY(*ALL) lets everybody relay.", letsIn: 1n << 32n } as const;

function key(entry: Pick<Entry, "list" | "value">): string {
  return `${entry.list} ${valueKey(entry.value)}`;
}

function isWide({ list, value }: Entry): boolean {
  return list === "*ACCEPT" && value.kind === "network" && value.network.prefixBits < 8;
}

function widthOf({ value }: Entry): bigint {
  return value.kind === "network" ? addressCount(value.network) : 0n;
}
