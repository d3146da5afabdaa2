/**
 * Servers of the world that no mail server plays: run in a namespace, with its parts as JSON in its argument. Says `ready` once all listen, then a
 * line for each octet string that a proxy carried to the server. Ends with its input.
 */
import { readFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { createInterface } from "node:readline";

export type Part =
  /** Greets so, and is gone. */
  | { readonly kind: "greets"; readonly address: string; readonly greeting: string }
  /** Sits on the way to a mail server and takes STARTTLS out of what it offers. */
  | { readonly kind: "strips"; readonly address: string; readonly onward: string }
  /** Serves `/.well-known/mta-sts.txt` by the name that is asked for. */
  | {
      readonly kind: "policies";
      readonly address: string;
      readonly file: string;
      readonly keyFile: string;
      readonly policies: Readonly<Record<string, string>>;
    };

const SMTP = 25;
const HTTPS = 443;

function play(part: Part): net.Server {
  switch (part.kind) {
    case "greets":
      return net.createServer((socket) => socket.on("error", () => undefined).end(`${part.greeting}\r\n`));
    case "strips":
      return net.createServer((client) => strip(client, net.connect({ host: part.onward, port: SMTP })));
    case "policies":
      return https.createServer(
        { cert: readFileSync(part.file), key: readFileSync(part.keyFile) },
        (request, response) => {
          const policy =
            request.url === "/.well-known/mta-sts.txt" ? part.policies[request.headers.host ?? ""] : undefined;
          response.writeHead(policy === undefined ? 404 : 200, { "content-type": "text/plain" });
          response.end(policy?.replaceAll("\n", "\r\n") ?? "nothing here");
        },
      );
  }
}

function strip(client: net.Socket, server: net.Socket): void {
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on("error", () => other.destroy());
    one.on("close", () => other.destroy());
  }
  // A line of its own among those of EHLO; the last one never is STARTTLS with the server that stands behind.
  createInterface({ input: server }).on("line", (line) => {
    if (!/^250-STARTTLS\r?$/.test(line)) client.write(`${line}\r\n`);
  });
  createInterface({ input: client }).on("line", (line) => {
    process.stdout.write(`${line}\n`);
    server.write(`${line}\r\n`);
  });
}

const parts = JSON.parse(process.argv[2] ?? "[]") as readonly Part[];
const listening = parts.map(
  (part) =>
    new Promise<void>((resolve, reject) => {
      const server = play(part);
      server.once("error", reject);
      server.listen(part.kind === "policies" ? HTTPS : SMTP, part.address, () => resolve());
    }),
);
await Promise.all(listening);
process.stdout.write("ready\n");
process.stdin.on("end", () => process.exit(0)).resume();
