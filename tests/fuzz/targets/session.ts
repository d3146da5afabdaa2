import assert from "node:assert/strict";
import { formatMailbox } from "../../../src/core/mail/mailbox.ts";
import type { AcceptedMessage } from "../../../src/core/queue/message.ts";
import { streamPair, turn } from "../../dialogs/scene.ts";
import { World } from "../../dialogs/world.ts";
import { assertPlain, latin1, pieces, type PlantedBug, type Target } from "../target.ts";

// A whole session with a client on no list, from its first octet to the end of the connection.

/** The relay of all cases; opened with the first one and never closed: its door is on the loopback, and it holds nothing. */
let world: Promise<World> | null = null;

async function openWorld(): Promise<World> {
  const opened = await World.open({ limits: { errorsPerSession: 1_000 } });
  opened.policy.run("CHGSMTPA ALWRLY(*BOTH)");
  opened.policy.run("ADDSMTPLE TYPE(*NEAR) HOSTNAME('partner.example')");
  await opened.listeners.close(0);
  return opened;
}

interface Arrival {
  readonly recipients: readonly string[];
  readonly sizeOctets: number;
}

/** Where mail of a stranger may go under this policy. */
const ALLOWED = /@(?:inside\.example|partner\.example|\[127\.0\.0\.1\])$/;

function sessionTarget(allowed = ALLOWED): Target {
  return {
    name: "session",
    corpus: "session",
    words: [
      ...[
        "EHLO x\r\n",
        "MAIL FROM:<s@client.example>\r\n",
        "RCPT TO:<u@inside.example>\r\n",
        "DATA\r\n",
        "\r\n.\r\n",
        "RSET\r\n",
      ],
      ...[
        "BDAT 3 LAST\r\nx\r\n",
        "BDAT 9\r\n",
        "QUIT\r\n",
        "NOOP\r\n",
        "STARTTLS\r\n",
        "AUTH PLAIN AAAA\r\n",
        "\n.\n",
        "\0",
      ],
      ...["@outside.example", "%outside.example", "@outside.example:", "!", '"', "[192.0.2.1]", " BODY=BINARYMIME"],
      ...[" SMTPUTF8", "\u3002", "\uff0e", "\r\n", "\r", "\n", "."],
    ],
    async check(input, chance) {
      world ??= openWorld();
      const relay = await world;
      const heard = await converse(relay, pieces(input, chance));
      const arrived = relay.accepted.splice(0).map(arrivalOf);
      assert.deepEqual(relay.faults, []);
      assert.ok(heard.endsWith("\r\n"), "a reply is whole");
      for (const line of heard.split("\r\n").slice(0, -1)) checkLine(line, /SMTPUTF8/i.test(latin1(input)));
      assert.equal(heard.match(/^250 2\.0\.0 .*\bQ[0-9A-Z]+/gm)?.length ?? 0, arrived.length, "250 means: it is there");
      for (const { recipients } of arrived) for (const recipient of recipients) assert.match(recipient, allowed);
      await converse(relay, [input]);
      assert.deepEqual(relay.accepted.splice(0).map(arrivalOf), arrived, "the same arrives however it is cut");
      assert.equal(relay.receiver.budget.usedOctets, 0, "nothing is held when the session is over");
    },
  };
}

function arrivalOf({ envelope, content }: AcceptedMessage): Arrival {
  const recipients = envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath));
  return { recipients, sizeOctets: content.sizeOctets };
}

/** A line of a reply (RFC 5321 §4.2); beyond ASCII only where the client said that it understands (RFC 6531 §3.7.4.2). */
function checkLine(line: string, smtpUtf8: boolean): void {
  assert.match(line, /^(?:[245]\d\d[ -]|354 )[^]*$/);
  assertPlain(line, 510);
  if (!smtpUtf8) assert.match(line, /^[\x20-\x7e]*$/);
}

async function converse(relay: World, parts: Iterable<Uint8Array>): Promise<string> {
  const [ours, theirs] = streamPair();
  let heard = "";
  ours.on("data", (octets: Buffer) => (heard += octets.toString("utf8")));
  relay.listeners.serveStream(theirs);
  while (heard === "") await turn();
  for (const part of parts) ours.write(part);
  ours.end();
  while (!ours.readableEnded || relay.listeners.sessions().length > 0) await turn();
  return heard;
}

export const sessionTargets: readonly Target[] = [sessionTarget()];

export const sessionBugs: readonly PlantedBug[] = [
  { what: "mail for a partner is not expected", target: sessionTarget(/@(?:inside\.example|\[127\.0\.0\.1\])$/) },
];
