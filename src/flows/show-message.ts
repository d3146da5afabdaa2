import { printable } from "../core/base/printable.ts";
import { quote } from "../core/cl/entry-text.ts";
import { formatCount } from "../core/base/count.ts";
import { parseQueueId } from "../core/queue/message.ts";
import type { CommandResult } from "./command-result.ts";
import { runCommand } from "./operate.ts";
import type { Operations } from "./operations.ts";

/** Longest line of content that is shown; what is longer goes on in the next one. */
const LINE_MAX = 998;

/** queue show: what WRKSMTPEMM MSG says of one message, and the beginning of its content where that is still here. */
export async function showMessage(
  operations: Operations,
  id: string,
  octetsMax: number,
  by: string,
): Promise<CommandResult> {
  const shown = await runCommand(operations, `WRKSMTPEMM MSG(${quote(id)}) OUTPUT(*PRINT)`, by);
  const parsed = parseQueueId(id);
  if (!shown.ok || !parsed.ok) return shown;
  const entry = await operations.queue.find(parsed.value);
  const octets = entry === null ? null : await operations.queue.content(parsed.value, octetsMax);
  if (entry === null || octets === null) return shown;
  const text = new TextDecoder("utf-8").decode(octets);
  const left = entry.message.sizeOctets - octets.length;
  const more = left > 0 ? `\n (${formatCount(left)} octets more)` : "";
  const value = typeof shown.value === "object" && shown.value !== null ? shown.value : {};
  return {
    ...shown,
    output: `${shown.output}\n\n Content\n\n${printableLines(text)}${more}`,
    value: { ...value, content: text, contentComplete: left <= 0 },
  };
}

/** Every line made fit for a terminal by itself; tabs are blanks. */
function printableLines(text: string): string {
  const lines = text
    .replaceAll("\t", "        ")
    .replace(/\r?\n$/, "")
    .split(/\r?\n/);
  return lines.map((line) => printable(line, LINE_MAX)).join("\n");
}
