import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../adapters/memory/clock.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/base/limits.ts";
import { err, ok } from "../core/base/result.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../core/base/time.ts";
import type { TxtAnswer } from "../core/mail/dns-answer.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { TlsResult } from "../core/tls-policy/tls-result.ts";
import { StsKeeper } from "./keep-sts-policies.ts";
import type { KeptStsPolicy, StsFetchFault } from "../core/tls-policy/sts.ts";

const A = "a.example" as Domain;
const WEEK_S = 604_800;

function policy(mode = "enforce", maxAge = WEEK_S): string {
  return `version: STSv1\nmode: ${mode}\nmx: mx.a.example\nmax_age: ${maxAge}`;
}

/** A domain whose record and web server a test sets, and a disk that outlives the keeper. */
class Scene {
  readonly clock = new ManualClock();
  readonly disk = new Map<string, KeptStsPolicy>();
  readonly results: TlsResult[] = [];
  txt: TxtAnswer = { kind: "texts", texts: ["v=STSv1; id=1;"] };
  /** What it says, what is in the way, or null for silence. */
  web: string | StsFetchFault | null = policy();
  fetches = 0;
  faults = 0;
  #answerLate: (() => void) | null = null;

  async open(limits: Partial<Limits> = {}): Promise<StsKeeper> {
    return await StsKeeper.open({
      clock: this.clock,
      limits: { ...DEFAULT_LIMITS, ...limits },
      resolver: { txt: () => Promise.resolve(this.txt) },
      fetcher: {
        fetch: async () => {
          this.fetches++;
          if (this.web === null) await new Promise<void>((resolve) => (this.#answerLate = resolve));
          const web = this.web ?? "";
          return typeof web === "string" ? ok(web) : err(web);
        },
      },
      store: {
        load: () => Promise.resolve([...this.disk.values()]),
        put: (kept) => Promise.resolve(void this.disk.set(kept.domain, kept)),
        remove: (domain) => Promise.resolve(void this.disk.delete(domain)),
      },
      tlsResults: { record: (result) => void this.results.push(result) },
      onFault: () => void this.faults++,
    });
  }

  answer(web: string): void {
    this.web = web;
    this.#answerLate?.();
  }
}

/** Lets a look that goes on beside the mail come to its end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

test("a policy is fetched once, and kept until it ends", async () => {
  const scene = new Scene();
  const keeper = await scene.open();
  for (let i = 0; i < 3; i++) assert.equal((await keeper.policyOf(A))?.mode, "enforce");
  assert.equal(scene.fetches, 1);
  // Its record and its web server are gone, or taken away: what was published counts on.
  scene.txt = { kind: "no-such-domain" };
  scene.web = { type: "sts-policy-fetch-error", reason: "refused" };
  await scene.clock.run(WEEK_S * SECOND_MS - 1);
  assert.equal((await keeper.policyOf(A))?.mode, "enforce");
  await settle();
  await scene.clock.run(1);
  assert.equal(await keeper.policyOf(A), null);
});

test("without a record nothing is fetched; with an unsure DNS neither", async () => {
  const scene = new Scene();
  const keeper = await scene.open();
  const none: TxtAnswer[] = [
    { kind: "none" },
    { kind: "no-such-domain" },
    { kind: "trouble", reason: "SERVFAIL" },
    { kind: "texts", texts: ["v=spf1 -all"] },
    { kind: "texts", texts: ["v=STSv1; id=1;", "v=STSv1; id=2;"] },
  ];
  for (const txt of none) {
    scene.txt = txt;
    assert.equal(await keeper.policyOf(A), null);
  }
  assert.equal(scene.fetches, 0);
});

test("another id is another policy; while it cannot be had the old one counts", async () => {
  const scene = new Scene();
  const keeper = await scene.open();
  await keeper.policyOf(A);
  scene.txt = { kind: "texts", texts: ["v=STSv1; id=2;"] };
  scene.web = { type: "sts-webpki-invalid", reason: "the certificate is not valid" };
  assert.equal((await keeper.policyOf(A))?.mode, "enforce");
  await settle();
  assert.deepEqual(
    scene.results.map(({ failure, reason }) => [failure, reason]),
    [["sts-webpki-invalid", "The MTA-STS policy of a.example: the certificate is not valid"]],
  );
  scene.web = policy("none");
  await keeper.policyOf(A);
  await settle();
  assert.equal(scene.fetches, 2, "it rests for five minutes");
  await scene.clock.run(5 * MINUTE_MS);
  await keeper.policyOf(A);
  await settle();
  assert.equal(await keeper.policyOf(A), null, "mode none");
  assert.equal(scene.fetches, 3);
});

test("a policy that is none is told, and is no policy", async () => {
  const scene = new Scene();
  const keeper = await scene.open();
  scene.web = "<!DOCTYPE html>";
  assert.equal(await keeper.policyOf(A), null);
  assert.deepEqual(
    scene.results.map(({ failure }) => failure),
    ["sts-policy-invalid"],
  );
});

test("mail waits for the first policy of a domain only so long", async () => {
  const scene = new Scene();
  const keeper = await scene.open();
  scene.web = null;
  let said: unknown = "waits";
  const asked = keeper.policyOf(A).then((found) => (said = found));
  await scene.clock.run(DEFAULT_LIMITS.stsWaitMs - 1);
  assert.equal(said, "waits");
  await scene.clock.run(1);
  await asked;
  assert.equal(said, null);
  scene.answer(policy());
  await settle();
  assert.equal((await keeper.policyOf(A))?.mode, "enforce", "it came afterwards");
  assert.equal(scene.fetches, 1, "one flight for all who ask");
});

test("a policy that is used is fetched again after a day; one that is not used ends", async () => {
  const scene = new Scene();
  const keeper = await scene.open();
  keeper.start();
  await keeper.policyOf(A);
  await keeper.policyOf(A);
  await scene.clock.run(DAY_MS + HOUR_MS);
  assert.equal(scene.fetches, 2);
  await scene.clock.run(2 * DAY_MS);
  assert.equal(scene.fetches, 2, "nobody asked since");
  await scene.clock.run(7 * DAY_MS);
  assert.equal(keeper.size, 0);
  await keeper.stop();
  assert.equal(scene.disk.size, 0);
});

test("a short policy is fetched again at half its life, beside the mail", async () => {
  const scene = new Scene();
  scene.web = policy("enforce", 600);
  const keeper = await scene.open();
  await keeper.policyOf(A);
  await scene.clock.run(301 * SECOND_MS);
  await keeper.policyOf(A);
  await settle();
  assert.equal(scene.fetches, 2);
  await scene.clock.run(590 * SECOND_MS);
  assert.equal((await keeper.policyOf(A))?.mode, "enforce");
});

test("policies outlive the relay; what was damaged goes", async () => {
  const scene = new Scene();
  const before = await scene.open();
  await before.policyOf(A);
  await before.stop();
  scene.disk.set("b.example", { domain: "b.example" as Domain, id: "1", fetchedAt: 0, text: "garbage" });
  scene.txt = { kind: "trouble", reason: "no answer in time" };
  const after = await scene.open();
  assert.equal((await after.policyOf(A))?.mode, "enforce");
  assert.equal(scene.fetches, 1);
  await after.stop();
  assert.deepEqual([...scene.disk.keys()], ["a.example"]);
});

test("no more policies are kept, and no more fetched at once, than the limits say", async () => {
  const scene = new Scene();
  const keeper = await scene.open({ stsPolicies: 2 });
  for (const name of ["a", "b", "a", "c"]) await keeper.policyOf(`${name}.example` as Domain);
  await keeper.stop();
  assert.deepEqual([...scene.disk.keys()].sort(), ["a.example", "c.example"]);
  const small = await scene.open({ stsCacheOctets: 2 * policy().length });
  for (const name of ["x", "y", "z"]) await small.policyOf(`${name}.example` as Domain);
  assert.equal(small.size, 2);

  const busy = new Scene();
  const one = await busy.open({ stsFetches: 1 });
  busy.web = null;
  const first = one.policyOf(A);
  await settle();
  assert.equal(await one.policyOf("b.example" as Domain), null);
  assert.equal(busy.fetches, 1);
  busy.answer(policy());
  assert.equal((await first)?.mode, "enforce");
});
