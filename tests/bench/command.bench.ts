/** Parsing commands, paths included, in microseconds: `node tests/bench/command.bench.ts`. */
import { parseDomain } from "../../src/core/mail/domain.ts";
import { parseCommand } from "../../src/core/smtp/command.ts";

const own = parseDomain("relay.example");
if (!own.ok) throw new Error("a domain");
const lines = [
  "EHLO client.example",
  "MAIL FROM:<sender.name@client.example>",
  "MAIL FROM:<sender.name@client.example> BODY=8BITMIME SIZE=4096 RET=HDRS ENVID=abc",
  "RCPT TO:<user@outside.example>",
  "RCPT TO:<user@outside.example> NOTIFY=FAILURE ORCPT=rfc822;user@outside.example",
  "BDAT 4096 LAST",
  "NOOP",
];
const ROUNDS = 200_000;

for (const line of lines) {
  let best = Infinity;
  for (let run = 0; run < 5; run++) {
    const begun = process.hrtime.bigint();
    for (let i = 0; i < ROUNDS; i++) parseCommand(line, own.value);
    best = Math.min(best, Number(process.hrtime.bigint() - begun) / 1_000 / ROUNDS);
  }
  process.stdout.write(`${best.toFixed(3).padStart(8)} µs  ${line}\n`);
}
