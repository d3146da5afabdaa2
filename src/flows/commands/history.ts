import { formatInstant } from "../../core/base/time.ts";
import { counted } from "../../core/base/count.ts";
import { pageHeading, table, type Column } from "../../core/cl/layout.ts";
import { message } from "../../core/cl/messages.ts";
import { exportPolicy } from "../policy-file.ts";
import { answer, say, type Handler } from "./answer.ts";
import { findingMessages, nameEntry, refusalMessage } from "./policy-answer.ts";
import { describeRelay } from "./attributes.ts";

const COLUMNS: readonly Column[] = [
  { heading: "Version", align: "right" },
  { heading: "When" },
  { heading: "By", max: 30 },
  { heading: "Command", max: 2_000, wrapped: true },
];

export const displayChanges: Handler = async (context, args) => {
  const { policy, server } = context.operations;
  const { now } = context;
  const records = await policy.history(Number(args.text("NBRENT")));
  const newestFirst = [...records].sort((a, b) => b.version - a.version);
  const rows = newestFirst.map(({ version, at, by, command }) => [String(version), formatInstant(at), by, command]);
  const title = pageHeading("Display SMTP Policy Changes", server.status().hostname, now);
  const output = `${title}\n\n${rows.length === 0 ? " (No changes)" : table(COLUMNS, rows)}`;
  const value = newestFirst.map(({ version, at, by, command, kind }) => ({
    version,
    at: formatInstant(at),
    by,
    command,
    kind,
  }));
  return answer([message("SMR0706", counted(records.length, "change"))], output, value);
};

export const undoChange: Handler = async (context, args) => {
  const { policy } = context.operations;
  const [newest] = await policy.history(1);
  const undone = await policy.undo(context.by, args.is("CONFIRM", "*YES"));
  if (undone === null) return say("SMR0705");
  if (!undone.ok) return answer([refusalMessage(undone.error, "")]);
  const { version, entry, findings } = undone.value;
  const what = newest
    ? `${newest.command} (version ${newest.version}, ${newest.by}).`
    : entry
      ? `${nameEntry(entry)}.`
      : "";
  const messages = [message("SMR0704", `${what} ${await describeRelay(policy)}`.trim(), String(version))];
  return answer([...messages, ...findingMessages(findings)], "", { version });
};

export const exportPolicyText: Handler = async (context, args) => {
  const { policy } = context.operations;
  const version = policy.version();
  const text = await exportPolicy(context.operations, args.is("ATR", "*ALL"));
  return answer([], text.trimEnd(), { version, text });
};
