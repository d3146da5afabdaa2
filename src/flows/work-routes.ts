import { printable } from "../core/base/printable.ts";
import { table, type Column } from "../core/cl/layout.ts";
import { message } from "../core/cl/messages.ts";
import type { Mailbox } from "../core/mail/mailbox.ts";
import { parseMailbox } from "../core/mail/path.ts";
import { describeReply } from "../core/mail/reply.ts";
import { describeAdvice } from "../core/queue/advice.ts";
import type { RouteCheck } from "./check-route.ts";
import { adviceJson } from "./commands/advice.ts";
import { refused, type CommandResult } from "./command-result.ts";
import type { Operations } from "./operations.ts";

export interface CheckWords {
  /** A key such as `smarthost:smtp.example.net:587`, or the name of a route that leads to hosts. */
  readonly route?: string | undefined;
  readonly to?: string | undefined;
  readonly from?: string | undefined;
}

const COLUMNS: readonly Column[] = [
  { heading: "Step" },
  { heading: "Result" },
  { heading: "ms", align: "right" },
  { heading: "What was said", max: 1_000, wrapped: true },
];

/** route check: the steps of the walk, and where it ended. */
export async function checkRoute(operations: Operations, words: CheckWords): Promise<CommandResult> {
  const from = readMailbox(words.from);
  const to = readMailbox(words.to);
  if (from === "faulty") return refused(message("SMR0899", printable(words.from ?? "")));
  if (to === "faulty") return refused(message("SMR0899", printable(words.to ?? "")));
  if (words.route === undefined && to === null) return refused(message("SMR0898"));
  const check = await operations.routes.check({ key: words.route === undefined ? null : keyOf(words.route), to, from });
  const rows = check.steps.map(({ name, server, tookMs, words: said, reply }) => {
    return [
      name,
      reply === null ? "ok" : "FAILED",
      String(tookMs),
      name === "connect" && reply === null ? `${server} ${said}` : said,
    ];
  });
  const ok = check.refusal === null;
  const ended = check.steps.at(-1)?.name ?? "";
  return {
    ok,
    messages: [
      ok ? message("SMR0895", printable(check.key)) : message("SMR0896", printable(check.key), ended),
      ...(check.isUnproven ? [message("SMR0154", printable(check.key))] : []),
      ...(check.advice === null ? [] : [message("SMR0897", describeAdvice(check.advice))]),
    ],
    output: table(COLUMNS, rows),
    value: jsonOf(check),
  };
}

/** A name alone is that of a route of the policy. */
function keyOf(route: string): string {
  return /[:/]/.test(route) ? route : `${route.toUpperCase()}/relay`;
}

function readMailbox(text: string | undefined): Mailbox | null | "faulty" {
  if (text === undefined) return null;
  const parsed = parseMailbox(text);
  return parsed.ok ? parsed.value : "faulty";
}

function jsonOf({ key, from, to, steps, refusal, advice }: RouteCheck): CommandResult["value"] {
  return {
    key,
    from,
    to,
    ok: refusal === null,
    steps: steps.map(({ name, server, tookMs, words, reply }) => ({
      step: name,
      server,
      tookMs,
      words,
      ok: reply === null,
    })),
    refusal: refusal === null ? null : describeReply(refusal),
    advice: adviceJson(advice),
  };
}
