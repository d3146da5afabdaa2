/** Says whether licences, versions and checksums of all packages are what they may be: `node scripts/check-dependencies.ts`. */
import { resolve } from "node:path";
import { checkDependencies } from "./dependencies.ts";

const { faults, packages, runtimePackages } = checkDependencies(resolve(import.meta.dirname, ".."));
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`${packages} packages, ${runtimePackages} of them in the program: ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
