import type { Instant } from "../base/time.ts";
import { LIST_NAMES, type Entry, type EntryId, type EntryValue } from "./policy.ts";

/** Ids to a page. */
export const PAGE_ENTRIES = 256;

/** Words to an entry: mark, text and adder, time and end, four of the value. */
export const ROW_WORDS = 7;

/**
 * Rows in order of their ids. Text, adder and times are places in the lists of the page, which holds each only once: entries that came
 * together share them. A value that is no network is a place in `values`.
 */
export interface EntryPage {
  readonly count: number;
  readonly words: Uint32Array;
  readonly strings: readonly string[] | PackedStrings;
  readonly instants: ArrayLike<Instant>;
  readonly values: readonly EntryValue[];
}

/** Strings as UTF-16 code units, one behind the other; `ends` says where each ends. */
export interface PackedStrings {
  readonly units: Uint16Array;
  readonly ends: Uint32Array;
}

export function stringAt({ strings }: EntryPage, place: number): string {
  if (!("units" in strings)) return strings[place]!;
  const { units, ends } = strings;
  return String.fromCharCode(...units.subarray(place === 0 ? 0 : ends[place - 1]!, ends[place]));
}

export function stringCount({ strings }: EntryPage): number {
  return "units" in strings ? strings.ends.length : strings.length;
}

export function allStrings(page: EntryPage): string[] {
  return Array.from({ length: stringCount(page) }, (_, place) => stringAt(page, place));
}

/** The mark of a row: slot (8 bits), list (5), kind (2), prefix (8). */
const LIST_SHIFT = 8;
const KIND_SHIFT = 13;
const PREFIX_SHIFT = 15;
const KIND_IPV4 = 0;
const KIND_IPV6 = 1;
const KIND_OTHER = 2;

export function pageOf(id: EntryId): number {
  return Math.floor(id / PAGE_ENTRIES);
}

export function slotAt(page: EntryPage, row: number): number {
  return page.words[row * ROW_WORDS]! & (PAGE_ENTRIES - 1);
}

/** The first row whose slot is not below that of the id. */
export function placeOf(page: EntryPage, id: EntryId): number {
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

export function rowOf(page: EntryPage, id: EntryId): number {
  const row = page.count === PAGE_ENTRIES ? id % PAGE_ENTRIES : placeOf(page, id);
  return row < page.count && slotAt(page, row) === id % PAGE_ENTRIES ? row : -1;
}

export function endAt(page: EntryPage, row: number): Instant | null {
  const place = page.words[row * ROW_WORDS + 2]! & 0xffff;
  return place === 0 ? null : page.instants[place - 1]!;
}

export function entryAt(page: EntryPage, row: number, id: EntryId): Entry {
  const at = row * ROW_WORDS;
  const texts = page.words[at + 1]!;
  return {
    id,
    list: LIST_NAMES[(page.words[at]! >>> LIST_SHIFT) & 31]!,
    value: valueAt(page, at),
    text: stringAt(page, texts >>> 16),
    addedBy: stringAt(page, texts & 0xffff),
    addedAt: page.instants[page.words[at + 2]! >>> 16]!,
    expiresAt: endAt(page, row),
  };
}

function valueAt({ words, values }: EntryPage, at: number): EntryValue {
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

/** Makes a page of rows in order of their ids. */
export class PageBuilder {
  readonly #words = new Uint32Array(PAGE_ENTRIES * ROW_WORDS);
  readonly #strings: string[] = [];
  readonly #instants: Instant[] = [];
  readonly #values: EntryValue[] = [];
  #count = 0;
  readonly #shared: boolean;

  /** With the lists of `page` to begin with, so that its rows can be copied as they are, unless too much in them is unused by now. */
  constructor(page: EntryPage | null) {
    this.#shared = page !== null && stringCount(page) + page.instants.length + page.values.length < 6 * PAGE_ENTRIES;
    if (page === null || !this.#shared) return;
    this.#strings = allStrings(page);
    this.#instants = Array.from(page.instants);
    this.#values = page.values.slice();
  }

  copy(page: EntryPage, from: number, to: number): void {
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
  finish(): EntryPage | null {
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
