/** HAProxy in front of a relay: it tells the relay the client's address by a PROXY header. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended, freePort, greets, programPath } from "./programs.ts";

export interface Haproxy extends AsyncDisposable {
  readonly port: number;
}

/** Starts HAProxy on a port of 127.0.0.1. `version` is the PROXY protocol's. */
export async function startHaproxy(relayPort: number, version: 1 | 2): Promise<Haproxy> {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-haproxy-"));
  const port = await freePort();
  const file = join(directory, "haproxy.cfg");
  await writeFile(
    file,
    [
      "global",
      "  maxconn 100",
      "defaults",
      "  mode tcp",
      "  timeout connect 10s",
      "  timeout client 60s",
      "  timeout server 60s",
      "frontend mail",
      `  bind 127.0.0.1:${port}`,
      "  default_backend relay",
      "backend relay",
      `  server relay 127.0.0.1:${relayPort} ${version === 1 ? "send-proxy" : "send-proxy-v2"}`,
      "",
    ].join("\n"),
  );
  const child = spawn(programPath("haproxy"), ["-db", "-f", file], { stdio: "ignore" });
  const end = ended(child);
  const dispose = async () => {
    child.kill("SIGKILL");
    await end.catch(() => undefined);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await greets(port);
  } catch (fault) {
    await dispose();
    throw fault;
  }
  return { port, [Symbol.asyncDispose]: dispose };
}
