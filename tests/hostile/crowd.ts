/** Many hostile clients in a process of their own: `crowd.ts PORT CLIENTS ADDRESSES`. Ends with its standard input. */
import net from "node:net";

const [port = 0, clients = 0, addresses = 1] = process.argv.slice(2).map(Number);

/** What a client does once it is greeted, or before; those that are cut come back. */
const WAYS: readonly ((socket: net.Socket, say: (text: string) => void) => void)[] = [
  // Says nothing.
  () => undefined,
  // Drips a command.
  (_socket, say) => say("N"),
  // Drips a message.
  (_socket, say) => say("HELO c\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<u@inside.example>\r\n"),
  // Junk.
  (_socket, say) => say("JUNK\r\n".repeat(5)),
  // Tries to relay.
  (_socket, say) => say("MAIL FROM:<a@c.example>\r\nRCPT TO:<v@outside.example>\r\nRSET\r\n"),
  // Comes and goes.
  (socket) => socket.resetAndDestroy(),
];

/** Each comes back so often at most, and drips as often: the crowd costs the relay, not the machine that measures. */
const PACE_MS = 4_000;

function come(index: number): void {
  const host = index % addresses;
  const localAddress = `127.1.${host >> 8}.${host & 255}`;
  const socket = net.connect({ port, host: "127.0.0.1", localAddress });
  const say = (text: string): void => void (socket.writable && socket.write(text));
  const way = WAYS[index % WAYS.length];
  let drip: NodeJS.Timeout | undefined;
  socket.on("data", () => undefined);
  socket.on("error", () => undefined);
  socket.on("connect", () => {
    way?.(socket, say);
    drip = setInterval(() => way?.(socket, say), PACE_MS);
  });
  socket.on("close", () => {
    clearInterval(drip);
    setTimeout(() => come(index), PACE_MS * (0.5 + (index % 100) / 100));
  });
}

for (let i = 0; i < clients; i++) setTimeout(() => come(i), (i * 1_500) / clients);
setTimeout(() => process.stdout.write("there\n"), 2_500);
process.stdin.on("end", () => process.exit()).resume();
