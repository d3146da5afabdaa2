/**
 * A program for tests of the lock: `node store-holder.ts DIRECTORY`. Opens the store, tells `open` or the fault as JSON on
 * standard output, and holds it until standard input ends.
 */
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { openStore } from "../../src/adapters/store-sqlite/store.ts";

const opened = await openStore({
  dataDirectory: process.argv[2] ?? "",
  limits: { queuedMessages: 10, capturedMessages: 10 },
  clock: new WallClock(),
  report: console.error,
});
process.stdout.write(opened.ok ? "open\n" : `${JSON.stringify(opened.error)}\n`);
process.stdin.resume();
process.stdin.once("end", () => void (opened.ok && opened.value.close()));
