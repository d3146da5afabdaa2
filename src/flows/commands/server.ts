import { leader, pageHeading, table, type Column } from "../../core/cl/layout.ts";
import { counted } from "../../core/base/count.ts";
import { message } from "../../core/cl/messages.ts";
import type { Arguments } from "../../core/cl/arguments.ts";
import type { Job, ServerStatus } from "../operations.ts";
import { answer, say, type Answer, type Handler } from "./answer.ts";

export const startServer: Handler = async (context, args) => {
  const refusal = otherServer(args);
  if (refusal) return refusal;
  const { server } = context.operations;
  if (server.status().active) return say("SMR0304", listening(server.status()));
  const started = await server.start(context.by);
  if (!started.ok) return say("SMR0303", started.error);
  return answer([message("SMR0301", listening(server.status()))], "", { active: true });
};

export const endServer: Handler = async (context, args) => {
  const refusal = otherServer(args);
  if (refusal) return refusal;
  const { server, queue } = context.operations;
  if (!server.status().active) return say("SMR0305");
  await server.stop(context.by, Number(args.text("DELAY")) * 1_000);
  const { queued } = await queue.summary();
  return answer([message("SMR0302", counted(queued, "message"))], "", { active: false });
};

function otherServer(args: Arguments): Answer | null {
  const name = args.text("SERVER") ?? "";
  return args.value("SERVER")?.special || name === "SMTP" ? null : say("SMR0306", name);
}

function listening(status: ServerStatus): string {
  const bound = status.listeners.map((listener) => listener.bound).filter((address) => address !== "");
  return bound.join(", ");
}

const COLUMNS: readonly Column[] = [
  { heading: "Subsystem/Job" },
  { heading: "Current User" },
  { heading: "Type" },
  { heading: "CPU %", align: "right" },
  { heading: "Function", max: 45 },
  { heading: "Status" },
];

export const workWithJobs: Handler = async (context, args) => {
  const { server } = context.operations;
  const { now } = context;
  const status = server.status();
  const pattern = args.plain("JOB");
  const inSubsystem = args.rows("SBS").some((row) => row[0]?.special || (row[0] && matches("QSYSWRK", row[0].text)));
  const jobs = inSubsystem ? server.jobs().filter((job) => pattern === null || matches(job.name, pattern)) : [];
  const cpu = jobs.reduce((sum, job) => sum + job.cpuPermille, 0);
  const state = message(
    "SMR0307",
    status.active ? "active" : "not active",
    status.active ? `It listens on ${listening(status)}.` : "STRTCPSVR SERVER(*SMTP) starts it.",
  );
  const rows = jobs.length === 0 ? [] : [["QSYSWRK", "QSYS", "SBS", "0.0", "", "DEQW"], ...jobs.map(jobRow)];
  const output = [
    pageHeading("Work with Active Jobs", status.hostname, now),
    ` ${leader("CPU %", 16)}${formatPermille(cpu)}     ${leader("Active jobs", 20)}${jobs.length}     ${state.text}`,
    "",
    rows.length === 0 ? ` ${"(No active jobs match)"}` : table(COLUMNS, rows),
  ].join("\n");
  const value = jobs.map((job) => ({ ...job, subsystem: "QSYSWRK", cpuPercent: job.cpuPermille / 10 }));
  return answer([state], output, { active: status.active, jobs: value });
};

/** A name, or the beginning of one with `*` behind it. */
function matches(name: string, pattern: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function jobRow(job: Job): readonly string[] {
  return [`  ${job.name}`, job.user, job.type, formatPermille(job.cpuPermille), job.function, job.status];
}

function formatPermille(permille: number): string {
  return (permille / 10).toFixed(1);
}
