import { err, ok, type Result } from "../core/base/result.ts";
import type { Instant } from "../core/base/time.ts";
import type { Job, ServerOperations, ServerStatus } from "./operations.ts";
import type { SessionState } from "./listener-state.ts";
import type { Clock, Listeners, ProcessorMeter } from "./ports.ts";

/** What stays the same while the program runs. */
export interface ServerFacts {
  readonly pid: number;
  readonly version: string;
  readonly hostname: string;
  readonly deliveryMode: string;
  readonly dataDirectory: string;
  readonly localDomains: readonly string[];
}

export interface ServerParts {
  readonly facts: ServerFacts;
  readonly clock: Clock;
  readonly listeners: Listeners;
  readonly meter: ProcessorMeter;
  /** Connections to next hops open now. */
  readonly connectionsOut: () => number;
  /** Whether a queue runs: it does from start to stop of the program, ENDTCPSVR or not. */
  readonly certificate: { describe(): string; expiresAt(): Instant };
  readonly warnings: () => readonly string[];
  readonly recordOperation: (by: string, text: string) => void;
}

/** Session rows of WRKACTJOB; above it one row says how many more there are. */
const SESSION_JOBS_MAX = 100;

/** The SMTP server as operators see it: STRTCPSVR, ENDTCPSVR, WRKACTJOB, status. */
export class Server implements ServerOperations {
  readonly #parts: ServerParts;
  readonly #startedAt: Instant;
  #active = false;
  #lastLook: { readonly at: Instant; readonly main: number; readonly total: number };

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
    this.#lastLook = this.#look();
  }

  status(): ServerStatus {
    const { facts, listeners, certificate, warnings } = this.#parts;
    return {
      ...facts,
      startedAt: this.#startedAt,
      active: this.#active,
      listeners: listeners.state(),
      certificate: certificate.describe(),
      certificateExpiresAt: certificate.expiresAt(),
      warnings: warnings(),
    };
  }

  sessions(): readonly SessionState[] {
    return this.#parts.listeners.sessions();
  }

  /** Opens the listeners: all or none. An active server is left as it is. */
  async start(by: string): Promise<Result<void, string>> {
    if (this.#active) return err("SMTP is active already");
    const opened = await this.#parts.listeners.open();
    if (!opened.ok) return opened;
    this.#active = true;
    this.#parts.recordOperation(by, "SMTP server started");
    return ok(undefined);
  }

  /** Closes the listeners; queue, delivery and control socket go on. */
  async stop(by: string, deadlineMs: number): Promise<void> {
    if (!this.#active) return;
    this.#active = false;
    await this.#parts.listeners.close(deadlineMs);
    this.#parts.recordOperation(by, "SMTP server ended");
  }

  /** IBM's job names (reference 4.2). Only what is active is listed, as on IBM i. */
  jobs(): readonly Job[] {
    const cpu = this.#cpuSinceLastLook();
    const client = job("QTSMTPCLTD", "BCH", "", "DEQW");
    const out = this.#parts.connectionsOut();
    const deliveries = Array.from({ length: Math.min(out, SESSION_JOBS_MAX) }, () =>
      job("QTSMTPCLTP", "PJ", "", "TIMW"),
    );
    const store = { ...job("QTSMTPSTR", "BCH", "", "DEQW"), cpuPermille: cpu.threads };
    if (!this.#active) return [{ ...client, cpuPermille: cpu.main }, ...deliveries, store];
    const daemon = { ...job("QTSMTPSRVD", "BCH", "", "SELW"), cpuPermille: cpu.main };
    return [daemon, ...this.#sessionJobs(), client, ...deliveries, store];
  }

  #sessionJobs(): Job[] {
    const sessions = this.sessions();
    const rows = sessions
      .slice(0, SESSION_JOBS_MAX)
      .map((session) => job("QTSMTPSRVP", "PJ", session.client, session.state === "data" ? "RUN" : "SELW"));
    const more = sessions.length - rows.length;
    if (more > 0) rows.push(job("QTSMTPSRVP", "PJ", `and ${more} more`, "SELW"));
    return rows;
  }

  #look(): { at: Instant; main: number; total: number } {
    const { clock, meter } = this.#parts;
    return { at: clock.now(), main: meter.mainMicros(), total: meter.totalMicros() };
  }

  #cpuSinceLastLook(): { main: number; threads: number } {
    const before = this.#lastLook;
    const now = this.#look();
    this.#lastLook = now;
    const permille = (micros: number): number => Math.max(0, Math.round(micros / Math.max(1, now.at - before.at)));
    const main = now.main - before.main;
    return { main: permille(main), threads: permille(now.total - before.total - main) };
  }
}

function job(name: string, type: string, role: string, status: string): Job {
  return { name, user: "QTCP", type, cpuPermille: 0, function: role, status };
}
