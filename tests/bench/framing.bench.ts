/** Cutting octets into command lines and content, in microseconds: `node tests/bench/framing.bench.ts`. */
import { ContentFraming, LineFraming } from "../../src/core/smtp/framing.ts";

const lines = [
  "EHLO client.example",
  "MAIL FROM:<sender@client.example> SIZE=4096",
  "RCPT TO:<user@outside.example>",
  "DATA",
];
const commands = Buffer.from(lines.map((line) => `${line}\r\n`).join(""));
const message = (octets: number): Buffer => {
  const line = `${"x".repeat(76)}\r\n`;
  return Buffer.from(`${line.repeat(Math.ceil(octets / line.length))}.\r\n`);
};
const dotted = Buffer.from(`${`..${"x".repeat(74)}\r\n`.repeat(53)}.\r\n`);

function measure(name: string, rounds: number, budgetMicros: number, once: () => void): void {
  for (let i = 0; i < rounds / 4; i++) once();
  let best = Infinity;
  for (let run = 0; run < 5; run++) {
    const begun = process.hrtime.bigint();
    for (let i = 0; i < rounds; i++) once();
    best = Math.min(best, Number(process.hrtime.bigint() - begun) / 1_000 / rounds);
  }
  const verdict = best <= budgetMicros ? "" : `  over the budget of ${budgetMicros}`;
  process.stdout.write(`${name.padEnd(36)} ${best.toFixed(3).padStart(8)} µs${verdict}\n`);
}

const framing = new LineFraming();
measure("four command lines", 100_000, 1.2, () => {
  for (let at = 0; at < commands.length;) at = framing.read(commands, at, 2_048, false);
});

const content = new ContentFraming(1_048_576);
const read = (octets: Uint8Array): void => {
  content.reset();
  content.readData(octets, 0);
  content.take();
};
const small = message(4_096);
const large = message(65_536);
measure("content of 4 KiB", 50_000, 3, () => read(small));
measure("content of 64 KiB", 5_000, 40, () => read(large));
measure("content of 4 KiB, every line stuffed", 20_000, 20, () => read(dotted));
measure("content of 4 KiB in a BDAT chunk", 50_000, 3, () => {
  content.reset();
  content.readChunk(small, 0, small.length);
  content.take();
});
