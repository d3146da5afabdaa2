import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { GraphTransport } from "../../src/adapters/graph/transport.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { makeSelfSigned } from "../../src/adapters/tls/self-signed.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/base/limits.ts";
import { err, ok } from "../../src/core/base/result.ts";
import { describeReply } from "../../src/core/mail/reply.ts";
import { DAY_MS } from "../../src/core/base/time.ts";
import type { NextHop, OutgoingMessage } from "../../src/flows/ports.ts";
import { hop, mail, mailbox, serverAt, words } from "../smtp-client/sending.ts";
import { fail, FakeGraph } from "./fake-graph.ts";

const NOW = new WallClock().now();
const CERTIFICATE = makeSelfSigned("graph.example", NOW - DAY_MS, NOW + DAY_MS);
const SENDER = "relay@example.com";

let graph: FakeGraph;
let port: number;
let transports: GraphTransport[];
/** Tokens that the account gives, one after the other; the last one stays. */
let given: string[];

beforeEach(async () => {
  graph = new FakeGraph(CERTIFICATE);
  port = await graph.listen();
  transports = [];
  given = ["T1"];
  graph.tokens.add("T1");
  graph.mailboxes.add(SENDER);
});

afterEach(async () => {
  for (const one of transports) await one.close(0);
  await graph.close();
});

function transport(limits: Partial<Limits> = {}, ca: string = CERTIFICATE.certificate): GraphTransport {
  const made = new GraphTransport({
    limits: { ...DEFAULT_LIMITS, ...limits },
    clock: new WallClock(),
    tokens: {
      tokenFor: async (account) => (given[0] === undefined ? err(`account ${account}: invalid_grant`) : ok(given[0])),
      refused: (_account, token) => {
        if (given.length > 1 && given[0] === token) given.shift();
      },
    },
    readFile: async function* () {
      yield Buffer.from("Subject: file\r\n");
      yield Buffer.from("\r\nfrom a file\r\n");
    },
    ca,
  });
  transports.push(made);
  return made;
}

function graphHop(rest: Parameters<typeof hop>[1] = {}): NextHop {
  return hop(port, {
    servers: [serverAt("graph.example", port, { isImplicit: true })],
    transport: "graph",
    credentials: { kind: "token", user: SENDER, account: "CONTOSO" },
    ...rest,
  });
}

function letter(text: string, recipients: readonly string[]): OutgoingMessage {
  return mail(text, recipients, { reversePath: mailbox(SENDER) });
}

describe("mail by Graph", () => {
  test("goes to the recipients of the envelope: who is hidden gets it, who goes another way does not", async () => {
    const text = "Subject: x\r\nTo: Ann <ann@a.example>, bob@b.example\r\n\r\nHello\r\n";
    const result = await transport().send(graphHop(), letter(text, ["ann@a.example", "carl@c.example"]));
    assert.deepEqual(
      words(result),
      Array(2).fill("250 2.0.0 Microsoft Graph accepted it (request 11111111-2222-3333-4444-555555555555)"),
    );
    assert.match(result.server, /^graph\.example \[127\.0\.0\.1\]$/);
    assert.match(result.tls, /^TLSv1\.3 \S+ verified$/);
    const [delivery] = graph.deliveries;
    assert.deepEqual(delivery?.recipients, ["ann@a.example", "carl@c.example"]);
    assert.equal(delivery?.sender, SENDER);
    assert.match(
      delivery?.mime ?? "",
      /^Subject: x\r\nTo: <ann@a\.example>\r\nX-Original-To: Ann .*\r\n\r\nHello\r\n$/,
    );
    assert.doesNotMatch(delivery?.mime ?? "", /carl/);
  });

  test("content of a file, behind the header that takes the place of another", async () => {
    const message = letter("", ["ann@a.example"]);
    const front = Buffer.from("Subject: other\r\n");
    const content = { kind: "file", name: "f", sizeOctets: 30, dotLines: false } as const;
    await transport().send(graphHop(), { ...message, front, skipOctets: "Subject: file\r\n".length, content });
    assert.equal(graph.deliveries[0]?.mime, "Subject: other\r\n\r\nfrom a file\r\n");
  });

  test("more recipients than Graph takes go in several requests, each to its own", async () => {
    const recipients = ["a@a.example", "b@a.example", "c@a.example"];
    const result = await transport({ graphRecipients: 2 }).send(
      graphHop(),
      letter("To: c@a.example\r\n\r\nx", recipients),
    );
    assert.deepEqual(
      graph.deliveries.map((one) => one.recipients),
      [["a@a.example", "b@a.example"], ["c@a.example"]],
    );
    assert.equal(result.replies.length, 3);
  });

  test("a token that ran out is fetched anew, once, and stands in no reply", async () => {
    given = ["OLD", "T1"];
    assert.match(words(await transport().send(graphHop(), letter("\r\nx", ["a@a.example"])))[0] ?? "", /^250 /);
    assert.equal(graph.requests, 2);
    given = ["SECRET1", "SECRET2"];
    const refused = await transport().send(graphHop(), letter("\r\nx", ["a@a.example"]));
    assert.match(
      words(refused).join(" "),
      /^ROUTE 451 4\.7\.8 Microsoft Graph answered 401 InvalidAuthenticationToken: .* the token \*\*\* is expired/,
    );
    assert.doesNotMatch(words(refused).join(" "), /SECRET/);
    assert.equal(graph.requests, 4);
  });

  test("a connection is kept, and replaced where it turned out to be dead", async () => {
    const one = transport();
    await one.send(graphHop(), letter("\r\n1", ["a@a.example"]));
    assert.equal(one.connections(), 1);
    graph.moods.push((request) => request.socket.destroy());
    assert.match(words(await one.send(graphHop(), letter("\r\n2", ["a@a.example"])))[0] ?? "", /^250 /);
    assert.equal(graph.deliveries.length, 2);
  });

  test("an answer that got lost is no answer: the message may be there", async () => {
    const one = transport();
    graph.moods.push((request) => request.socket.destroy());
    const result = await one.send(graphHop(), letter("\r\nx", ["a@a.example"]));
    assert.match(words(result)[0] ?? "", /^451 4\.4\.2 graph\.example .*, after the message was sent$/);
  });

  test("Graph that says nothing is not waited for longer than allowed", async () => {
    graph.moods.push(() => {});
    const result = await transport({ graphTimeoutMs: 200 }).send(graphHop(), letter("\r\nx", ["a@a.example"]));
    assert.match(words(result)[0] ?? "", /^451 4\.4\.2 .*no answer in time, after the message was sent$/);
  });

  test("an endless answer is cut, its status counts", async () => {
    graph.moods.push((_request, response) => {
      response.writeHead(503);
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
      };
      response.on("drain", more);
      more();
    });
    const result = await transport().send(graphHop(), letter("\r\nx", ["a@a.example"]));
    assert.deepEqual(words(result), ["ROUTE", "451 4.3.2 Microsoft Graph answered 503"]);
  });

  test("the next address is tried where one cannot be reached", async () => {
    const dead = serverAt("graph.example", 1, { isImplicit: true });
    const live = serverAt("graph.example", port, { isImplicit: true });
    const result = await transport().send(graphHop({ servers: [dead, live] }), letter("\r\nx", ["a@a.example"]));
    assert.match(words(result)[0] ?? "", /^250 /);
    const none = await transport().send(graphHop({ servers: [dead] }), letter("\r\nx", ["a@a.example"]));
    assert.match(words(none).join(" "), /^ROUTE 451 4\.4\.1 Connecting to graph\.example .*ECONNREFUSED/);
  });

  test("nothing is said to who has no certificate for the name", async () => {
    const other = makeSelfSigned("graph.example", NOW - DAY_MS, NOW + DAY_MS);
    const result = await transport({}, other.certificate).send(graphHop(), letter("\r\nx", ["a@a.example"]));
    assert.match(words(result).join(" "), /^ROUTE 451 4\.4\.1 Connecting to .*self-signed certificate/);
    assert.equal(graph.requests, 0);
  });

  test("what Graph cannot do is said without asking it", async () => {
    const one = transport({ graphMessageOctets: 10 });
    const tooLarge = await one.send(graphHop(), letter("\r\n0123456789", ["a@a.example"]));
    assert.deepEqual(words(tooLarge), ["554 5.3.4 Microsoft Graph takes messages up to 10 octets; this one has 12"]);
    const report = await one.send(graphHop(), mail("\r\nx", ["a@a.example"], { reversePath: null }));
    assert.match(words(report)[0] ?? "", /^554 5\.1\.7 .* null reverse-path$/);
    const poor = await one.send(graphHop({ credentials: null, route: "M365" }), letter("\r\nx", ["a@a.example"]));
    assert.deepEqual(words(poor), ["ROUTE", "451 4.7.0 Route M365 has no OAuth account"]);
    given = [];
    const revoked = await one.send(graphHop(), letter("\r\nx", ["a@a.example"]));
    assert.deepEqual(words(revoked), ["ROUTE", "451 4.7.0 account CONTOSO: invalid_grant"]);
    assert.equal(graph.requests, 0);
  });

  test("what is asked for at the end of the relay is not begun", async () => {
    const one = transport();
    await one.close(0);
    assert.deepEqual(words(await one.send(graphHop(), letter("\r\nx", ["a@a.example"]))), [
      "ROUTE",
      "451 4.3.2 The relay is shutting down",
    ]);
  });
});

test("a walk to Graph hands in what is no message, and ends at a refusal", async () => {
  const walk = async (): Promise<string[]> => {
    const steps = await transport().probe(graphHop(), mailbox(SENDER));
    return steps.map(
      ({ name, words: said, reply }) => `${name} ${reply === null ? "ok" : describeReply(reply)} ${said}`,
    );
  };
  const good = await walk();
  assert.match(good[0] ?? "", /^token ok of account CONTOSO$/);
  assert.match(good[1] ?? "", /^mail ok .*400 ErrorMimeContentInvalidBase64String.* nothing was sent/);
  graph.forbidden.add(SENDER);
  assert.match((await walk())[1] ?? "", /^mail 451 4\.7\.0 Microsoft Graph answered 403 ErrorAccessDenied/);
  graph.mailboxes.clear();
  assert.match((await walk())[1] ?? "", /^mail 554 5\.1\.8 Microsoft Graph answered 404/);
  given = [];
  assert.deepEqual(await walk(), ["token 451 4.7.0 account CONTOSO: invalid_grant account CONTOSO: invalid_grant"]);
  assert.deepEqual(graph.deliveries, []);
});

const ANSWERS: readonly (readonly [
  status: number,
  code: string,
  expected: RegExp,
  retryAfterMs: number,
  retryAfter?: string,
])[] = [
  [400, "ErrorInvalidRecipients", /^554 5\.1\.3 /, 0],
  [400, "ErrorMimeContentInvalid", /^554 5\.6\.0 /, 0],
  [400, "SomethingElse", /^554 5\.6\.0 /, 0],
  [403, "ErrorSendAsDenied", /^554 5\.7\.60 /, 0],
  [403, "ErrorAccessDenied", /^451 4\.7\.0 /, 0],
  [404, "MailboxNotEnabledForRESTAPI", /^554 5\.1\.8 /, 0],
  [413, "", /^554 5\.3\.4 /, 0],
  [429, "ApplicationThrottled", /^451 4\.7\.0 /, 7_000, "7"],
  [429, "ApplicationThrottled", /^451 4\.7\.0 /, 3_600_000, "99999999"],
  [429, "ApplicationThrottled", /^451 4\.7\.0 /, 0, "soon"],
  [500, "ErrorInternalServerError", /^451 4\.3\.0 /, 0],
  [503, "ServiceUnavailable", /^ROUTE 451 4\.3\.2 /, 60_000, "60"],
  [504, "", /^ROUTE 451 4\.3\.2 /, 0],
  [302, "", /^451 4\.5\.0 /, 0],
];

for (const [status, code, expected, retryAfterMs, retryAfter] of ANSWERS) {
  test(`Graph answers ${status} ${code} ${retryAfter ?? ""}`, async () => {
    graph.moods.push((_request, response) =>
      fail(response, status, code, "words\u001b[31m", retryAfter === undefined ? {} : { "retry-after": retryAfter }),
    );
    const result = await transport().send(graphHop(), letter("\r\nx", ["a@a.example"]));
    assert.match(words(result).join(" "), expected);
    assert.match(words(result).join(" "), /words\\x1B/);
    assert.equal(result.retryAfterMs, retryAfterMs);
  });
}
