/** The relaxed canonicalisation of a body: usual text, base64, white space and empty lines without end. */
import { RelaxedBody } from "../../src/core/dkim/canonical-body.ts";

function run(name: string, content: Uint8Array, count: number): void {
  for (let round = 0; round < 2; round++) {
    const begun = performance.now();
    let octets = 0;
    for (let i = 0; i < count; i++) {
      const body = new RelaxedBody((piece) => {
        octets += piece.length;
      });
      body.push(content);
      body.end();
    }
    const ms = performance.now() - begun;
    const nanos = (1e6 * ms) / (content.length * count);
    if (round === 1)
      console.log(`${name.padEnd(20)} ${nanos.toFixed(1)} ns an octet (${octets / count} of ${content.length})`);
  }
}

run("words", Buffer.from("the quick brown fox jumps over the lazy dog\r\n".repeat(1_456)), 300);
run("base64", Buffer.from(`${"x".repeat(76)}\r\n`.repeat(840)), 300);
run("white space", Buffer.from(" \t".repeat(32_768)), 300);
run("empty lines", Buffer.from(`${"\r\n".repeat(32_767)}x`), 300);
