import { printable } from "../base/printable.ts";
import { formatInstant, type Instant } from "../base/time.ts";

/** Printed output is at most so wide, as a print file of IBM i is. */
export const PAGE_COLUMNS = 132;

export interface Column {
  readonly heading: string;
  readonly align?: "right";
  /** Longer cells are cut there. */
  readonly max?: number;
}

/**
 * Rows under headings, columns two blanks apart, as wide as their widest cell. Cells are made printable. The last column is cut at the
 * edge of the page; where the others leave it no room, it keeps ten columns.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => columns.map((column, i) => printable(row[i] ?? "", column.max ?? PAGE_COLUMNS)));
  const widths = columns.map((column, i) =>
    cells.reduce((widest, row) => Math.max(widest, row[i]?.length ?? 0), column.heading.length),
  );
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 1);
  const last = columns.length - 1;
  widths[last] = Math.min(widths[last] ?? 0, Math.max(10, PAGE_COLUMNS - before));
  const line = (row: readonly string[]): string =>
    cut(
      ` ${row.map((cell, i) => align(cut(cell, widths[i] ?? 0), widths[i] ?? 0, columns[i]?.align)).join("  ")}`.trimEnd(),
    );
  return [line(columns.map((column) => column.heading)), ...cells.map(line)].join("\n");
}

function align(cell: string, width: number, side: "right" | undefined): string {
  return side === "right" ? cell.padStart(width) : cell.padEnd(width);
}

/** Text cut to `width` characters, the last of them `…` where more was there. */
export function cut(text: string, width = PAGE_COLUMNS): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** A heading as a print file of IBM i has it: system at the left, title in the middle, time at the right. */
export function pageHeading(title: string, system: string, now: Instant, columns = PAGE_COLUMNS): string {
  const left = ` ${printable(system, 40)}`;
  const right = formatInstant(now);
  const middle = Math.max(left.length + 2, Math.floor((columns - title.length) / 2));
  const start = `${left.padEnd(middle)}${title}`;
  return `${start.padEnd(Math.max(start.length + 2, columns - right.length))}${right}`;
}

/** Words filled into lines of at most `columns`, each behind `indent`. */
export function wrap(text: string, columns: number, indent = ""): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line !== indent && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}

/** `Label  . . . . :   value`, the dots of an IBM i display; `columns` is where the value begins. */
export function leader(label: string, columns: number, end = ":"): string {
  const room = columns - label.length - 4;
  if (room < 1) return `${label} ${end}  `;
  // The dots of all labels stand in the same columns, and a blank between label and dots.
  return `${label} ${". ".repeat(Math.ceil(room / 2)).slice(-room)}${end}  `;
}

/** `65,536`; from a million million on as a power of two: `2^96`, and `over 2^96` where it is none. */
export function formatCount(count: bigint | number): string {
  const exact = BigInt(count);
  const bits = exact.toString(2).length - 1;
  if (exact > 10n ** 12n) return exact === 1n << BigInt(bits) ? `2^${bits}` : `over 2^${bits}`;
  return exact.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 address`, `65,536 addresses`. */
export function counted(count: bigint | number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${BigInt(count) === 1n ? one : many}`;
}
