/** Loaded before the program: it dies like one whose memory was overwritten, as soon as it sends content with the pill in it. */
import net from "node:net";

const { write } = net.Socket.prototype;
net.Socket.prototype.write = function (chunk, ...rest) {
  if (chunk instanceof Uint8Array && Buffer.from(chunk).includes("poison pill")) process.kill(process.pid, "SIGKILL");
  return write.call(this, chunk, ...rest);
};
