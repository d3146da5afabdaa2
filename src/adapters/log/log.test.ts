import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { jsonLog, plainLog } from "./log.ts";

function collect() {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { lines, stream };
}

test("plainLog() writes short lines that nothing hostile can break", () => {
  const { lines, stream } = collect();
  const log = plainLog("info", stream, () => Date.UTC(2026, 10, 24, 4, 20, 35));
  log.info("started");
  log.warn("\u001b[31mred\nfake line");
  log.setLevel("error");
  log.warn("not seen");
  log.error("seen");
  assert.deepEqual(lines, [
    "04:20:35 started\n",
    "04:20:35 warning: \\x1B[31mred\\x0Afake line\n",
    "04:20:35 error: seen\n",
  ]);
});

test("jsonLog() writes a JSON value a line", () => {
  const { lines, stream } = collect();
  const log = jsonLog("warn", stream);
  log.info("not seen");
  log.warn("two\nlines");
  log.setLevel("silent");
  log.error("not seen");
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0] ?? "") as { level: number; msg: string; time: string };
  assert.equal(line.msg, "two\nlines");
  assert.equal(line.level, 40);
  assert.match(line.time, /^20\d\d-/);
});
