/** Runs the benchmark of every hot room, one after the other: `npm run bench:rooms [name …]`. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { spawnSync } from "node:child_process";

const wanted = process.argv.slice(2);
const benches = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".bench.ts"))
  .filter((file) => wanted.length === 0 || wanted.includes(basename(file, ".bench.ts")))
  .sort();
let failed = 0;
for (const bench of benches) {
  process.stdout.write(`\n${bench}\n`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, bench)], { stdio: "inherit" });
  if (status !== 0) failed++;
}
process.stdout.write(`\n${benches.length} benchmarks, ${failed} failed\n`);
process.exitCode = benches.length === 0 || failed > 0 ? 1 : 0;
