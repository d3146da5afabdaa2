import type { Steps } from "../base/steps.ts";
import type { Instant } from "../base/time.ts";
import {
  entryAt,
  endAt,
  PAGE_ENTRIES,
  PageBuilder,
  pageOf,
  placeOf,
  rowOf,
  slotAt,
  type EntryPage,
} from "./entry-page.ts";
import type { Entry, EntryId } from "./policy.ts";

/**
 * The entries of a policy by id, in columns: a million of them take some 30 MB, and an `Entry` is made when somebody asks for it. A value: an edit
 * copies one page of `PAGE_ENTRIES` ids and the list of pages, and shares the rest.
 */
export class EntryTable {
  static readonly EMPTY = new EntryTable([], 0);

  readonly size: number;
  readonly #pages: readonly (EntryPage | null)[];
  /** Entries made lately: what decides often is the same object each time. */
  readonly #made = new Map<EntryId, Entry>();

  private constructor(pages: readonly (EntryPage | null)[], size: number) {
    this.#pages = pages;
    this.size = size;
  }

  /** Of entries in ascending order of their ids. */
  static *of(entries: Iterable<Entry>): Steps<EntryTable> {
    const pages: (EntryPage | null)[] = [];
    let size = 0;
    let builder = new PageBuilder(null);
    let pageNumber = 0;
    for (const entry of entries) {
      const number = pageOf(entry.id);
      if (number !== pageNumber) {
        setPage(pages, pageNumber, builder.finish());
        builder = new PageBuilder(null);
        pageNumber = number;
        yield;
      }
      builder.add(entry);
      size++;
    }
    setPage(pages, pageNumber, builder.finish());
    return new EntryTable(pages, size);
  }

  /** Of pages by their numbers, as `pages` has them. */
  static ofPages(pages: readonly (EntryPage | null)[]): EntryTable {
    return new EntryTable(
      pages,
      pages.reduce((size, page) => size + (page?.count ?? 0), 0),
    );
  }

  get pages(): readonly (EntryPage | null)[] {
    return this.#pages;
  }

  get(id: EntryId): Entry | null {
    const known = this.#made.get(id);
    if (known !== undefined) return known;
    const entry = this.read(id);
    if (entry === null) return null;
    if (this.#made.size >= MADE_MAX) this.#made.clear();
    this.#made.set(id, entry);
    return entry;
  }

  /** Like `get`, and remembers nothing: for walks over many entries. */
  read(id: EntryId): Entry | null {
    const page = this.#pages[pageOf(id)] ?? null;
    const row = page === null ? -1 : rowOf(page, id);
    return page === null || row < 0 ? null : entryAt(page, row, id);
  }

  /** From this instant on the entry matches nothing; `Infinity` where it has no end or is not there. */
  endOf(id: EntryId): Instant {
    const page = this.#pages[pageOf(id)] ?? null;
    const row = page === null ? -1 : rowOf(page, id);
    return page === null || row < 0 ? Infinity : (endAt(page, row) ?? Infinity);
  }

  /** The table with the entry; it takes the place of one with the same id. */
  with(entry: Entry): EntryTable {
    return this.#replaced(entry.id, entry);
  }

  without(id: EntryId): EntryTable {
    return this.#replaced(id, null);
  }

  *ids(): Generator<EntryId> {
    for (const [number, page] of this.#pages.entries()) {
      if (page === null) continue;
      for (let row = 0; row < page.count; row++) yield number * PAGE_ENTRIES + slotAt(page, row);
    }
  }

  *entries(): Generator<Entry> {
    for (const [number, page] of this.#pages.entries()) {
      if (page === null) continue;
      for (let row = 0; row < page.count; row++) yield entryAt(page, row, number * PAGE_ENTRIES + slotAt(page, row));
    }
  }

  #replaced(id: EntryId, entry: Entry | null): EntryTable {
    const page = this.#pages[pageOf(id)] ?? null;
    const row = page === null ? 0 : placeOf(page, id);
    const there = page !== null && row < page.count && slotAt(page, row) === id % PAGE_ENTRIES;
    if (!there && entry === null) return this;
    const builder = new PageBuilder(page);
    if (page !== null) builder.copy(page, 0, row);
    if (entry !== null) builder.add(entry);
    if (page !== null) builder.copy(page, there ? row + 1 : row, page.count);
    const pages = this.#pages.slice();
    setPage(pages, pageOf(id), builder.finish());
    return new EntryTable(pages, this.size + (entry === null ? -1 : there ? 0 : 1));
  }
}

const MADE_MAX = 1_024;

function setPage(pages: (EntryPage | null)[], number: number, page: EntryPage | null): void {
  while (pages.length <= number) pages.push(null);
  pages[number] = page;
}
