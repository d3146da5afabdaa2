/** Starts the program with a Node that runs TypeScript as it stands: the one at hand, else the one among the optional packages. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NEEDED = [24, 11];
/**
 * What a message leaves behind is soon garbage. A nursery of 4 MiB stays in the processor's cache: three quarters of the processor
 * time and 100 MB less than the one of up to 32 MiB that V8 grows by itself; it is too small to be swept by several threads
 * (docs/performance.md).
 */
const SERVE_OPTIONS = ["--max-semi-space-size=4", "--no-parallel-scavenge"];

/**
 * glibc then asks the kernel for large pages. A long list is looked up all over its memory, and to find a page costs more than to read it: in
 * large ones a decision among a million networks takes a quarter less (docs/performance.md).
 */
const SERVE_ENVIRONMENT = { GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" };

/** Runs `src/main.ts` with these arguments in front of those of the command line. */
export async function launch(...first) {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const args = [...first, ...process.argv.slice(2)];
  const options = args[0] === "serve" ? SERVE_OPTIONS : [];
  const cache = cacheDirectory();
  const env = {
    ...(args[0] === "serve" ? SERVE_ENVIRONMENT : {}),
    ...process.env,
    ...(cache === null ? {} : { NODE_COMPILE_CACHE: cache }),
  };
  if (isNewEnough(process.versions.node)) {
    const missing = options.filter((option) => !process.execArgv.includes(option));
    // The same process begins anew with them: whoever watches its number or sends it signals does not notice.
    if (missing.length > 0 && typeof process.execve === "function") {
      process.execve(process.execPath, [process.execPath, ...process.execArgv, ...missing, main, ...args], env);
    }
    if (cache !== null) enableCompileCache(cache);
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
  const child = spawn(node, [...options, main, ...args], { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // Control-C at a terminal reaches the child by itself; twice would end it at once.
    process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  child.once("exit", (status, signal) =>
    process.exit(status ?? (signal === null ? 1 : 128 + constants.signals[signal])),
  );
}

/**
 * Where Node keeps what it made of our sources, so that the next start need not make it again: of this user alone, since it is
 * run. Where it cannot be written, every start makes it. Null where the user has no such place.
 */
function cacheDirectory() {
  const { NODE_COMPILE_CACHE, CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = process.env;
  if (NODE_COMPILE_CACHE) return NODE_COMPILE_CACHE;
  if (CACHE_DIRECTORY) return CACHE_DIRECTORY.split(":", 1)[0];
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, "relaykeeper");
  return HOME ? join(HOME, ".cache", "relaykeeper") : null;
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}
