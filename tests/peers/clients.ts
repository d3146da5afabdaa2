/** Mail programs that hand one message to a server, each driven without questions. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { run, type RunResult } from "./programs.ts";

export interface Sending {
  readonly port: number;
  readonly from: string;
  readonly to: readonly string[];
  readonly message: Buffer;
  /** Our own address: one of 127.0.0.0/8. */
  readonly source: string;
  /** A folder for files of the client. */
  readonly directory: string;
}

export interface Sent {
  readonly accepted: boolean;
  /** What the client showed, server's replies included. */
  readonly output: string;
}

export interface Client {
  readonly name: string;
  readonly needs: readonly string[];
  send(sending: Sending): Promise<Sent>;
}

const helo = "client.example";
const sent = ({ code, output }: RunResult): Sent => ({ accepted: code === 0, output });

let files = 0;
async function asFile(sending: Sending): Promise<string> {
  const path = join(sending.directory, `message-${process.pid}-${files++}`);
  await writeFile(path, sending.message);
  return path;
}

const swaks: Client = {
  name: "swaks",
  needs: ["swaks"],
  async send(sending) {
    const { port, from, to, source, message } = sending;
    // It puts a line end of its own before the final dot.
    const file = await asFile({ ...sending, message: message.subarray(0, -2) });
    return sent(
      await run("swaks", [
        ...["--server", "127.0.0.1", "--port", String(port), "--local-interface", source, "--ehlo", helo],
        ...["--from", from, "--to", to.join(","), "--data", `@${file}`],
      ]),
    );
  },
};

const curl: Client = {
  name: "curl",
  needs: ["curl"],
  async send(sending) {
    const { port, from, to, source } = sending;
    return sent(
      await run("curl", [
        ...["--silent", "--show-error", "--verbose", "--noproxy", "*", "--interface", source],
        ...["--mail-from", from, ...to.flatMap((recipient) => ["--mail-rcpt", recipient])],
        ...["--upload-file", await asFile(sending), `smtp://127.0.0.1:${port}/${helo}`],
      ]),
    );
  },
};

const msmtp: Client = {
  name: "msmtp",
  needs: ["msmtp"],
  async send({ port, from, to, source, message }) {
    return sent(
      await run(
        "msmtp",
        [
          ...["--host=127.0.0.1", `--port=${port}`, `--source-ip=${source}`, `--domain=${helo}`, `--from=${from}`],
          ...["--auth=off", "--tls=off", "--set-date-header=off", "--set-msgid-header=off", "--set-from-header=off"],
          ...["--", ...to],
        ],
        // Like every sendmail it reads lines that end in LF.
        { input: message.toString("latin1").replaceAll("\r\n", "\n") },
      ),
    );
  },
};

const pythonScript = `
import smtplib, sys
port, source, sender = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with smtplib.SMTP("127.0.0.1", port, "${helo}", source_address=(source, 0)) as client:
    try:
        refused = client.sendmail(sender, sys.argv[4:], sys.stdin.buffer.read())
    except smtplib.SMTPRecipientsRefused as fault:
        refused = fault.recipients
    for recipient, (code, text) in refused.items():
        print(code, text.decode())
    sys.exit(1 if refused else 0)
`;

const python: Client = {
  name: "python's smtplib",
  needs: ["python3"],
  async send({ port, from, to, source, message }) {
    return sent(await run("python3", ["-c", pythonScript, String(port), source, from, ...to], { input: message }));
  },
};

const perlScript = `
use Net::SMTP; my ($port, $source, $sender, @to) = @ARGV;
my $client = Net::SMTP->new("127.0.0.1", Port => $port, LocalAddr => $source, Hello => "${helo}") or die "connect: $@";
$client->mail($sender);
for (@to) { unless ($client->to($_)) { print $client->code, " ", $client->message; $client->quit; exit 1 } }
binmode STDIN; local $/; $client->data(); $client->rawdatasend(<STDIN>); my $done = $client->dataend;
print $client->code, " ", $client->message; $client->quit; exit($done ? 0 : 1);
`;

const perl: Client = {
  name: "perl's Net::SMTP",
  needs: ["perl"],
  async send({ port, from, to, source, message }) {
    // rawdatasend leaves the octets alone: the dots are ours to stuff.
    const input = message.toString("latin1").replaceAll(/^\./gm, "..");
    return sent(
      await run("perl", ["-e", perlScript, String(port), source, from, ...to], { input: Buffer.from(input, "latin1") }),
    );
  },
};

const nodemailer: Client = {
  name: "nodemailer",
  needs: [],
  async send({ port, from, to, source, message }) {
    const transport = createTransport({ host: "127.0.0.1", port, localAddress: source, name: helo, ignoreTLS: true });
    try {
      const info = await transport.sendMail({ envelope: { from, to: [...to] }, raw: message });
      return { accepted: true, output: info.response };
    } catch (fault) {
      return { accepted: false, output: String((fault as { response?: string }).response ?? fault) };
    } finally {
      transport.close();
    }
  },
};

export const clients: readonly Client[] = [swaks, curl, msmtp, python, perl, nodemailer];
