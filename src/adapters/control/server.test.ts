import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Duplex } from "node:stream";
import { formatMailbox } from "../../core/mail/mailbox.ts";
import { reply } from "../../core/mail/reply.ts";
import { DEFAULT_ATTRIBUTES } from "../../core/policy/policy.ts";
import type { QueueId } from "../../core/queue/message.ts";
import type { Operations, QueueFilter, ServerStatus, Submission, SubmitAnswer } from "../../flows/operations.ts";
import { MemoryUserStore } from "../memory/user-store.ts";
import { createCryptography } from "../node/cryptography.ts";
import { ControlClient, type WireResult } from "./client.ts";
import { ControlServer } from "./server.ts";

const status: ServerStatus = {
  pid: 4711,
  version: "1.2.3",
  hostname: "relay.example",
  startedAt: Date.UTC(2026, 10, 24),
  active: true,
  listeners: [
    {
      configured: "127.0.0.1:0",
      bound: "127.0.0.1:2525",
      tls: "starttls",
      auth: "tls",
      legacyTlsFrom: [],
      plainAuthFrom: [],
    },
  ],
  deliveryMode: "capture",
  dataDirectory: "/data",
  localDomains: [],
  certificate: "self-signed, until 2036-11-21",
  certificateExpiresAt: Date.UTC(2036, 10, 21),
  warnings: ["a warning"],
};

/** What was asked of the house, and what it answers. */
const house = {
  acts: [] as [string, QueueFilter, string][],
  submissions: [] as Submission[],
  memory: { limitOctets: 1_000_000, usedOctets: 0 },
  submitAnswer: { kind: "queued", id: 35 as QueueId, refused: [] } as SubmitAnswer,
  storeFaults: [] as string[],
  sessions: [] as [Duplex, string][],
  faults: [] as unknown[],
  summary: async () => ({
    queued: 2,
    ready: 1,
    active: 0,
    deferred: 1,
    held: 0,
    captured: 7,
    oldestAt: Date.UTC(2026, 10, 24),
    connectionsOut: 0,
    reportsWithheld: 0,
    hops: { open: 0, slowed: 0 },
  }),
};

function act(name: string) {
  return async (filter: QueueFilter, by: string) => {
    house.acts.push([name, filter, by]);
    return 3;
  };
}

const operations = {
  policy: {
    version: () => 42,
    attributes: () => DEFAULT_ATTRIBUTES,
    entries: () => [],
    walk: () => [],
    analyse: async () => [],
    history: async () => [],
  },
  queue: {
    hold: act("hold"),
    release: act("release"),
    retry: act("retry"),
    remove: act("remove"),
    summary: async () => await house.summary(),
    list: async () => [],
    find: async () => null,
  },
  submit: {
    submit: async (submission: Submission) => {
      house.submissions.push(submission);
      return house.submitAnswer;
    },
  },
  journal: { record: () => undefined, flush: async () => undefined, query: async () => [] },
  tlsReports: null,
  users: new MemoryUserStore(),
  cryptography: createCryptography(new Uint8Array(32)),
  server: { status: () => status, sessions: () => [], jobs: () => [] },
  now: () => Date.UTC(2026, 10, 24, 12),
} as unknown as Operations;

let directory = "";
let path = "";
let server: ControlServer;
let client: ControlClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "relaykeeper-control-"));
  path = join(directory, "control.sock");
  server = new ControlServer({
    operations,
    checkStore: async () => house.storeFaults,
    serveSession: (stream, by) => {
      house.sessions.push([stream, by]);
      stream.write("220 relay.example\r\n");
    },
    backup: async () => ({ ok: false, error: "no copies here" }),
    memory: house.memory,
    onFault: (fault) => house.faults.push(fault),
  });
  const opened = await server.open(path);
  assert.ok(opened.ok, opened.ok ? "" : opened.error);
  client = new ControlClient(path, "Jürgen");
});
after(async () => {
  await server.close();
  assert.ok(!existsSync(path), "the socket is gone");
  await rm(directory, { recursive: true });
});
beforeEach(() => {
  house.acts.length = 0;
  house.submissions.length = 0;
});

async function answered(exchange: ReturnType<ControlClient["get"]>): Promise<WireResult> {
  const answer = await exchange;
  assert.ok(answer.ok, answer.ok ? "" : answer.error);
  return answer.value;
}

describe("ControlServer", () => {
  test("is there for its owner alone", async () => {
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  test("tells the status as text and as JSON", async () => {
    const { ok, output, value } = await answered(client.get("/v1/status"));
    assert.ok(ok);
    assert.match(output, /127\.0\.0\.1:2525, STARTTLS, AUTH after TLS/);
    assert.match(output, /ALWRLY\(\*NONE\), policy version 42/);
    assert.match(output, /2 messages \(1 ready, 1 deferred\), 7 in the capture box/);
    assert.match(output, /a warning/);
    const json = value as Record<string, unknown>;
    assert.deepEqual(
      [json["pid"], json["active"], json["allowRelay"], json["startedAt"]],
      [4711, true, "*NONE", "2026-11-24T00:00:00Z"],
    );
  });

  test("runs commands and scripts, and says what is wrong with them", async () => {
    const shown = await answered(client.post("/v1/cl", { command: "DSPMSGD SMR0101" }));
    assert.ok(shown.ok);
    assert.match(shown.output, /SMR0101/);
    const wrong = await answered(client.post("/v1/cl", { command: "CHGSMTPQ" }));
    assert.ok(!wrong.ok);
    assert.match(wrong.messages.map(({ text }) => text).join("\n"), /Did you mean CHGSMTPA\?/);
    const script = await answered(client.post("/v1/cl", { script: "DSPMSGD SMR0101\nNONSENSE\n" }));
    assert.match(script.messages.map(({ text }) => text).join("\n"), /stopped at line 2/);
  });

  test("works on messages of the queue in the name of the caller", async () => {
    const held = await answered(client.post("/v1/queue/hold", { ids: ["Q13"] }));
    assert.ok(held.ok, JSON.stringify(held));
    await answered(client.post("/v1/queue/remove", { nextHop: "mx:a.example", from: "", to: "o'neil@b.example" }));
    await answered(client.post("/v1/queue/release", { all: true }));
    await answered(client.post("/v1/queue/flush", {}));
    assert.deepEqual(house.acts, [
      ["hold", { ids: [35] }, "Jürgen"],
      ["remove", { nextHop: "mx:a.example", reversePath: "", recipient: "o'neil@b.example" }, "Jürgen"],
      ["release", {}, "Jürgen"],
      ["retry", {}, "Jürgen"],
    ]);
    const listed = await answered(client.get("/v1/queue?state=held&limit=10"));
    assert.deepEqual(listed.value, []);
    const nothing = await answered(client.post("/v1/queue/hold", {}));
    assert.ok(!nothing.ok);
  });

  test("exports the policy", async () => {
    const exported = await answered(client.get("/v1/policy?all=true"));
    assert.ok(exported.ok);
    assert.match(exported.output, /ALWRLY\(\*NONE\)/);
  });

  test("takes a policy file as it is", async () => {
    const faulty = await answered(client.postText("/v1/policy/check", "CHGSMTPA ALWRLY(*LIST)\nFOO\n"));
    assert.match(faulty.messages[0]?.text ?? "", /FOO not found.*line 2/);
    const json = await answered(client.post("/v1/policy/check", { text: "" }));
    assert.equal(json.messages[0]?.id, "SMR0831");
  });

  test("adds, lists and removes users", async () => {
    const added = await answered(client.post("/v1/users", { name: "erp", password: "secret" }));
    assert.equal(added.messages[0]?.text, "User erp added.");
    const again = await answered(client.post("/v1/users", { name: "erp", password: "other" }));
    assert.equal(again.messages[0]?.text, "Password of user erp changed.");
    const listed = await answered(client.get("/v1/users"));
    assert.deepEqual(listed.value, [{ name: "erp", addedAt: "2026-11-24T12:00:00Z" }]);
    const missed = await answered(client.delete("/v1/users/erq"));
    assert.match(missed.messages[0]?.text ?? "", /Did you mean erp\?/);
    assert.ok((await answered(client.delete("/v1/users/erp"))).ok);
    const bad = await answered(client.post("/v1/users", { name: "a\u0000b", password: "secret" }));
    assert.ok(!bad.ok);
  });

  test("says whether the store is sound", async () => {
    const sound = await answered(client.post("/v1/store/check", {}));
    assert.match(sound.messages[0]?.text ?? "", /sound\. It holds 9 messages/);
    house.storeFaults = ["row 7 is torn"];
    const damaged = await answered(client.post("/v1/store/check", {}));
    assert.ok(!damaged.ok);
    assert.match(damaged.messages[0]?.text ?? "", /row 7 is torn/);
    house.storeFaults = [];
  });

  test("refuses what is no request, with 400 and 404", async () => {
    for (const body of [{}, { command: 5 }, { command: "x", more: 1 }]) {
      const answer = await answered(client.post("/v1/cl", body));
      assert.equal(answer.messages[0]?.id, "SMR0831");
    }
    assert.match((await answered(client.get("/v1/nothing"))).messages[0]?.text ?? "", /there is no GET \/v1\/nothing/);
    assert.equal(await statusOf("POST", "/v1/cl", "{", "application/json"), 400);
    assert.equal(await statusOf("POST", "/v1/users", "x".repeat(2_000_000), "application/json"), 413);
    assert.equal(await statusOf("GET", "/v1/queue?state=strange", "", ""), 400);
  });

  test("tells trouble of the outside world, and goes on", async () => {
    const { summary } = house;
    house.summary = async () => await Promise.reject(new Error("disk gone"));
    const failed = await answered(client.get("/v1/status"));
    house.summary = summary;
    assert.match(failed.messages[0]?.text ?? "", /disk gone/);
    assert.equal(house.faults.length, 1);
    assert.ok((await answered(client.get("/v1/status"))).ok);
  });
});

async function statusOf(method: string, target: string, body: string, type: string): Promise<number | undefined> {
  const asked = request({
    socketPath: path,
    method,
    path: target,
    headers: type === "" ? {} : { "Content-Type": type },
  });
  asked.on("error", () => undefined); // the rest of a body that is too large is not read
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [{ statusCode?: number; resume(): void }];
  answer.resume();
  return answer.statusCode;
}

/** What a message is told that says so much of its length, before any of it is sent. */
async function announce(headers: Record<string, string>): Promise<{ readonly status: number; readonly id: string }> {
  const asked = request({
    socketPath: path,
    method: "POST",
    path: "/v1/send",
    headers: { "Content-Type": "application/vnd.relaykeeper.message", ...headers },
  });
  asked.flushHeaders();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const result = JSON.parse(Buffer.concat(await answer.toArray()).toString()) as WireResult;
  asked.on("error", () => undefined);
  asked.destroy();
  return { status: answer.statusCode ?? 0, id: result.messages[0]?.id ?? "" };
}

describe("ControlServer takes mail", () => {
  const message = Buffer.from("Subject: x\n\nbody\n.\n");

  test("as a message with its envelope", async () => {
    const sent = await answered(
      client.send({ from: "a@x.example", to: ["b@y.example", "root", "b@y.example"] }, message),
    );
    assert.ok(sent.ok, JSON.stringify(sent));
    assert.deepEqual(sent.value, { queued: "Q13", refused: [] });
    const [submission] = house.submissions;
    assert.equal(submission?.by, "Jürgen");
    assert.deepEqual(
      submission?.envelope.recipients.map(({ forwardPath }) => `${forwardPath.localPart}`),
      ["b", "root"],
    );
    assert.ok(submission?.content.kind === "memory");
    assert.deepEqual(Buffer.concat(submission.content.chunks), message);
  });

  test("from the null reverse-path, and of eight bits", async () => {
    await answered(client.send({ from: "", to: ["b@y.example"] }, Buffer.from("Subject: ü\n\n")));
    assert.equal(house.submissions[0]?.envelope.reversePath, null);
    assert.equal(house.submissions[0]?.envelope.body, "8BITMIME");
  });

  test("to the recipients of its header, the blind ones in it too", async () => {
    const text = Buffer.from("To: Ann <a@y.example>, root\nBcc: b@y.example\n\nbody\n");
    const sent = await answered(client.send({ from: "a@x.example", to: [], recipientsFromHeader: true }, text));
    assert.ok(sent.ok, JSON.stringify(sent));
    const [submission] = house.submissions;
    assert.deepEqual(
      submission?.envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath)),
      ["a@y.example", "root@relay.example", "b@y.example"],
    );
    assert.ok(submission?.content.kind === "memory");
    assert.deepEqual(Buffer.concat(submission.content.chunks), text, "whoever takes it removes them (submit.test.ts)");
    const nobody = await answered(client.send({ from: "a@x.example", to: [], recipientsFromHeader: true }, message));
    assert.equal(nobody.messages[0]?.id, "SMR0507");
  });

  test("no larger than MAXEMMSIZE and no more at once than there is memory for", async () => {
    const terms = await answered(client.get("/v1/send"));
    assert.deepEqual(terms.value, { hostname: "relay.example", messageOctetsMax: 51_200 * 1_024 });
    const length = (octets: number) => ({ "Content-Length": String(octets) });
    assert.deepEqual(await announce(length(80 * 1_048_576)), { status: 413, id: "SMR0506" });
    assert.deepEqual(await announce({ "Transfer-Encoding": "chunked" }), { status: 411, id: "SMR0831" });
    house.memory.usedOctets = 999_999;
    assert.deepEqual(await announce(length(5_000)), { status: 503, id: "SMR0508" });
    house.memory.usedOctets = 0;
    assert.ok((await answered(client.send({ from: "a@x.example", to: ["b@y.example"] }, message))).ok);
    assert.equal(house.memory.usedOctets, 0);
  });

  test("and tells who was refused", async () => {
    const refused = { recipient: "b@y.example", reply: reply(550, "5.7.1", "relay denied") };
    house.submitAnswer = { kind: "refused", refused: [refused], reply: refused.reply };
    const sent = await answered(client.send({ from: "a@x.example", to: ["b@y.example"] }, message));
    assert.ok(!sent.ok);
    assert.deepEqual(sent.value, {
      queued: null,
      refused: [{ recipient: "b@y.example", reply: "550 5.7.1 relay denied" }],
    });
    const broken = await answered(client.send({ from: "a@x.example", to: ["b@@y.example"] }, message));
    assert.equal(broken.messages[0]?.id, "SMR0504");
    assert.equal(house.submissions.length, 1);
  });

  test("and refuses what is no message", async () => {
    for (const body of ["", "{}\n", "no json\nx", '{"from":null,"to":["a@x.example"]}']) {
      assert.equal(await statusOf("POST", "/v1/send", body, "application/vnd.relaykeeper.message"), 400, body);
    }
    assert.equal(await statusOf("POST", "/v1/send", "{}", "application/json"), 400);
  });

  test("as a session of SMTP", async () => {
    const opened = await client.openSession();
    assert.ok(opened.ok);
    const session = opened.value;
    const [greeting] = (await once(session, "data")) as [Buffer];
    assert.equal(greeting.toString(), "220 relay.example\r\n");
    const [[stream, by] = []] = house.sessions;
    assert.ok(stream);
    assert.equal(by, "Jürgen");
    session.write("QUIT\r\n");
    const [command] = (await once(stream, "data")) as [Buffer];
    assert.equal(command.toString(), "QUIT\r\n");
    stream.end("221 bye\r\n");
    const [farewell] = (await once(session, "data")) as [Buffer];
    assert.equal(farewell.toString(), "221 bye\r\n");
    session.destroy();
  });
});
