import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Tables as a mail administrator writes and reads them: a page of Markdown has sections, each under `## title`, with one table and, in a
 * fenced block before it, the commands that make the policy. A cell is what stands in it, in backticks or not;
 * `\r \n \t \0 \xHH \| \\` are escapes, and `{12 x}` is twelve times an x.
 */
export interface Section {
  readonly title: string;
  /** The commands of the fenced block. */
  readonly commands: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export interface Row {
  readonly line: number;
  /** The cell of a column, `""` where it is empty. */
  cell(column: string): string;
}

export function readSections(page: string): readonly Section[] {
  const sections: { title: string; commands: string[]; columns: string[]; rows: Row[] }[] = [];
  let fenced = false;
  for (const [index, line] of readFileSync(join(import.meta.dirname, page), "utf8")
    .split("\n")
    .entries()) {
    const section = sections.at(-1);
    if (line.startsWith("## ")) sections.push({ title: line.slice(3), commands: [], columns: [], rows: [] });
    else if (line.startsWith("```")) fenced = !fenced;
    else if (section === undefined) continue;
    else if (fenced) section.commands.push(line);
    else if (line.startsWith("|") && section.columns.length === 0) section.columns.push(...cellsOf(line));
    else if (line.startsWith("|") && !/^\|[ |:-]+$/.test(line))
      section.rows.push(rowOf(section.columns, line, index + 1));
  }
  return sections;
}

function rowOf(columns: readonly string[], text: string, line: number): Row {
  const cells = cellsOf(text);
  if (cells.length !== columns.length)
    throw new Error(`line ${line}: ${cells.length} cells for ${columns.length} columns`);
  return {
    line,
    cell: (column) => {
      const cell = cells[columns.indexOf(column)];
      if (cell === undefined) throw new Error(`line ${line}: there is no column ${column}`);
      return cell;
    },
  };
}

function cellsOf(line: string): string[] {
  const cells = line
    .trim()
    .replace(/^\|/, "")
    .replace(/\|$/, "")
    .split(/(?<!\\)\|/);
  return cells.map((cell) =>
    cell
      .trim()
      .replace(/^`(.*)`$/, "$1")
      .replaceAll("\\|", "|"),
  );
}

/** The octets that a cell stands for. */
export function octetsOf(cell: string): Buffer {
  const repeated = cell.replaceAll(/\{(\d+) ([^}]+)\}/g, (_all, times: string, text: string) =>
    text.repeat(Number(times)),
  );
  const parts = repeated.split(/(\\x[0-9a-f]{2}|\\[rnt0\\])/i).map((part) => {
    if (part.startsWith("\\x")) return Buffer.from([parseInt(part.slice(2), 16)]);
    return Buffer.from(ESCAPES.get(part) ?? part, "utf8");
  });
  return Buffer.concat(parts);
}

const ESCAPES = new Map([
  ["\\r", "\r"],
  ["\\n", "\n"],
  ["\\t", "\t"],
  ["\\0", "\0"],
  ["\\\\", "\\"],
]);

/** Code and enhanced status of a reply. */
export function codeOf(reply: string): string {
  const last = reply.split("\n").at(-1) ?? "";
  return /^\d{3}(?: \d\.\d{1,3}\.\d{1,3})?/.exec(last)?.[0] ?? last;
}
