/**
 * What a question to a name server on loopback costs this process, beside node's own resolver: `npm run bench:rooms resolver`. The
 * server is a process of its own and is not counted.
 */
import { spawn } from "node:child_process";
import { Resolver as NodeResolver } from "node:dns/promises";
import { once } from "node:events";
import type { Domain } from "../../src/core/mail/domain.ts";
import { FakeNameServer } from "../dns/fake-name-server.ts";
import { resolverAt } from "../dns/resolver-at.ts";

const QUESTIONS = 10_000;

if (process.argv[2] === "serve") {
  const server = await FakeNameServer.start();
  // Every domain has an MX.
  server.zone.get = (key) => [{ type: "MX", ttl: 60, data: { preference: 10, exchange: key.replace("MX ", "mx.") } }];
  process.stdout.write(`${server.port}\n`);
} else {
  const server = spawn(process.execPath, [import.meta.filename, "serve"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(server.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  const ours = resolverAt(port);
  const nodes = new NodeResolver();
  nodes.setServers([`127.0.0.1:${port}`]);
  for (const atOnce of [1, 20, 100]) {
    await measure(`node:dns, ${atOnce} at once`, atOnce, (name) => nodes.resolveMx(name));
    await measure(`ours, ${atOnce} at once`, atOnce, (name) => ours.mx(name as Domain));
  }
  ours.close();
  server.kill();
}

async function measure(title: string, atOnce: number, ask: (name: string) => Promise<unknown>): Promise<void> {
  let next = 0;
  const begun = performance.now();
  const before = process.cpuUsage();
  const askOn = async (): Promise<void> => {
    while (next < QUESTIONS) await ask(`d${next++}.${title.replaceAll(/\W/g, "")}.example`);
  };
  await Promise.all(Array.from({ length: atOnce }, askOn));
  const { user, system } = process.cpuUsage(before);
  const rate = QUESTIONS / ((performance.now() - begun) / 1_000);
  console.log(
    `${title}: ${Math.round(rate)} questions/s, ${Math.round((user + system) / QUESTIONS)} µs of processor each`,
  );
}
