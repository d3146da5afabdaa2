import type { Writable } from "node:stream";
import { pino } from "pino";
import { printable } from "../../core/base/printable.ts";
import { formatInstant, type Instant } from "../../core/base/time.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Lines for developers and operators; one sentence each, never content of mail, never a secret. */
export interface LineLog {
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
  /** From now on lines below `level` are left out. */
  setLevel(level: LogLevel): void;
}

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50, silent: 100 };
const LINE_MAX = 2_000;

/** JSON lines for a collector of logs. */
export function jsonLog(level: LogLevel, stream: Writable): LineLog {
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  return {
    info: (text) => logger.info(text),
    warn: (text) => logger.warn(text),
    error: (text) => logger.error(text),
    setLevel: (next) => void (logger.level = next),
  };
}

/** Short lines for people at a terminal. */
export function plainLog(level: LogLevel, stream: Writable, now: () => Instant): LineLog {
  let least = RANKS[level];
  const write = (rank: number, word: string, text: string): void => {
    if (rank >= least) stream.write(`${formatInstant(now()).slice(11, 19)} ${word}${printable(text, LINE_MAX)}\n`);
  };
  return {
    info: (text) => write(RANKS.info, "", text),
    warn: (text) => write(RANKS.warn, "warning: ", text),
    error: (text) => write(RANKS.error, "error: ", text),
    setLevel: (next) => void (least = RANKS[next]),
  };
}
