import { once } from "node:events";
import net from "node:net";
import { formatMailbox } from "../../src/core/mail/mailbox.ts";
import { World } from "../dialogs/world.ts";
import { startPostfix } from "../peers/postfix.ts";
import { eventually } from "../peers/programs.ts";
import { Sink } from "../peers/sink.ts";
import { ScriptedServer, type Client } from "../smtp-client/scripted-server.ts";

/** A server that is asked what it makes of octets, to compare it with others. */
export interface Oracle extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** The recipient of the message, taken before, whose content has this marker: as it would be sent on. */
  recipientOf(marker: string): Promise<string>;
}

/** This relay, with an open policy: what is compared is what it understands, not what it allows. */
export async function ourselves(): Promise<Oracle> {
  const world = await World.open({ limits: { errorsPerSession: 1_000_000 } });
  world.policy.run("CHGSMTPA ALWRLY(*ALL) PCTRTGCHR(*NO)");
  world.policy.run("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')");
  return {
    name: "here",
    port: world.port,
    async recipientOf(marker) {
      for (const message of world.accepted)
        if ((await world.contentOf(message)).startsWith(`${marker}\r\n`))
          return message.envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath)).join(" & ");
      throw new Error(`${marker} was not taken`);
    },
    [Symbol.asyncDispose]: async () => await world.close(),
  };
}

export async function smtpServer(): Promise<Oracle> {
  const sink = await Sink.start();
  return {
    name: "smtp-server",
    port: sink.port,
    async recipientOf(marker) {
      const { recipients } = await sink.message(({ content }) => content.includes(`${marker}\r\n`), 20_000);
      return recipients.map(({ address }) => address).join(" & ");
    },
    [Symbol.asyncDispose]: async () => await sink.stop(),
  };
}

/** Debian's Postfix with the grammar of RFC 821, and as lenient about line ends as it was before 2024. */
export async function postfix(): Promise<Oracle> {
  const taken = new Map<string, string>();
  const sink = await ScriptedServer.start(async (client) => await sayYes(client, taken));
  const server = await startPostfix({
    relayhost: `[127.0.0.1]:${sink.port}`,
    main: {
      strict_rfc821_envelopes: "yes",
      smtpd_forbid_bare_newline: "no",
      smtpd_forbid_unauth_pipelining: "no",
      smtpd_error_sleep_time: "0",
      smtpd_hard_error_limit: "1000000",
      smtpd_soft_error_limit: "1000000",
      smtpd_junk_command_limit: "1000000",
    },
  });
  return {
    name: "Postfix",
    port: server.port,
    recipientOf: async (marker) =>
      await eventually(() => {
        const recipient = taken.get(marker);
        if (recipient === undefined) throw new Error(`${marker} did not come`);
        return recipient;
      }, 20_000),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await sink.close();
    },
  };
}

/** A next hop that takes everything, and keeps the recipient of each message by its marker. */
async function sayYes(client: Client, taken: Map<string, string>): Promise<void> {
  client.send("220 yes.test\r\n");
  let recipient = "";
  for (let line = await client.line(); line !== ""; line = await client.line()) {
    if (line.startsWith("RCPT TO:<")) recipient = line.slice("RCPT TO:<".length, line.lastIndexOf(">"));
    if (line === "DATA") {
      client.send("354 Go\r\n");
      const marker = /^X-Case: \d+;/m.exec(await client.data())?.[0];
      if (marker !== undefined) taken.set(marker, recipient);
    }
    client.send(line === "QUIT" ? "221 Bye\r\n" : "250 Ok\r\n");
  }
}

/** Says all of it in one session, a piece behind each answer, and gives the codes of all answers; `end` where the server closes first. */
export async function codesOf(port: number, said: readonly Uint8Array[]): Promise<string[]> {
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
  let heard = "";
  let closed = false;
  let wake = (): void => undefined;
  socket.on("data", (octets: Buffer) => {
    heard += octets.toString("latin1");
    wake();
  });
  for (const event of ["end", "error", "close"])
    socket.on(event, () => {
      closed = true;
      wake();
    });
  await once(socket, "connect");
  const replies = (): string[] => [...heard.matchAll(/^(\d{3}) [^\r\n]*\r\n/gm)].map(([, code = ""]) => code);
  const heardUntil = async (done: () => boolean): Promise<void> => {
    while (!done() && !closed) await new Promise<void>((resolve) => (wake = resolve));
  };
  await heardUntil(() => replies().length > 0);
  for (const piece of said) {
    const before = replies().length;
    socket.write(piece);
    await heardUntil(() => replies().length > before);
  }
  await heardUntil(() => replies().at(-1) === "221" || replies().at(-1) === "421");
  socket.destroy();
  const codes = replies().slice(1);
  return closed && codes.at(-1) !== "221" && codes.at(-1) !== "421" ? [...codes, "end"] : codes;
}
