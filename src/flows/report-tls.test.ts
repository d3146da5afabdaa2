import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../adapters/memory/clock.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/base/limits.ts";
import { err, ok, type Result } from "../core/base/result.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../core/base/time.ts";
import type { TxtAnswer } from "../core/mail/dns-answer.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { OwnMail } from "../core/mail/own-mail.ts";
import type { AcceptedMessage, QueueId } from "../core/queue/message.ts";
import { TlsCounter } from "./count-tls.ts";
import type { SpoolFault } from "./ports.ts";
import { TlsReporter } from "./report-tls.ts";

const A = "a.example" as Domain;
const B = "b.example" as Domain;

/** A relay whose records, web servers and queue a test sets, and a disk that outlives it. */
class Scene {
  clock = new ManualClock();
  readonly disk = new Map<string, unknown>();
  readonly txt = new Map<string, TxtAnswer>();
  readonly mails: OwnMail[] = [];
  readonly queued: AcceptedMessage[] = [];
  readonly posted: { readonly url: string; readonly report: unknown }[] = [];
  readonly told: string[] = [];
  web: Result<void, string> = ok(undefined);
  full: SpoolFault | null = null;
  /** Of the longest delay. */
  chance = 0.5;
  asked = 0;
  #running: { readonly counter: TlsCounter; readonly reporter: TlsReporter } | null = null;

  async start(limits: Partial<Limits> = {}): Promise<void> {
    const { clock } = this;
    const all = { ...DEFAULT_LIMITS, ...limits };
    const counter = await TlsCounter.open({
      clock,
      limits: all,
      store: {
        load: async () => [...this.disk.values()],
        put: async (day, record) => void this.disk.set(day, JSON.parse(JSON.stringify(record))),
        remove: async (day) => void this.disk.delete(day),
      },
      onFault: (fault) => assert.fail(String(fault)),
    });
    let id = 0;
    const reporter = new TlsReporter({
      counter,
      clock,
      limits: all,
      party: { hostname: "relay.example", organization: "Relay & Sons", contact: "tls@relay.example" },
      resolver: {
        txt: async (name) => {
          this.asked++;
          return this.txt.get(name) ?? { kind: "no-such-domain" };
        },
      },
      poster: {
        post: async (url, octets) => {
          this.posted.push({ url, report: JSON.parse(new TextDecoder().decode(octets)) });
          return this.web;
        },
        close: () => undefined,
      },
      packer: {
        gzip: async (text) => new TextEncoder().encode(text),
        composeTlsReport: async (mail) => {
          this.mails.push(mail);
          return new TextEncoder().encode("Subject: x\r\n\r\n.\r\n");
        },
      },
      spool: { put: async () => (this.full === null ? ok(undefined) : err(this.full)) },
      queue: { accept: (message) => void this.queued.push(message) },
      nextQueueId: () => ++id as QueueId,
      recorder: { operation: ({ text }) => void this.told.push(text), accepted: () => undefined },
      random: { uint32: () => this.chance * 2 ** 32 },
    });
    reporter.start();
    this.#running = { counter, reporter };
  }

  async stop(): Promise<void> {
    await this.#running?.reporter.stop();
    this.#running = null;
  }

  crash(): void {
    this.clock = new ManualClock(this.clock.now());
    this.#running = null;
  }

  session(domain: Domain, failed = false): void {
    this.#running?.counter.record({
      at: this.clock.now(),
      policy: { type: "no-policy-found", domain, strings: [], mxPatterns: [] },
      failure: failed ? "starttls-not-supported" : null,
      mxHost: "mx.a.example",
      receivingAddress: null,
      sendingAddress: null,
      reason: "",
    });
  }

  wants(domain: Domain, rua: string): void {
    this.txt.set(`_smtp._tls.${domain}`, { kind: "texts", texts: [`v=TLSRPTv1;rua=${rua}`] });
  }
}

test("a day's report goes by mail once the day and a delay by chance are over, and once only", async () => {
  const scene = new Scene();
  await scene.start();
  scene.wants(A, "mailto:reports@a.example");
  scene.session(A);
  scene.session(A, true);
  await scene.clock.run(DAY_MS + 2 * HOUR_MS - 10 * MINUTE_MS);
  assert.equal(scene.queued.length, 0);
  await scene.clock.run(15 * MINUTE_MS);
  const [message] = scene.queued;
  assert.equal(scene.queued.length, 1);
  assert.equal(message?.envelope.reversePath, null);
  assert.equal(message?.envelope.requireTls, false);
  assert.equal(message?.content.dotLines, true);
  const [mail] = scene.mails;
  assert.equal(
    mail?.subject,
    "Report Domain: a.example Submitter: relay.example Report-ID: <2026-01-01.a.example@relay.example>",
  );
  assert.deepEqual([mail?.from, mail?.to], ["tls@relay.example", ["reports@a.example"]]);
  assert.deepEqual(Object.fromEntries(mail?.headers.map(({ name, value }) => [name, value]) ?? []), {
    "TLS-Report-Domain": "a.example",
    "TLS-Report-Submitter": "relay.example",
    "TLS-Required": "No",
    "Auto-Submitted": "auto-generated",
  });
  assert.deepEqual(scene.told, [
    "TLS report of 2026-01-01 about a.example (2 sessions, 1 failed) to reports@a.example queued",
  ]);
  await scene.clock.run(3 * DAY_MS);
  assert.equal(scene.queued.length, 1);
  await scene.stop();
  assert.equal(scene.disk.size, 0);
});

test("figures outlive a restart, save those of the last minute of a crash; what was sent is not sent again", async () => {
  const scene = new Scene();
  await scene.start();
  scene.wants(A, "mailto:reports@a.example");
  scene.wants(B, "https://b.example/");
  scene.session(A);
  scene.session(B);
  await scene.clock.run(MINUTE_MS);
  scene.session(A);
  scene.crash();
  await scene.start();
  scene.session(A);
  await scene.stop();
  await scene.start();
  scene.web = err("b.example answered 503");
  await scene.clock.run(DAY_MS + 3 * HOUR_MS);
  const [ofB, ofA] = scene.told;
  assert.match(ofA ?? "", /about a\.example \(2 sessions, 0 failed\)/);
  assert.match(ofB ?? "", /about b\.example .* not sent: b\.example answered 503/);
  await scene.stop();
  await scene.start();
  scene.web = ok(undefined);
  await scene.clock.run(4 * HOUR_MS);
  assert.equal(scene.queued.length, 1);
  assert.match(scene.told.at(-1) ?? "", /about b\.example .* to https:\/\/b\.example\/$/);
  await scene.stop();
});

test("the first place that takes a report has it; where none does it is tried for a day, and then given up", async () => {
  const scene = new Scene();
  await scene.start();
  scene.wants(A, "https://a.example/reports,mailto:reports@a.example");
  scene.web = err("a.example answered 500");
  scene.session(A);
  await scene.clock.run(DAY_MS + 4 * HOUR_MS);
  assert.deepEqual([scene.posted.length, scene.queued.length], [1, 1]);

  scene.wants(B, "https://b.example/");
  scene.session(B);
  await scene.clock.run(DAY_MS);
  assert.ok(scene.posted.length > 1);
  await scene.clock.run(2 * DAY_MS);
  const tries = scene.posted.filter(({ url }) => url === "https://b.example/").length;
  assert.ok(tries >= 20 && tries <= 30, `${tries} tries`);
  assert.equal(scene.told.at(-1), "TLS reports of 2026-01-02 about 1 domain given up");
  await scene.stop();
  assert.equal(scene.disk.size, 0);
});

test("nobody is told who does not ask; what the DNS cannot say now is asked again", async () => {
  const scene = new Scene();
  await scene.start();
  scene.session(A);
  scene.session(B);
  scene.txt.set(`_smtp._tls.${A}`, { kind: "trouble", reason: "no answer" });
  await scene.clock.run(DAY_MS + 3 * HOUR_MS);
  assert.deepEqual([scene.told.length, scene.asked], [0, 3]);
  scene.wants(A, "mailto:reports@a.example");
  await scene.clock.run(2 * HOUR_MS);
  assert.equal(scene.queued.length, 1);
  await scene.stop();
});

test("one mailbox's domain gets so many reports a day, however many records name it; a full queue is no end", async () => {
  const scene = new Scene();
  await scene.start({ tlsReportsToDomain: 3 });
  const domains = Array.from({ length: 10 }, (_, i) => `d${i}.example` as Domain);
  for (const domain of domains) {
    scene.wants(domain, `mailto:${domain}@victim.example`);
    scene.session(domain);
  }
  scene.full = "full";
  await scene.clock.run(DAY_MS + 2 * HOUR_MS + 5 * MINUTE_MS);
  assert.equal(scene.queued.length, 0);
  scene.full = null;
  await scene.clock.run(3 * DAY_MS);
  assert.equal(scene.queued.length, 3);
  await scene.stop();
});
