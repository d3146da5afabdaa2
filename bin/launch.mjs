/** Starts the program with a Node that runs TypeScript as it stands: the one at hand, else the one among the optional packages. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const NEEDED = [24, 11];

/** Runs `src/main.ts` with these arguments in front of those of the command line. */
export async function launch(...first) {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const args = [...first, ...process.argv.slice(2)];
  if (isNewEnough(process.versions.node)) {
    process.argv = [process.argv[0], main, ...args];
    await import(main);
    return;
  }
  const node = fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url));
  if (!existsSync(node)) {
    process.stderr.write(
      `relaykeeper needs Node ${NEEDED.join(".")} or newer; this is ${process.versions.node}. ` +
        "Install it, or run npm ci, which brings one for Linux.\n",
    );
    process.exit(69);
  }
  const child = spawn(node, [main, ...args], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // Control-C at a terminal reaches the child by itself; twice would end it at once.
    process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  child.once("exit", (status, signal) =>
    process.exit(status ?? (signal === null ? 1 : 128 + constants.signals[signal])),
  );
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}
