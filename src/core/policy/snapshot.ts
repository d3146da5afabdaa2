/**
 * A policy as octets, so that a start reads it in some milliseconds instead of folding its whole log: leaves and pages as they stand in memory,
 * behind them an index in JSON, at the end the length of that. The log is the truth; a snapshot only saves the way.
 */
import type { AddressBlock, Width } from "./address-block.ts";
import { CompiledPolicy, otherKey, type PolicySettings } from "./compile.ts";
import { DomainSet } from "./domain-set.ts";
import { allStrings, entryAt, PAGE_ENTRIES, ROW_WORDS, slotAt, type EntryPage } from "./entry-page.ts";
import { EntryTable } from "./entry-table.ts";
import { NetworkSet } from "./network-set.ts";
import { NetworkTree } from "./network-tree.ts";
import { DEFAULT_ATTRIBUTES, type Entry, type EntryId, type PolicyChange } from "./policy.ts";
import { decodePolicyChange, decodeValue, encodePolicyChange, encodeValue, type EncodedValue } from "./record-json.ts";

/** The layout of octets and index. Another number is another layout, which is ignored; whoever changes blocks or pages raises it. */
const FORMAT = 5;

/** What there is to know of the newest change besides the policy it made. */
export interface NewestChange {
  readonly by: string;
  /** What takes it back; null where that is too much to keep and is found in the log. */
  readonly inverse: PolicyChange | null;
}

export interface Snapshot {
  readonly policy: CompiledPolicy;
  /** null at version 0. */
  readonly newest: NewestChange | null;
}

const SETS = ["accept", "reject", "nearNetworks"] as const;

interface SetIndex {
  /** Words of each leaf. */
  readonly ipv4: readonly number[];
  readonly ipv6: readonly number[];
  readonly wide: readonly EntryId[];
}

/** Number, rows, instants, strings, their code units, and the values that are no networks. */
type PageIndex = readonly [
  number: number,
  count: number,
  instants: number,
  strings: number,
  units: number,
  values: readonly EncodedValue[],
];

interface Index {
  readonly format: number;
  readonly version: number;
  readonly nextId: EntryId;
  readonly attributes: string;
  readonly newest: { readonly by: string; readonly inverse: string | null } | null;
  readonly sets: Readonly<Record<(typeof SETS)[number], SetIndex>>;
  readonly pages: readonly PageIndex[];
}

/**
 * The octets, part by part; the length of each part but the last is a multiple of eight. Parts are what the policy itself holds where that can be:
 * they are not to be changed.
 */
export function* encodeSnapshot({ policy, newest }: Snapshot): Generator<Uint8Array, void> {
  const sets: Partial<Record<(typeof SETS)[number], SetIndex>> = {};
  for (const name of SETS) {
    const { ipv4, ipv6, wide } = policy[name];
    for (const tree of [ipv4, ipv6]) for (const leaf of leavesOf(tree)) yield* padded(leaf);
    sets[name] = { ipv4: leavesOf(ipv4).map(lengthOf), ipv6: leavesOf(ipv6).map(lengthOf), wide };
  }
  const pages: PageIndex[] = [];
  for (const [number, page] of policy.table.pages.entries()) {
    if (page === null) continue;
    const strings = allStrings(page);
    const units = strings.reduce((sum, text) => sum + text.length, 0);
    const values = page.values.map(encodeValue);
    pages.push([number, page.count, page.instants.length, strings.length, units, values]);
    yield* padded(encodePage(page, strings, units));
  }
  const index: Index = {
    format: FORMAT,
    version: policy.version,
    nextId: policy.nextId,
    attributes: encodePolicyChange({ kind: "set-attributes", attributes: policy.attributes }),
    newest: newest && { by: newest.by, inverse: newest.inverse && encodePolicyChange(newest.inverse) },
    sets: sets as Index["sets"],
    pages,
  };
  const text = new TextEncoder().encode(JSON.stringify(index));
  yield text;
  yield new Uint8Array(Uint32Array.of(text.length, FORMAT).buffer);
}

function leavesOf(tree: NetworkTree): readonly AddressBlock[] {
  return tree.count === 0 ? [] : tree.leaves;
}

function lengthOf(leaf: AddressBlock): number {
  return leaf.length;
}

function* padded(words: Uint32Array): Generator<Uint8Array, void> {
  yield new Uint8Array(words.buffer as ArrayBuffer, words.byteOffset, words.byteLength);
  if (words.length % 2 === 1) yield new Uint8Array(4);
}

/** Instants (two words each), rows, ends of the strings, their code units two in a word. */
function encodePage(page: EntryPage, strings: readonly string[], units: number): Uint32Array {
  const { instants, words } = page;
  const endsAt = 2 * instants.length + words.length;
  const octets = new Uint32Array(endsAt + strings.length + ((units + 1) >>> 1));
  new Float64Array(octets.buffer, 0, instants.length).set(Array.from(instants));
  octets.set(words, 2 * instants.length);
  const ends = octets.subarray(endsAt, endsAt + strings.length);
  const text = new Uint16Array(octets.buffer, 4 * (endsAt + strings.length));
  let at = 0;
  for (const [i, string] of strings.entries()) {
    for (let c = 0; c < string.length; c++) text[at++] = string.charCodeAt(c);
    ends[i] = at;
  }
  return octets;
}

/**
 * The snapshot again, over the octets themselves: they are not to be changed afterwards, and begin at a multiple of eight of their buffer. null
 * where they are of another layout, or have more entries than `settings` allow: then the log says what there is.
 */
export function decodeSnapshot(octets: Uint8Array<ArrayBuffer>, settings: PolicySettings): Snapshot | null {
  const index = readIndex(octets);
  if (index === null) return null;
  const attributes = decodePolicyChange(index.attributes);
  const inverse = index.newest?.inverse == null ? null : decodePolicyChange(index.newest.inverse);
  if (!attributes.ok || attributes.value.kind !== "set-attributes" || inverse?.ok === false) return null;
  const reader = new Reader(octets);
  const sets = {
    accept: reader.set(index.sets.accept),
    reject: reader.set(index.sets.reject),
    nearNetworks: reader.set(index.sets.nearNetworks),
  };
  const pages: (EntryPage | null)[] = [];
  for (const page of index.pages) {
    while (pages.length < page[0]) pages.push(null);
    pages.push(reader.page(page));
  }
  const table = EntryTable.ofPages(pages);
  if (table.size > settings.entriesMax) return null;
  const policy = new CompiledPolicy({
    settings,
    version: index.version,
    nextId: index.nextId,
    attributes: { ...DEFAULT_ATTRIBUTES, ...attributes.value.attributes },
    table,
    ...sets,
    ...namesOf(pages),
  });
  const newest = index.newest && { by: index.newest.by, inverse: inverse?.ok === true ? inverse.value : null };
  return { policy, newest };
}

function readIndex(octets: Uint8Array<ArrayBuffer>): Index | null {
  if (octets.length < 8 || octets.byteOffset % 8 !== 0) return null;
  const [length = 0, format] = new Uint32Array(octets.slice(-8).buffer);
  // In another order of octets the format is another number.
  if (format !== FORMAT || length > octets.length - 8) return null;
  const text = new TextDecoder().decode(octets.subarray(octets.length - 8 - length, octets.length - 8));
  const index = JSON.parse(text) as Index;
  return index.format === FORMAT ? index : null;
}

/** Reads the parts one after the other, as views. */
class Reader {
  readonly #buffer: ArrayBuffer;
  #at: number;

  constructor(octets: Uint8Array<ArrayBuffer>) {
    this.#buffer = octets.buffer;
    this.#at = octets.byteOffset;
  }

  set({ ipv4, ipv6, wide }: SetIndex): NetworkSet {
    return new NetworkSet(this.#tree(1, ipv4), this.#tree(4, ipv6), wide);
  }

  #tree(width: Width, lengths: readonly number[]): NetworkTree {
    return NetworkTree.fromLeaves(
      width,
      lengths.map((length) => this.#words(length)),
    );
  }

  #words(length: number): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array(this.#buffer, this.#at, length);
    this.#at += 4 * (length + (length % 2));
    return words;
  }

  page([, count, instants, strings, units, values]: PageIndex): EntryPage {
    const rows = count * ROW_WORDS;
    const octets = this.#words(2 * instants + rows + strings + ((units + 1) >>> 1));
    const rowsAt = octets.byteOffset + 8 * instants;
    const packed = {
      ends: new Uint32Array(this.#buffer, rowsAt + 4 * rows, strings),
      units: new Uint16Array(this.#buffer, rowsAt + 4 * (rows + strings), units),
    };
    const page = {
      count,
      words: new Uint32Array(this.#buffer, rowsAt, rows),
      strings: packed,
      instants: new Float64Array(this.#buffer, octets.byteOffset, instants),
      values: values.map(decodeValue),
    };
    return strings <= FEW_STRINGS ? { ...page, strings: allStrings(page) } : page;
  }
}

/** So few are cheaper as they are than in their octets. */
const FEW_STRINGS = 8;

/** The entries that are no networks, in order of their numbers. */
function namesOf(pages: readonly (EntryPage | null)[]): Pick<CompiledPolicy, "nearDomains" | "others"> {
  let nearDomains = DomainSet.EMPTY;
  const others = new Map<string, Entry>();
  for (const [number, page] of pages.entries()) {
    if (page === null || page.values.length === 0) continue;
    for (let row = 0; row < page.count; row++) {
      const entry = entryAt(page, row, number * PAGE_ENTRIES + slotAt(page, row));
      const { list, value, id } = entry;
      if (value.kind === "domain") {
        nearDomains = nearDomains.with(value.domain, value.subdomains, id, entry.expiresAt !== null);
      } else if (value.kind !== "network") others.set(otherKey(list, value), entry);
    }
  }
  return { nearDomains, others };
}
