/** AUTH towards a next hop: each mechanism as its RFC writes it, and what becomes of refusals, of old tokens and of hostile answers. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { makeSelfSigned } from "../../src/adapters/tls/self-signed.ts";
import { err, ok } from "../../src/core/base/result.ts";
import { DAY_MS } from "../../src/core/base/time.ts";
import type { AccessTokens, NextHop, NextHopCredentials } from "../../src/flows/ports.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { hop, mail, transport, words, VERIFY } from "./sending.ts";

const now = Date.now();
const pair = makeSelfSigned("mx.example", now - DAY_MS, now + DAY_MS);
const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

const PASSWORD: NextHopCredentials = { kind: "password", user: "relay", password: "sésame" };
const TOKEN: NextHopCredentials = { kind: "token", user: "relay@example.com", account: "m365" };

/** The tokens in turn: each refusal leads to the next, the last one stays. */
class Tokens implements AccessTokens {
  readonly refusals: string[] = [];
  readonly #tokens: string[];

  constructor(...tokens: string[]) {
    this.#tokens = tokens;
  }

  async tokenFor(account: string): ReturnType<AccessTokens["tokenFor"]> {
    assert.equal(account, "m365");
    return this.#tokens[0] === undefined ? err("m365: invalid_client, the secret is wrong") : ok(this.#tokens[0]);
  }

  refused(_account: string, token: string): void {
    this.refusals.push(token);
    if (this.#tokens.length > 1) this.#tokens.shift();
  }
}

interface Case {
  readonly what: string;
  readonly offer: string;
  readonly credentials: NextHopCredentials;
  readonly tokens?: Tokens;
  /** What the client says and is answered, from AUTH on. */
  readonly dialogue: readonly (readonly [line: string | RegExp, answer: string])[];
  /** Part of what is told; "" where the message is delivered. */
  readonly told?: string | RegExp;
  readonly untold?: readonly string[];
}

/** The server's end of a case, and what came of the message. */
async function run(one: Case, given: Partial<NextHop> = {}): Promise<string> {
  const server = await ScriptedServer.start(async (client) => {
    client.send("220 mx.example ESMTP\r\n");
    await client.expect("EHLO", "250-mx.example\r\n250 STARTTLS\r\n");
    await client.expect("STARTTLS", "220 Go\r\n");
    await client.startTls({ cert: pair.certificate, key: pair.key });
    await client.expect("EHLO", `250-mx.example\r\n250-${one.offer}\r\n250 8BITMIME\r\n`);
    for (const [line, answer] of one.dialogue) {
      const said = await client.line();
      if (typeof line === "string") assert.equal(said, line, one.what);
      else assert.match(said, line, one.what);
      if (answer === "") client.cut();
      else client.send(`${answer.replaceAll("<PORT>", String(server.port))}\r\n`);
    }
    if (one.told === undefined) {
      await client.expect("MAIL", "250 Ok\r\n");
      await client.expect("RCPT", "250 Ok\r\n");
      await client.expect("DATA", "354 Go\r\n");
      await client.data();
      client.send("250 Taken\r\n");
    } else assert.equal(await client.line(), "", one.what);
  });
  const sender = transport({ ca: pair.certificate, ...(one.tokens ? { tokens: one.tokens } : {}) });
  const { credentials } = one;
  const said = words(await sender.send(hop(server.port, { tls: VERIFY, credentials, ...given }), mail("x\r\n")));
  await sender.close(0);
  await server.close();
  return said.join(" ");
}

const XOAUTH2 = base64("user=relay@example.com\x01auth=Bearer ya29.token\x01\x01");
const XOAUTH2_NEW = base64("user=relay@example.com\x01auth=Bearer ya29.new\x01\x01");
const LONG_TOKEN = `ey${"J0eXAi".repeat(300)}`;
const REFUSED = base64('{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}');
/** As Microsoft answers. */
const UNSUCCESSFUL = "535 5.7.3 Authentication unsuccessful [AM0PR04CA0001.eurprd04.prod.outlook.com]";
const DISABLED =
  "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.";
const WELCOME = "235 2.7.0 Accepted";

const CASES: readonly Case[] = [
  {
    what: "PLAIN before the others",
    offer: "AUTH CRAM-MD5 LOGIN PLAIN XOAUTH2",
    credentials: PASSWORD,
    dialogue: [[`AUTH PLAIN ${base64("\0relay\0sésame")}`, WELCOME]],
  },
  {
    what: "LOGIN",
    offer: "AUTH=LOGIN CRAM-MD5",
    credentials: PASSWORD,
    dialogue: [
      ["AUTH LOGIN", "334 VXNlcm5hbWU6"],
      [base64("relay"), "334 UGFzc3dvcmQ6"],
      [base64("sésame"), WELCOME],
    ],
  },
  {
    what: "LOGIN, which the *HOSTAUTH entry says, before PLAIN",
    offer: "AUTH CRAM-MD5 LOGIN PLAIN",
    credentials: { ...PASSWORD, method: "login" },
    dialogue: [
      ["AUTH LOGIN", "334 VXNlcm5hbWU6"],
      [base64("relay"), "334 UGFzc3dvcmQ6"],
      [base64("sésame"), WELCOME],
    ],
  },
  {
    what: "CRAM-MD5, with the example of RFC 2195",
    offer: "AUTH CRAM-MD5",
    credentials: { kind: "password", user: "tim", password: "tanstaaftanstaaf" },
    dialogue: [
      ["AUTH CRAM-MD5", "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"],
      ["dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", WELCOME],
    ],
  },
  {
    what: "a challenge that is no base64",
    offer: "AUTH CRAM-MD5",
    credentials: PASSWORD,
    dialogue: [["AUTH CRAM-MD5", "334 <not base64>"]],
    told: "sent a challenge that is no base64 for AUTH CRAM-MD5",
  },
  {
    what: "a challenge of 60 KiB",
    offer: "AUTH CRAM-MD5",
    credentials: PASSWORD,
    dialogue: [
      ["AUTH CRAM-MD5", `334 ${base64("x".repeat(45_000))}`],
      [base64(`relay ${createHmac("md5", "sésame").update("x".repeat(45_000)).digest("hex")}`), WELCOME],
    ],
  },
  {
    what: "an endless challenge",
    offer: "AUTH CRAM-MD5",
    credentials: PASSWORD,
    dialogue: [["AUTH CRAM-MD5", `334 ${"A".repeat(70_000)}`]],
    told: "sent no SMTP reply (reply-too-long)",
  },
  {
    what: "a wrong password, which is said back",
    offer: "AUTH PLAIN",
    credentials: { kind: "password", user: "relay", password: "back\\slash" },
    dialogue: [[/^AUTH PLAIN /, `535 5.7.8 back\\slash is wrong, ${base64("\0relay\0back\\slash")} too, ä`]],
    told: "451 4.7.8 mx.example [127.0.0.1] answered AUTH PLAIN with: 535 5.7.8 *** is wrong, *** too, ",
    untold: ["slash"],
  },
  {
    what: "an error that passes",
    offer: "AUTH PLAIN",
    credentials: PASSWORD,
    dialogue: [[/^AUTH PLAIN /, "454 4.7.0 Temporary authentication failure"]],
    told: "ROUTE 451 4.7.0 mx.example [127.0.0.1] answered AUTH PLAIN with: 454 4.7.0 Temporary",
  },
  {
    what: "control characters of a stranger",
    offer: "AUTH PLAIN",
    credentials: PASSWORD,
    dialogue: [[/^AUTH PLAIN /, "535 5.7.8 \x1b[2Jgone"]],
    told: "535 5.7.8 \\x1B[2Jgone",
  },
  {
    what: "nothing that fits",
    offer: "AUTH GSSAPI NTLM",
    credentials: PASSWORD,
    dialogue: [],
    told: "offers AUTH GSSAPI NTLM and not AUTH PLAIN, AUTH LOGIN, AUTH CRAM-MD5",
  },
  {
    what: "a token where only passwords are taken",
    offer: "AUTH PLAIN LOGIN",
    credentials: TOKEN,
    tokens: new Tokens("ya29.token"),
    dialogue: [],
    told: "offers AUTH PLAIN LOGIN and not AUTH OAUTHBEARER, AUTH XOAUTH2",
  },
  {
    what: "no AUTH",
    offer: "PIPELINING",
    credentials: PASSWORD,
    dialogue: [],
    told: "offers no AUTH and not AUTH PLAIN",
  },
  {
    what: "XOAUTH2",
    offer: "AUTH LOGIN XOAUTH2",
    credentials: TOKEN,
    tokens: new Tokens("ya29.token"),
    dialogue: [[`AUTH XOAUTH2 ${XOAUTH2}`, WELCOME]],
  },
  {
    what: "a token too long for a command goes behind the challenge",
    offer: "AUTH XOAUTH2",
    credentials: TOKEN,
    tokens: new Tokens(LONG_TOKEN),
    dialogue: [
      ["AUTH XOAUTH2", "334 "],
      [base64(`user=relay@example.com\x01auth=Bearer ${LONG_TOKEN}\x01\x01`), WELCOME],
    ],
  },
  {
    what: "a token too long for any line",
    offer: "AUTH XOAUTH2",
    credentials: TOKEN,
    tokens: new Tokens("x".repeat(10_000)),
    dialogue: [],
    told: "would need too long a line for AUTH XOAUTH2",
  },
  {
    what: "XOAUTH2 with an old token: its reasons are answered, another one is fetched",
    offer: "AUTH XOAUTH2",
    credentials: TOKEN,
    tokens: new Tokens("ya29.token", "ya29.new"),
    dialogue: [
      [`AUTH XOAUTH2 ${XOAUTH2}`, `334 ${REFUSED}`],
      [
        "",
        "535-5.7.8 Username and Password not accepted.\r\n535 5.7.8 https://support.google.com/mail/?p=BadCredentials",
      ],
      [`AUTH XOAUTH2 ${XOAUTH2_NEW}`, WELCOME],
    ],
  },
  {
    what: "refused by Microsoft, and again with another token",
    offer: "AUTH LOGIN XOAUTH2",
    credentials: TOKEN,
    tokens: new Tokens("ya29.token", "ya29.new"),
    dialogue: [
      [`AUTH XOAUTH2 ${XOAUTH2}`, UNSUCCESSFUL],
      [`AUTH XOAUTH2 ${XOAUTH2_NEW}`, DISABLED],
    ],
    told: `ROUTE 451 4.7.8 mx.example [127.0.0.1] answered AUTH XOAUTH2 with: ${DISABLED}`,
  },
  {
    what: "there is no other token",
    offer: "AUTH XOAUTH2",
    credentials: TOKEN,
    tokens: new Tokens("ya29.token"),
    dialogue: [
      [`AUTH XOAUTH2 ${XOAUTH2}`, `334 ${REFUSED}`],
      ["", "535 5.7.8 ya29.token? No."],
    ],
    told: "535 5.7.8 ***? No. (status 401, scope https://mail.google.com/)",
    untold: ["ya29"],
  },
  {
    what: "the connection is closed upon a refusal: the token is fetched anew all the same",
    offer: "AUTH XOAUTH2",
    credentials: TOKEN,
    tokens: new Tokens("ya29.token", "ya29.new"),
    dialogue: [
      [`AUTH XOAUTH2 ${XOAUTH2}`, UNSUCCESSFUL],
      [`AUTH XOAUTH2 ${XOAUTH2_NEW}`, ""],
    ],
    told: "mx.example [127.0.0.1] closed the connection",
  },
  {
    what: "no token to be had",
    offer: "AUTH XOAUTH2",
    credentials: TOKEN,
    tokens: new Tokens(),
    dialogue: [],
    told: "ROUTE 451 4.7.0 m365: invalid_client, the secret is wrong",
  },
  {
    what: "OAUTHBEARER before XOAUTH2, the name escaped",
    offer: "AUTH XOAUTH2 OAUTHBEARER",
    credentials: { kind: "token", user: "a=b,c@example.com", account: "m365" },
    tokens: new Tokens("ya29.token"),
    dialogue: [[/^AUTH OAUTHBEARER [A-Za-z0-9+/=]+$/, WELCOME]],
  },
  {
    what: "OAUTHBEARER refused: %x01 ends it",
    offer: "AUTH OAUTHBEARER",
    credentials: TOKEN,
    tokens: new Tokens("ya29.token"),
    dialogue: [
      [
        /^AUTH OAUTHBEARER /,
        `334 ${base64('{"status":"invalid_token","scope":"smtp\\u001b[2J","openid-configuration":"x"}')}`,
      ],
      ["AQ==", "535 5.7.8 Bad"],
    ],
    told: "535 5.7.8 Bad (status invalid_token, scope smtp\\x1B[2J)",
  },
  {
    what: "reasons that are none",
    offer: "AUTH XOAUTH2",
    credentials: TOKEN,
    tokens: new Tokens("ya29.token"),
    dialogue: [
      [`AUTH XOAUTH2 ${XOAUTH2}`, `334 ${base64("[1,2")}`],
      ["", "535 5.7.8 Bad"],
    ],
    told: /: 535 5\.7\.8 Bad$/,
  },
];

describe("AUTH to the next hop", { concurrency: true }, () => {
  for (const one of CASES) {
    test(one.what, async () => {
      const said = await run(one);
      if (one.told === undefined) assert.equal(said, "250 Taken");
      else if (typeof one.told === "string") assert.ok(said.includes(one.told), said);
      else assert.match(said, one.told);
      for (const secret of one.untold ?? []) assert.ok(!said.includes(secret), said);
    });
  }
});

test("a token that was refused is given back once", async () => {
  const tokens = new Tokens("ya29.token", "ya29.new", "ya29.third");
  const dialogue: Case["dialogue"] = [
    [`AUTH XOAUTH2 ${XOAUTH2}`, UNSUCCESSFUL],
    [`AUTH XOAUTH2 ${XOAUTH2_NEW}`, UNSUCCESSFUL],
  ];
  await run({ what: "twice", offer: "AUTH XOAUTH2", credentials: TOKEN, tokens, dialogue, told: "" });
  assert.deepEqual(tokens.refusals, ["ya29.token"]);
});

test("a secret that is said back is not shown, during AUTH and after it", async () => {
  const server = await ScriptedServer.start(async (client) => {
    client.send("220 mx.example ESMTP\r\n");
    await client.expect("EHLO", "250-mx.example\r\n250 STARTTLS\r\n");
    await client.expect("STARTTLS", "220 Go\r\n");
    await client.startTls({ cert: pair.certificate, key: pair.key });
    await client.expect("EHLO", "250-mx.example\r\n250 AUTH PLAIN\r\n");
    await client.expect("AUTH PLAIN", "235 Welcome\r\n");
    await client.expect("MAIL", `550 5.7.1 not with geheim, nor ${base64("\0relay\0geheim")}\r\n`);
  });
  const sender = transport({ ca: pair.certificate });
  const credentials: NextHopCredentials = { kind: "password", user: "relay", password: "geheim" };
  const said = words(await sender.send(hop(server.port, { credentials }), mail("x\r\n"))).join(" ");
  assert.match(said, /550 5\.7\.1 not with \*\*\*, nor \*\*\*/);
  await sender.close(0);
  await server.close();
});

test("a route may name the mechanism, or none", async () => {
  const offer = "AUTH PLAIN LOGIN CRAM-MD5";
  const login = "334 VXNlcm5hbWU6";
  const dialogue: Case["dialogue"] = [
    ["AUTH LOGIN", login],
    [base64("relay"), login],
    [base64("sésame"), WELCOME],
  ];
  const named: Case = { what: "login", offer, credentials: PASSWORD, dialogue };
  assert.equal(await run(named, { auth: "login" }), "250 Taken");
  assert.equal(await run({ ...named, dialogue: [] }, { auth: "none" }), "250 Taken");
  const told = await run({ ...named, dialogue: [], told: "" }, { auth: "xoauth2" });
  assert.match(told, /offers AUTH PLAIN LOGIN CRAM-MD5 and not AUTH XOAUTH2$/);
});
