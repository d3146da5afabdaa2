import type { Instant } from "../base/time.ts";
import { LIST_NAMES, type Entry, type EntryId, type EntryValue } from "./policy.ts";

/**
 * The entries of a policy by id, in columns: a million of them take some 30 MB, and an `Entry` is made when somebody asks for it. A value: an edit
 * copies one page of `PAGE_ENTRIES` ids and the list of pages, and shares the rest.
 */
export class EntryTable {
  static readonly EMPTY = new EntryTable([], 0);

  readonly size: number;
  readonly #pages: readonly (Page | null)[];
  /** Entries made lately: what decides often is the same object each time. */
  readonly #made = new Map<EntryId, Entry>();

  private constructor(pages: readonly (Page | null)[], size: number) {
    this.#pages = pages;
    this.size = size;
  }

  /** Of entries in ascending order of their ids. */
  static of(entries: Iterable<Entry>): EntryTable {
    const pages: (Page | null)[] = [];
    let size = 0;
    let builder = new PageBuilder(null);
    let pageNumber = 0;
    for (const entry of entries) {
      const number = pageOf(entry.id);
      if (number !== pageNumber) {
        setPage(pages, pageNumber, builder.finish());
        builder = new PageBuilder(null);
        pageNumber = number;
      }
      builder.add(entry);
      size++;
    }
    setPage(pages, pageNumber, builder.finish());
    return new EntryTable(pages, size);
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

const PAGE_ENTRIES = 256;

const MADE_MAX = 1_024;

/** Words to an entry: mark, text and adder, time and end, four of the value. */
const ROW_WORDS = 7;

/**
 * Rows in order of their ids. Text, adder and times are places in the lists of the page, which holds each only once: entries that came
 * together share them. A value that is no network is a place in `values`.
 */
interface Page {
  readonly count: number;
  readonly words: Uint32Array;
  readonly strings: readonly string[];
  readonly instants: readonly Instant[];
  readonly values: readonly EntryValue[];
}

/** The mark of a row: slot (8 bits), list (3), kind (2), prefix (8). */
const LIST_SHIFT = 8;
const KIND_SHIFT = 11;
const PREFIX_SHIFT = 13;
const KIND_IPV4 = 0;
const KIND_IPV6 = 1;
const KIND_OTHER = 2;

function pageOf(id: EntryId): number {
  return Math.floor(id / PAGE_ENTRIES);
}

function setPage(pages: (Page | null)[], number: number, page: Page | null): void {
  while (pages.length <= number) pages.push(null);
  pages[number] = page;
}

function slotAt(page: Page, row: number): number {
  return page.words[row * ROW_WORDS]! & (PAGE_ENTRIES - 1);
}

/** The first row whose slot is not below that of the id. */
function placeOf(page: Page, id: EntryId): number {
  const slot = id % PAGE_ENTRIES;
  let from = 0;
  let to = page.count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (slotAt(page, middle) < slot) from = middle + 1;
    else to = middle;
  }
  return from;
}

function rowOf(page: Page, id: EntryId): number {
  const row = page.count === PAGE_ENTRIES ? id % PAGE_ENTRIES : placeOf(page, id);
  return row < page.count && slotAt(page, row) === id % PAGE_ENTRIES ? row : -1;
}

function endAt(page: Page, row: number): Instant | null {
  const place = page.words[row * ROW_WORDS + 2]! & 0xffff;
  return place === 0 ? null : page.instants[place - 1]!;
}

function entryAt(page: Page, row: number, id: EntryId): Entry {
  const at = row * ROW_WORDS;
  const texts = page.words[at + 1]!;
  return {
    id,
    list: LIST_NAMES[(page.words[at]! >>> LIST_SHIFT) & 7]!,
    value: valueAt(page, at),
    text: page.strings[texts >>> 16]!,
    addedBy: page.strings[texts & 0xffff]!,
    addedAt: page.instants[page.words[at + 2]! >>> 16]!,
    expiresAt: endAt(page, row),
  };
}

function valueAt({ words, values }: Page, at: number): EntryValue {
  const prefixBits = (words[at]! >>> PREFIX_SHIFT) & 0xff;
  switch ((words[at]! >>> KIND_SHIFT) & 3) {
    case KIND_IPV4:
      return { kind: "network", network: { base: { family: 4, bits: words[at + 3]! }, prefixBits } };
    case KIND_IPV6: {
      const base = [words[at + 3]!, words[at + 4]!, words[at + 5]!, words[at + 6]!] as const;
      return { kind: "network", network: { base: { family: 6, words: base }, prefixBits } };
    }
    default:
      return values[words[at + 3]!]!;
  }
}

class PageBuilder {
  readonly #words = new Uint32Array(PAGE_ENTRIES * ROW_WORDS);
  readonly #strings: string[] = [];
  readonly #instants: Instant[] = [];
  readonly #values: EntryValue[] = [];
  #count = 0;
  readonly #shared: boolean;

  /** With the lists of `page` to begin with, so that its rows can be copied as they are, unless too much in them is unused by now. */
  constructor(page: Page | null) {
    this.#shared = page !== null && page.strings.length + page.instants.length + page.values.length < 6 * PAGE_ENTRIES;
    if (page === null || !this.#shared) return;
    this.#strings = page.strings.slice();
    this.#instants = page.instants.slice();
    this.#values = page.values.slice();
  }

  copy(page: Page, from: number, to: number): void {
    if (this.#shared) {
      this.#words.set(page.words.subarray(from * ROW_WORDS, to * ROW_WORDS), this.#count * ROW_WORDS);
      this.#count += to - from;
    } else for (let row = from; row < to; row++) this.add(entryAt(page, row, slotAt(page, row)));
  }

  add(entry: Entry): void {
    const at = this.#count++ * ROW_WORDS;
    const words = this.#words;
    const list = LIST_NAMES.indexOf(entry.list);
    const end = entry.expiresAt === null ? 0 : placeIn(this.#instants, entry.expiresAt) + 1;
    words[at + 1] = (placeIn(this.#strings, entry.text) << 16) | placeIn(this.#strings, entry.addedBy);
    words[at + 2] = (placeIn(this.#instants, entry.addedAt) << 16) | end;
    let kind = KIND_OTHER;
    let prefix = 0;
    if (entry.value.kind === "network") {
      const { base, prefixBits } = entry.value.network;
      kind = base.family === 4 ? KIND_IPV4 : KIND_IPV6;
      prefix = prefixBits;
      if (base.family === 4) words[at + 3] = base.bits;
      else words.set(base.words, at + 3);
    } else words[at + 3] = this.#values.push(entry.value) - 1;
    words[at] = (entry.id % PAGE_ENTRIES) | (list << LIST_SHIFT) | (kind << KIND_SHIFT) | (prefix << PREFIX_SHIFT);
  }

  /** The page, or null where no row is left. */
  finish(): Page | null {
    if (this.#count === 0) return null;
    return {
      count: this.#count,
      words: this.#words.slice(0, this.#count * ROW_WORDS),
      strings: this.#strings,
      instants: this.#instants,
      values: this.#values,
    };
  }
}

/** The place of the item in the list, where it stands among the last few, else at its end. */
function placeIn<T>(list: T[], item: T): number {
  for (let i = list.length - 1; i >= 0 && i >= list.length - 8; i--) if (list[i] === item) return i;
  return list.push(item) - 1;
}
