/** Dot stuffing of content with no dot lines, with some, and with nothing else. */
import { DotStuffing } from "../../src/core/mail/dot-stuffing.ts";

const plain = Buffer.from(`${"x".repeat(70)}\r\n`.repeat(910));
const some = Buffer.from((`${"x".repeat(70)}\r\n`.repeat(99) + ".dot\r\n").repeat(9));
const dots = Buffer.from(".\r\n".repeat(21_845));

function run(name: string, content: Uint8Array, count: number): void {
  for (let round = 0; round < 2; round++) {
    const begun = performance.now();
    for (let i = 0; i < count; i++) {
      const out: Uint8Array[] = [];
      new DotStuffing().push(content, out);
    }
    const ms = performance.now() - begun;
    const rate = (content.length * count) / ms / 1e3;
    if (round === 1) console.log(`${name.padEnd(20)} ${rate.toFixed(0)} MB/s`);
  }
}

run("no dot lines", plain, 2_000);
run("a dot in 100 lines", some, 2_000);
run("dots alone", dots, 500);
