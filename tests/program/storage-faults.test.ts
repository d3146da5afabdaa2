/**
 * Storage that fails under a relay that runs: from then on it takes no mail rather than lie, says so in its log, in `status` and
 * at /health/ready, and has kept what it has when it is started again.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, freePort, missing } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";
import { Ledger, recipientOf, relayTo } from "./ledger.ts";
import { inject } from "./strace.ts";

/** Deliveries that may be under way at once: one on each connection to the next hop, and one behind it. */
const IN_FLIGHT_MAX = 40;
const NOT_STORED = /^451 4\.3\.0 /;

interface Fault {
  readonly name: string;
  readonly calls: readonly string[];
  readonly fault: string;
  /** Of the data directory; all where none is named. */
  readonly files?: readonly string[];
  /** What the relay is asked to write there; mail does so by itself. It must fail. */
  readonly command?: string;
}

const FAULTS: readonly Fault[] = [
  // The log is written with O_DSYNC: a write that fails is a sync that fails.
  { name: "a write that fails", calls: ["pwrite64", "pwritev"], fault: "error=EIO:when=5+" },
  { name: "one write that fails, and none after it", calls: ["pwrite64", "pwritev"], fault: "error=EIO:when=5" },
  {
    name: "one sync of the database that fails, and none after it",
    calls: ["fsync", "fdatasync"],
    fault: "error=EIO:when=1",
    files: ["relaykeeper.db", "relaykeeper.db-wal"],
    command: "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.1.2.3')",
  },
];

for (const { name, calls, fault, files = [], command } of FAULTS) {
  test(name, { skip: missing("strace"), timeout: 300_000 }, async (context) => {
    await using things = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), "relaykeeper-fault-"));
    things.defer(async () => await rm(directory, { recursive: true, force: true }));
    const [port, consolePort] = [await freePort(), await freePort()];
    let isTaking = true;
    const answerData = () => (isTaking ? null : "451 4.3.0 not now");
    const sink = things.use(await Sink.start({ answerData }));
    const options = { ...relayTo(sink, port, directory), console: `127.0.0.1:${consolePort}` };
    const ready = async () => (await fetch(`http://127.0.0.1:${consolePort}/health/ready`)).status;
    let relay = await Relay.start(options);
    things.defer(async () => await relay.stop());
    const ledger = Ledger.start(port);
    things.defer(async () => await ledger.stop());
    await ledger.accepts(40);
    isTaking = false;
    await ledger.accepts(5 * IN_FLIGHT_MAX);
    assert.equal(await ready(), 200);

    const paths = files.map((file) => join(relay.dataDirectory, file));
    const injection = await inject(relay.pid, calls, fault, paths);
    if (command !== undefined)
      assert.equal((await relay.command(["cl", command])).code, 1, "the change is not confirmed");
    await ledger.hears(NOT_STORED, 20);
    await eventually(() => assert.match(relay.log, /the store takes nothing more/));
    assert.equal(await ready(), 503);
    assert.match((await relay.command(["status"])).stdout, /storage failed, no mail is taken/);
    await injection[Symbol.asyncDispose]();
    // What cannot be written down is not done: it would all be done again after the next start.
    isTaking = true;
    await relay.command(["queue", "flush"]);
    // A sync that succeeds after one that failed proves nothing: what is broken stays so until it is started again.
    const { size } = ledger.accepted;
    await ledger.hears(NOT_STORED, 20);
    assert.equal(ledger.accepted.size, size);
    assert.equal(await ready(), 503);

    await relay.kill();
    relay = await Relay.start(options);
    assert.equal(await ready(), 200);
    await ledger.accepts(40);
    await ledger.stop();
    await relay.command(["queue", "flush"]);
    await ledger.assertKept(sink);
    const checked = await relay.command(["store", "check"]);
    assert.equal(checked.code, 0, checked.output);
    const twice = sink.messages.length - new Set(sink.messages.map(recipientOf)).size;
    context.diagnostic(`${twice} messages came twice`);
    assert.ok(twice <= IN_FLIGHT_MAX, `${twice} messages came twice`);
  });
}
