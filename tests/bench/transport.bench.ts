/**
 * The SMTP client alone: 4 KiB messages to a sink in a process of its own, 10 at a time, over kept connections.
 *
 *     node tests/bench/transport.bench.ts [--count 30000] [--connections 10]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { parseArgs } from "node:util";
import { NO_ACCESS_TOKENS } from "../../src/adapters/memory/access-tokens.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { NO_TLS_RESULTS } from "../../src/adapters/memory/tls-policies.ts";
import { SmtpTransport } from "../../src/adapters/smtp-client/transport.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";
import type { Mailbox } from "../../src/core/mail/mailbox.ts";
import { DEFAULT_ROUTE } from "../../src/core/policy/route-rule.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import type { NextHop, OutgoingMessage } from "../../src/flows/ports.ts";

if (process.argv[2] === "sink") runSink();
else await run();

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: "30000" },
      connections: { type: "string", default: "10" },
    },
  });
  const sink = fork(import.meta.filename, ["sink"]);
  const [port] = (await once(sink, "message")) as [number];
  const mailbox = (localPart: string): Mailbox => ({
    localPart,
    host: { kind: "domain", domain: "example.net" as Domain },
  });
  const octets = Buffer.from(`${"x".repeat(62)}\r\n`.repeat(64));
  const message: OutgoingMessage = {
    id: 1 as QueueId,
    envelope: { reversePath: mailbox("sender"), body: "8BITMIME", smtpUtf8: false },
    recipients: [{ forwardPath: mailbox("user") }],
    front: new Uint8Array(0),
    skipOctets: 0,
    content: { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false },
  };
  const hop: NextHop = {
    key: "smarthost:sink.example:25",
    connectionsKey: "smarthost:sink.example:25",
    servers: [
      {
        host: "sink.example",
        address: IPV4_LOOPBACK,
        port,
        isImplicit: false,
        isPublished: true,
        tls: { kind: "may" },
        policy: null,
        credentials: null,
      },
    ],
    route: null,
    auth: "auto",
    transport: "smtp",
    pace: DEFAULT_ROUTE.pace,
    localAddresses: [],
    rewriting: null,
  };
  const transport = new SmtpTransport({
    hostname: "relay.example" as Domain,
    limits: DEFAULT_LIMITS,
    clock: new WallClock(),
    readFile: async function* () {
      yield* [];
    },
    tokens: NO_ACCESS_TOKENS,
    tlsResults: NO_TLS_RESULTS,
  });
  let left = Number(values.count);
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const { replies } = await transport.send(hop, message);
      if (replies[0]?.code !== 250) throw new Error("not taken");
    }
  };
  left = 3_000;
  await Promise.all(Array.from({ length: Number(values.connections) }, worker));
  left = Number(values.count);
  const begun = performance.now();
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: Number(values.connections) }, worker));
  const seconds = (performance.now() - begun) / 1e3;
  const used = process.cpuUsage(cpu);
  const count = Number(values.count);
  console.log(`${(count / seconds).toFixed(0)} messages/s`);
  console.log(`user ${(used.user / count).toFixed(1)} µs, system ${(used.system / count).toFixed(1)} µs a message`);
  await transport.close(1_000);
  sink.kill();
}

function runSink(): void {
  const server = net.createServer({ noDelay: true }, (socket) => {
    let inData = false;
    let rest = "";
    socket.write("220 sink.example\r\n");
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      rest += chunk.toString("latin1");
      let answers = "";
      // An envelope may come with the content before it (RFC 2920 §3.1).
      for (;;) {
        const mark = inData ? "\r\n.\r\n" : "\r\n";
        const end = rest.indexOf(mark);
        if (end < 0) break;
        answers += inData ? "250 2.0.0 Ok\r\n" : answerTo(rest);
        inData = !inData && rest.startsWith("DATA");
        rest = rest.slice(end + mark.length);
      }
      if (answers !== "") socket.write(answers);
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") process.send?.(address.port);
  });
}

function answerTo(line: string): string {
  if (line.startsWith("EHLO")) return "250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
  if (line.startsWith("DATA")) return "354 Go\r\n";
  return line.startsWith("QUIT") ? "221 Bye\r\n" : "250 2.1.0 Ok\r\n";
}
