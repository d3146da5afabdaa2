import type { Instant, Random } from "../core/base/time.ts";
import { formatHostPort } from "../core/mail/host-port.ts";
import { reply, replyClass, type Reply } from "../core/mail/reply.ts";
import { nextRetry, RETRY_MS_MIN, type Retry, type RetryPlan } from "../core/queue/backoff.ts";
import type { ReportedOutcome } from "../core/queue/dsn.ts";
import { isSettled, type Outcome } from "../core/queue/outcome.ts";
import { CAPTURE_KEY, parseRouteKey, ruleOfKey } from "../core/queue/route.ts";
import type { LiveMessage } from "./live-messages.ts";
import type { Found, NextHopFinder } from "./find-next-hop.ts";
import type { NextHop, Spool, Transport } from "./ports.ts";
import type { Rewriter } from "./rewrite.ts";
import { hopFor, NOT_VERIFIABLE, resultRequiringTls } from "./require-tls.ts";
import type { Signer } from "./sign.ts";
import type { AttemptOutcomes } from "./settle.ts";

/** What came of one attempt: a reply for each recipient tried, in order. */
export interface Attempt {
  readonly nextHop: string;
  readonly server: string;
  readonly tls: string;
  /** The name of the route of the policy that it went by; null where none did. */
  readonly route: string | null;
  readonly replies: readonly Reply[];
  readonly routeTrouble: boolean;
  /** For how long the next hop wants nothing; 0 where it did not say. */
  readonly retryAfterMs: number;
  /** Who reports a success: the next hop, or we, that it was handed on or that it is here. */
  readonly success: "passed-on" | "relayed" | "delivered";
}

const NO_FIELDS = new Uint8Array(0);
const CAPTURED: Reply = reply(250, "2.0.0", "Kept in the capture box");

/** What an attempt goes by. */
export interface Ways {
  readonly nextHops: NextHopFinder;
  readonly spool: Spool;
  readonly transport: Transport;
  readonly rewriter: Rewriter;
  readonly signer: Signer;
}

/** The recipients that this key is for and that are not settled: indices into the envelope. */
export function recipientsOf(live: LiveMessage, key: string): number[] {
  const indices: number[] = [];
  for (let i = 0; i < live.keys.length; i++) {
    if (live.keys[i] === key && !isSettled(live.outcomes[i] ?? null)) indices.push(i);
  }
  return indices;
}

/**
 * Tries to deliver. `gone`: the content is not there, since the message was removed in the meantime. `unwanted`: an operator held or
 * removed it while the next hop was looked up, so nothing was sent.
 */
export async function attempt(
  live: LiveMessage,
  key: string,
  indices: readonly number[],
  { nextHops, spool, transport, rewriter, signer }: Ways,
  isWanted: () => boolean,
): Promise<Attempt | "gone" | "unwanted"> {
  if (key === CAPTURE_KEY) return captured(indices.length);
  let hop = nextHops.remembered(key);
  if (hop === null) {
    const found = await nextHops.find(parseRouteKey(key));
    if (found.kind !== "hop") return notFound(found, ruleOfKey(key), indices.length);
    hop = found.hop;
  }
  const way = live.envelope.requireTls === undefined ? hop : hopFor(hop, live.envelope);
  if (way === null) return notFound({ kind: "failed", reply: NOT_VERIFIABLE }, hop.route, indices.length);
  const content = live.content ?? (await spool.content(live.id));
  if (content === null) return "gone";
  const drafted = rewriter.draft(live, content, hop.rewriting);
  const draft = drafted instanceof Promise ? await drafted : drafted;
  if ("code" in draft) return notFound({ kind: "failed", reply: draft }, hop.route, indices.length);
  // Exchange writes what Graph is given anew: a signature of ours would be broken where it arrives.
  const signed = hop.transport === "graph" ? NO_FIELDS : signer.fieldsFor(live, draft, key);
  const front = inFront(signed instanceof Promise ? await signed : signed, draft.front);
  if (!isWanted()) return "unwanted";
  const all = live.envelope.recipients;
  const recipients = indices.length === all.length ? all : indices.flatMap((index) => all[index] ?? []);
  const sent = await transport.send(way, { ...draft, id: live.id, recipients, front });
  const result = live.envelope.requireTls === true ? resultRequiringTls(sent) : sent;
  return {
    nextHop: nextHopText(hop, result.server),
    server: result.server,
    tls: result.tls,
    route: hop.route,
    replies: result.replies,
    routeTrouble: result.routeTrouble,
    retryAfterMs: result.retryAfterMs ?? 0,
    success: result.dsnPassedOn ? "passed-on" : "relayed",
  };
}

function inFront(fields: Uint8Array, header: Uint8Array): Uint8Array {
  if (header.length === 0) return fields;
  const front = new Uint8Array(fields.length + header.length);
  front.set(fields);
  front.set(header, fields.length);
  return front;
}

/** No server was spoken to. */
const NOBODY = { server: "", tls: "", retryAfterMs: 0 } as const;

function captured(count: number): Attempt {
  const replies = new Array<Reply>(count).fill(CAPTURED);
  return { ...NOBODY, nextHop: CAPTURE_KEY, route: null, replies, routeTrouble: false, success: "delivered" };
}

function notFound(found: Exclude<Found, { kind: "hop" }>, route: string | null, count: number): Attempt {
  const replies = new Array<Reply>(count).fill(found.reply);
  return { ...NOBODY, nextHop: "", route, replies, routeTrouble: found.kind === "trouble", success: "relayed" };
}

function nextHopText(hop: NextHop, server: string): string {
  const answered = hop.servers.find(({ host }) => server.startsWith(`${host} `)) ?? hop.servers[0];
  return answered ? formatHostPort(answered) : "";
}

// --- what follows -----------------------------------------------------------------------------------------------------

export interface RetryContext {
  readonly plan: RetryPlan;
  readonly queueAgeMs: number;
  readonly random: Random;
  readonly now: Instant;
  /** Attempts before this one. */
  readonly attempts: number;
}

/** When recipients that were deferred are tried again, if any were. */
export function retryOf(context: RetryContext, live: LiveMessage, paused: Instant | null, crowded: boolean): Retry {
  const { plan, queueAgeMs, random, now, attempts } = context;
  const retry = nextRetry(plan, attempts + 1, now, live.acceptedAt, queueAgeMs, random);
  if (retry.kind === "expired") return retry;
  if (paused !== null) return { kind: "retry", at: paused };
  // Too many connections at once are no fault of the message: it need not wait as long.
  return crowded ? { kind: "retry", at: Math.min(retry.at, now + RETRY_MS_MIN) } : retry;
}

/** The outcomes of an attempt. 4xx and 5xx are kept apart for each recipient; trouble of the route fails nobody. */
export function outcomesOf(
  live: LiveMessage,
  indices: readonly number[],
  tried: Attempt,
  retry: Retry,
  now: Instant,
  delayReportMs: number,
): AttemptOutcomes {
  const warns = isFirstDelay(live, now, delayReportMs);
  const passed: Outcome[] = [];
  const failed: Outcome[] = [];
  const tell: ReportedOutcome[] = [];
  for (let i = 0; i < indices.length; i++) {
    const recipient = indices[i] ?? 0;
    const answer = tried.replies[i] ?? NO_REPLY;
    const base = {
      recipient,
      at: now,
      nextHop: tried.nextHop,
      server: tried.server,
      reply: answer,
      tls: tried.tls,
      ...(tried.route === null ? {} : { route: tried.route }),
    };
    const kind = replyClass(answer);
    if (kind === 2) {
      const outcome: Outcome = { kind: "delivered", ...base };
      passed.push(outcome);
      if (tried.success !== "passed-on") tell.push({ outcome, action: tried.success });
    } else if (kind === 5 && !tried.routeTrouble) failed.push({ kind: "failed", ...base });
    else if (retry.kind === "expired") failed.push({ kind: "expired", ...base });
    else {
      const outcome: Outcome = { kind: "deferred", ...base, retryAt: retry.at };
      passed.push(outcome);
      if (warns) tell.push({ outcome, action: "delayed" });
    }
  }
  if (tell.some(({ action }) => action === "delayed")) tell.push(...otherDelays(live, indices));
  return { passed, failed, tell };
}

const NO_REPLY: Reply = reply(451, "4.5.0", "The next hop did not answer for this recipient");

/**
 * Whether this is the first attempt of the message that is deferred after `delayReportMs` in the queue. Those before it stand in the
 * spool, so one warning is given for all recipients that wait, restarts or not.
 */
export function isFirstDelay(live: LiveMessage, now: Instant, delayReportMs: number): boolean {
  const due = live.acceptedAt + delayReportMs;
  return now >= due && live.outcomes.every((last) => last?.kind !== "deferred" || last.at < due);
}

/** The other recipients that wait, as their own last attempt left them. */
function otherDelays(live: LiveMessage, indices: readonly number[]): ReportedOutcome[] {
  const tried = new Set(indices);
  return live.outcomes.flatMap((outcome) =>
    outcome?.kind === "deferred" && !tried.has(outcome.recipient) ? [{ outcome, action: "delayed" as const }] : [],
  );
}

/** Whether any recipient of the attempt is to be tried again. */
export function isAnyDeferred(tried: Attempt): boolean {
  return tried.routeTrouble || tried.replies.some((answer) => replyClass(answer) !== 2 && replyClass(answer) !== 5);
}
