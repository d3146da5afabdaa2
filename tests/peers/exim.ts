/** Exim as a client that sends by BDAT (RFC 3030), from where `.ci/run` unpacked it. */
import { chown, chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programPath, run } from "./programs.ts";

export interface EximSending {
  readonly port: number;
  readonly from: string;
  readonly to: readonly string[];
  /** Lines that end in CRLF. */
  readonly message: Buffer;
}

export interface EximSent {
  readonly output: string;
  /** Exim's own log: `=>` is a delivery, `**` a failure, ` K ` says that BDAT was used. */
  readonly log: string;
}

function configuration(directory: string, port: number): string {
  return `
exim_path = ${programPath("exim4")}
spool_directory = ${directory}/spool
log_file_path = ${directory}/log/%slog
log_selector = +smtp_confirmation +outgoing_port +pipelining
primary_hostname = exim.test
keep_environment =
domainlist local_domains =
host_lookup =
tls_advertise_hosts =
untrusted_set_sender = *
local_from_check = false
check_spool_space = 0
check_spool_inodes = 0
check_log_space = 0
bounce_message_file =
begin routers
smart:
  driver = manualroute
  transport = out
  route_list = * 127.0.0.1::${port} byname
  self = send
begin transports
out:
  driver = smtp
  hosts_avoid_tls = *
  hosts_try_dane =
  hosts_try_chunking = *
  hosts_try_prdr =
begin retry
* * F,2h,15m
`;
}

/** Hands a message to Exim and waits until it has tried to deliver it. Needs root and a user Debian-exim. */
export async function sendByExim(sending: EximSending): Promise<EximSent> {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-exim-"));
  try {
    await chmod(directory, 0o755);
    const user = Number((await run("id", ["-u", "Debian-exim"])).stdout);
    const group = Number((await run("id", ["-g", "Debian-exim"])).stdout);
    for (const name of ["spool", "log"]) {
      await mkdir(join(directory, name));
      await chown(join(directory, name), user, group);
    }
    const file = join(directory, "exim.conf");
    await writeFile(file, configuration(directory, sending.port), { mode: 0o644 });
    const args = ["-C", file, "-odf", "-oi", "-f", sending.from, ...sending.to];
    const input = sending.message.toString("latin1").replaceAll("\r\n", "\n");
    const sent = await run("exim4", args, { input: Buffer.from(input, "latin1") });
    const log = await run("cat", [join(directory, "log/mainlog")]);
    return { output: sent.output, log: log.stdout };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
