import { printable } from "../base/printable.ts";
import { formatInstant, type Instant } from "../base/time.ts";

/** Printed output is at most so wide, as a print file of IBM i is. */
export const PAGE_COLUMNS = 132;

export interface Column {
  readonly heading: string;
  readonly align?: "right";
  /** Longer cells are cut there. */
  readonly max?: number;
  /** Of the last column: what does not fit goes on below. */
  readonly wrapped?: true;
}

/** Lines that a wrapped cell takes at most. */
const WRAPPED_LINES_MAX = 6;

/**
 * Rows under headings, columns two blanks apart, as wide as their widest cell. Cells are made printable. The last column ends at the
 * edge of the page: what is longer is cut, or goes on in further lines where it is a `wrapped` one.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  return [...tableLines(columns, rows)].filter((line) => line !== undefined).join("\n");
}

/** The lines of a table, the headings first. Before them comes an `undefined` for each row, so that whoever prints many can pause. */
export function* tableLines(
  columns: readonly Column[],
  rows: Iterable<readonly string[]>,
): Generator<string | undefined, void> {
  const cells: (readonly string[])[] = [];
  const widths = columns.map(({ heading }) => heading.length);
  for (const row of rows) {
    const shown = columns.map((column, i) => printable(row[i] ?? "", column.max ?? PAGE_COLUMNS));
    for (const [i, cell] of shown.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
    cells.push(shown);
    yield undefined;
  }
  const last = columns.length - 1;
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 1);
  const lastWidth = Math.min(widths[last] ?? 0, Math.max(10, PAGE_COLUMNS - before));
  const line = (row: readonly string[], end: string): string => {
    const start = row.slice(0, last).map((cell, i) => align(cell, widths[i] ?? 0, columns[i]?.align));
    return cut(
      [...start.map((cell) => ` ${cell} `), ` ${align(end, lastWidth, columns[last]?.align)}`].join("").trimEnd(),
    );
  };
  yield line(
    columns.map((column) => column.heading),
    columns[last]?.heading ?? "",
  );
  for (const row of cells) {
    const [first = "", ...more] = columns[last]?.wrapped
      ? fill(row[last] ?? "", lastWidth)
      : [cut(row[last] ?? "", lastWidth)];
    yield line(row, first);
    for (const rest of more) yield cut(" ".repeat(before) + rest);
  }
}

/** Text filled into lines of `width`; words that are longer are broken. */
function fill(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (let rest = text; rest !== "";) {
    if (lines.length === WRAPPED_LINES_MAX - 1) return [...lines, cut(rest, width)];
    const blank = rest.length <= width ? rest.length : rest.lastIndexOf(" ", width);
    const end = blank > 0 ? blank : width;
    lines.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  return lines;
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
