import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../core/base/assert.ts";
import type { Request, Response, Search, WorkerOptions } from "./calls.ts";
import { JournalEngine } from "./engine.ts";
import { ROWS_PER_STEP, type FoundRow } from "./table.ts";

/** The journal's thread: it writes and searches, and never makes anybody wait. */

const port = parentPort;
assert(port !== null, "the worker is started as a thread");

function respond(response: Response): void {
  port?.postMessage(response);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function start(): JournalEngine | null {
  try {
    const engine = new JournalEngine(workerData as WorkerOptions, respond);
    respond({ kind: "ready", nextDecisionId: engine.nextDecisionId });
    return engine;
  } catch (error) {
    respond({ kind: "unusable", reason: reasonOf(error) });
    return null;
  }
}

/** Goes along the rows step by step; between steps whatever else waits has its turn. */
async function find(engine: JournalEngine, search: Search, limit: number): Promise<readonly FoundRow[]> {
  const { first, last } = engine.table.bounds(search);
  // The index finds the rows of a message wherever they are.
  const step = search.queueId === undefined ? ROWS_PER_STEP : Number.MAX_SAFE_INTEGER;
  const found: FoundRow[] = [];
  let [from, to] = [first, last];
  while (from <= to && found.length < limit) {
    const [low, high] =
      search.order === "oldest" ? [from, Math.min(to, from + step - 1)] : [Math.max(from, to - step + 1), to];
    found.push(...engine.table.search(search, low, high, limit - found.length));
    if (search.order === "oldest") from = high + 1;
    else to = low - 1;
    if (from <= to && found.length < limit) await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}

async function answer(engine: JournalEngine, request: Request & { kind: "ask" }): Promise<void> {
  const { number, question } = request;
  try {
    switch (question.kind) {
      case "search":
        respond({ kind: "answer", number, rows: await find(engine, question.search, question.limit) });
        break;
      case "find": {
        const row = engine.table.findDecision(question.id);
        respond({ kind: "answer", number, rows: row === null ? [] : [row] });
        break;
      }
    }
  } catch (error) {
    respond({ kind: "no-answer", number, reason: reasonOf(error) });
  }
}

const engine = start();
if (engine === null) port.close();
else
  port.on("message", (request: Request) => {
    switch (request.kind) {
      case "lines":
        engine.lines(request.text);
        break;
      case "commit":
        engine.commit(request.now);
        break;
      case "reserve":
        engine.reserve(request.through);
        break;
      case "ask":
        void answer(engine, request);
        break;
      case "close":
        try {
          engine.close(request.nextDecisionId, request.now);
        } catch (error) {
          respond({ kind: "failed", reason: reasonOf(error) });
        }
        port.close();
        break;
    }
  });
