import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { recordName } from "../core/dkim/key.ts";
import { formatKeyRecord } from "../core/dkim/key-record.ts";
import type { TxtAnswer } from "../core/mail/dns-answer.ts";
import type { Domain } from "../core/mail/domain.ts";
import { ManualClock } from "../adapters/memory/clock.ts";
import { DkimKeeper, type DkimKeeperOptions } from "./keep-dkim-keys.ts";
import type { DkimCreation } from "./operations.ts";
import type { StoredDkimKey } from "./signing-ports.ts";

const DOMAIN = "example.com" as Domain;
const WANTED: DkimCreation = {
  domain: DOMAIN,
  selector: null,
  algorithms: ["rsa-sha256"],
  subdomains: false,
  now: false,
};

/** What is around the keeper; it outlives one. */
class Around {
  readonly stored = new Map<string, StoredDkimKey>();
  readonly published = new Map<string, TxtAnswer>();
  readonly recorded: string[] = [];
  readonly writes: string[] = [];
  sealedWith = "a";
  #made = 0;

  keeper(dkimKeys = 10): Promise<DkimKeeper> {
    const options: DkimKeeperOptions = {
      store: {
        load: async () => ({ keys: [...this.stored.values()], faulty: [] }),
        put: async (key) => {
          this.writes.push(`${key.selector} ${key.state}`);
          this.stored.set(recordName(key), key);
        },
        remove: async (key) => void this.stored.delete(recordName(key)),
      },
      cryptography: {
        seal: (secret) => `${this.sealedWith}:${secret}`,
        unseal: (sealed) => (sealed.startsWith(`${this.sealedWith}:`) ? sealed.slice(2) : null),
      },
      signing: {
        generate: async () => ({ privateKey: `private ${++this.#made}`, publicKey: `P${this.#made}` }),
        open: (_algorithm, text) =>
          text.startsWith("private ") ? { publicKey: `P${text.slice(8)}`, sign: async (octets) => octets } : null,
        verify: () => assert.fail(),
        digest: () => assert.fail(),
      },
      resolver: { txt: async (name) => this.published.get(name) ?? { kind: "no-such-domain" } },
      clock: new ManualClock(Date.UTC(2026, 10, 24)),
      limits: { dkimKeys },
      record: (by, text) => void this.recorded.push(`${by}: ${text}`),
    };
    return DkimKeeper.open(options);
  }
}

function states(keeper: DkimKeeper): readonly string[] {
  return keeper.list(null).map(({ selector, state }) => `${selector} ${state}`);
}

function signing(keeper: DkimKeeper): readonly string[] {
  return keeper.signingFor(DOMAIN).map(({ key }) => key.selector);
}

describe("the keys of DKIM", () => {
  test("a key signs only once it is seen in the DNS, and retires the one of its algorithm; in that order on the disk", async () => {
    const around = new Around();
    const keeper = await around.keeper();
    const made = await keeper.create(
      { ...WANTED, selector: "one", algorithms: ["rsa-sha256", "ed25519-sha256"], now: true },
      "ME",
    );
    assert.ok(made.ok);
    assert.deepEqual(signing(keeper), ["one-rsa", "one-ed25519"]);
    const next = await keeper.create(WANTED, "ME");
    assert.ok(next.ok);
    assert.deepEqual(states(keeper), ["one-ed25519 signing", "one-rsa signing", "rk20261124 pending"]);
    const [key] = next.value;
    assert.ok(key !== undefined);
    const generation = keeper.generation;
    const looks = await keeper.look(DOMAIN, "ME");
    assert.ok(looks.every(({ published, starts }) => published === "missing" && !starts));
    assert.equal(keeper.generation, generation, "nothing changed");
    around.published.set(recordName(key), { kind: "trouble", reason: "no answer in time" });
    assert.deepEqual((await keeper.look(DOMAIN, "ME"))[2]?.published, { trouble: "no answer in time" });
    around.published.set(recordName(key), { kind: "texts", texts: [formatKeyRecord(key)] });
    around.writes.length = 0;
    assert.equal((await keeper.look(DOMAIN, "ME"))[2]?.starts, true);
    assert.deepEqual(around.writes, ["rk20261124 signing", "one-rsa retired"]);
    assert.deepEqual(signing(keeper), ["one-ed25519", "rk20261124"]);
    assert.ok(keeper.generation > generation);
    assert.deepEqual(around.recorded.slice(-2), [
      "ME: DKIM key rk20261124._domainkey.example.com signs mail of example.com",
      "ME: DKIM key one-rsa._domainkey.example.com retired",
    ]);
  });

  test("they are there again after a start; what cannot be opened signs nothing and is told", async () => {
    const around = new Around();
    await (await around.keeper()).create({ ...WANTED, selector: "a", now: true }, "ME");
    const again = await around.keeper();
    assert.deepEqual(signing(again), ["a"]);
    assert.deepEqual(again.warnings(), []);
    around.sealedWith = "b";
    const other = await around.keeper();
    assert.deepEqual(signing(other), []);
    assert.match(other.warnings().join(), /a\._domainkey\.example\.com cannot be opened and signs nothing/);
    assert.deepEqual(await other.use(DOMAIN, "a", "ME"), { ok: false, error: { kind: "unreadable" } });
  });

  test("a private key that is not the published one's signs nothing", async () => {
    const around = new Around();
    await (await around.keeper()).create({ ...WANTED, selector: "a", now: true }, "ME");
    const [[name, key] = ["", undefined]] = around.stored;
    assert.ok(key !== undefined);
    around.stored.set(name, { ...key, publicKey: "P99" });
    assert.deepEqual(signing(await around.keeper()), []);
  });

  test("nothing of what is private comes out", async () => {
    const around = new Around();
    const keeper = await around.keeper();
    const made = await keeper.create({ ...WANTED, now: true }, "ME");
    const used = await keeper.use(DOMAIN, "rk20261124", "ME");
    const looks = await keeper.look(DOMAIN, "ME");
    assert.ok(!/private/i.test(JSON.stringify([made, used, looks, keeper.list(null)])));
  });

  test("selectors are never given twice, and what is refused makes no key", async () => {
    const keeper = await new Around().keeper(4);
    await keeper.create(WANTED, "ME");
    await keeper.create({ ...WANTED, algorithms: ["rsa-sha256", "ed25519-sha256"] }, "ME");
    assert.deepEqual(states(keeper), [
      "rk20261124 pending",
      "rk20261124n2-ed25519 pending",
      "rk20261124n2-rsa pending",
    ]);
    const both: DkimCreation = { ...WANTED, algorithms: ["rsa-sha256", "ed25519-sha256"] };
    for (const [wanted, kind] of [
      [{ ...WANTED, selector: "rk20261124" }, "exists"],
      [{ ...WANTED, selector: "../../etc/passwd" }, "selector"],
      [{ ...WANTED, selector: "" }, "selector"],
      [{ ...both, selector: "x" }, "too-many"],
    ] as const) {
      const answer = await keeper.create(wanted, "ME");
      assert.equal(answer.ok ? "made" : answer.error.kind, kind);
    }
    assert.equal(keeper.list(null).length, 3);
  });

  test("a key that signs goes only where that is confirmed; then nothing signs", async () => {
    const around = new Around();
    const keeper = await around.keeper();
    await keeper.create({ ...WANTED, selector: "a", now: true }, "ME");
    assert.ok(keeper.isAnySigning);
    assert.deepEqual(await keeper.remove(DOMAIN, null, false, "ME"), { ok: false, error: { kind: "signs" } });
    assert.deepEqual(await keeper.remove(DOMAIN, "b", true, "ME"), { ok: false, error: { kind: "not-found" } });
    assert.deepEqual(await keeper.remove(DOMAIN, null, true, "ME"), { ok: true, value: 1 });
    assert.ok(!keeper.isAnySigning);
    assert.equal(around.stored.size, 0);
    assert.deepEqual(states(keeper), []);
  });
});
