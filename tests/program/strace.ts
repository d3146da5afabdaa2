/** Faults of the kernel for a program that runs, by strace: calls that fail, are late, or are the last ones. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { ended, programPath } from "../peers/programs.ts";

export interface Injection extends AsyncDisposable {
  /** Resolves when the program is gone. */
  readonly gone: Promise<unknown>;
}

/**
 * From when it resolves on, `calls` of all threads of the process meet the fault: `error=EIO:when=3+`, `signal=SIGKILL:when=7`.
 * Only those that name one of `paths`, where there are any. Disposing of it lets the process go.
 */
export async function inject(
  pid: number,
  calls: readonly string[],
  fault: string,
  paths: readonly string[] = [],
): Promise<Injection> {
  const named = calls.join(",");
  const strace = spawn(
    programPath("strace"),
    ["-f", "-p", String(pid), "-o", "/dev/null", "-e", `trace=${named}`, "-e", `inject=${named}:${fault}`].concat(
      paths.flatMap((path) => ["-P", path]),
    ),
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const gone = ended(strace);
  let said = "";
  strace.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const end = gone.then(() => {
    throw new Error(`strace: ${said}`);
  });
  end.catch(() => undefined);
  while (!said.includes("attached")) await Promise.race([once(strace.stderr, "data"), end]);
  return {
    gone,
    [Symbol.asyncDispose]: async () => {
      strace.kill("SIGINT");
      await gone;
    },
  };
}
