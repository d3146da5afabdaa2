/** Replies of a pipelining server as they come: three in one segment, then the last one. */
import { ReplyReader } from "../../src/core/smtp/reply-reader.ts";

const reader = new ReplyReader();
const envelope = "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n";
const taken = "250 2.0.0 Ok: queued as 4XyZ1234567\r\n";

function run(count: number): number {
  let replies = 0;
  const begun = performance.now();
  for (let i = 0; i < count; i++) {
    reader.push(envelope);
    while (reader.next() !== null) replies++;
    reader.push(taken);
    while (reader.next() !== null) replies++;
  }
  return ((performance.now() - begun) / replies) * 1e6;
}

run(200_000);
console.log(`one reply   ${run(1_000_000).toFixed(0)} ns`);
