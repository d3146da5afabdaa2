import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { DAY_MS, MINUTE_MS } from "../../core/base/time.ts";
import { ManualClock } from "../memory/clock.ts";
import { Certificates } from "./certificates.ts";
import { makeSelfSigned, type CertificatePair } from "./self-signed.ts";
import { CertificateWatch } from "./watch.ts";

const HOST = "relay.example.com";
const SETTLED_MS = 500;

/** Files in `live/`, watched with a clock that stands still and folders that tell of changes when the test says so. */
class Scene {
  readonly clock = new ManualClock(Date.now());
  readonly said: string[] = [];
  /** What is watched now, with how it is told. */
  readonly folders = new Map<string, { readonly change: () => void; readonly end: () => void }>();
  readonly root: string;
  certificates!: Certificates;
  watch!: CertificateWatch;
  /** Folders of these names cannot be watched. */
  blind = false;

  private constructor(root: string) {
    this.root = root;
  }

  static async open(t: TestContext, days = 90): Promise<Scene> {
    const scene = new Scene(await mkdtemp(join(tmpdir(), "relaykeeper-watch-")));
    t.after(async () => {
      await scene.watch.stop();
      await rm(scene.root, { recursive: true });
    });
    for (const folder of ["live", "archive"]) await mkdir(join(scene.root, folder));
    await scene.archive(1, scene.make(days));
    await scene.link(1);
    const files = { certificate: scene.path("live/fullchain.pem"), key: scene.path("live/privkey.pem") };
    const opened = await Certificates.open({ files, dataDirectory: scene.root, hostname: HOST }, scene.clock);
    assert.ok(opened.ok);
    scene.certificates = opened.value;
    scene.watch = new CertificateWatch({
      certificates: scene.certificates,
      clock: scene.clock,
      info: (text) => void scene.said.push(`info ${text}`),
      warn: (text) => void scene.said.push(`warn ${text}`),
      watchFolder: (folder, change, end) => {
        if (scene.blind) throw new Error("no watch of folders here");
        scene.folders.set(folder, { change, end });
        return { close: () => void scene.folders.delete(folder) };
      },
    });
    scene.watch.start();
    await scene.watch.idle();
    return scene;
  }

  path(name: string): string {
    return join(this.root, name);
  }

  make(days = 90): CertificatePair {
    return makeSelfSigned(HOST, this.clock.now() - DAY_MS, this.clock.now() + days * DAY_MS);
  }

  /** As certbot does: numbered files in `archive/`. */
  async archive(number: number, { certificate, key }: CertificatePair): Promise<void> {
    await writeFile(this.path(`archive/fullchain${number}.pem`), certificate);
    await writeFile(this.path(`archive/privkey${number}.pem`), key, { mode: 0o600 });
  }

  /** As certbot does: each name in `live/` is a link, which is replaced by another. */
  async link(number: number): Promise<void> {
    for (const name of ["fullchain", "privkey"]) {
      await symlink(`../archive/${name}${number}.pem`, this.path("live/new"));
      await rename(this.path("live/new"), this.path(`live/${name}.pem`));
    }
  }

  /** The kernel tells of a change in the folder. */
  tells(folder = "live"): void {
    this.folders.get(this.path(folder))?.change();
  }

  async passes(durationMs: number): Promise<void> {
    this.clock.advance(durationMs);
    await this.watch.idle();
  }
}

test("a symbolic link that leads elsewhere is another certificate", async (t) => {
  const scene = await Scene.open(t);
  const next = scene.make();
  await scene.archive(2, next);
  await scene.link(2);
  scene.tells();
  await scene.passes(SETTLED_MS);
  assert.deepEqual(scene.certificates.pair(), next);
  assert.match(
    scene.said.join("\n"),
    /^info the certificate was read again: .*live\/fullchain\.pem, until 20\d\d-\d\d-\d\d$/,
  );
});

test("the folders of names and of files are watched, those of the new files too", async (t) => {
  const scene = await Scene.open(t);
  assert.deepEqual([...scene.folders.keys()].sort(), [scene.path("archive"), scene.path("live")]);
  await mkdir(scene.path("other"));
  const next = scene.make();
  await writeFile(scene.path("other/c.pem"), next.certificate + next.key, { mode: 0o600 });
  for (const name of ["live/fullchain.pem", "live/privkey.pem"]) {
    await rm(scene.path(name));
    await symlink("../other/c.pem", scene.path(name));
  }
  scene.tells();
  await scene.passes(SETTLED_MS);
  assert.deepEqual([...scene.folders.keys()].sort(), [scene.path("live"), scene.path("other")]);
  assert.equal(scene.certificates.pair().key, next.certificate + next.key);
  const inPlace = scene.make();
  await writeFile(scene.path("other/c.pem"), inPlace.certificate + inPlace.key);
  scene.tells("other");
  await scene.passes(SETTLED_MS);
  assert.equal(scene.certificates.pair().key, inPlace.certificate + inPlace.key);
});

test("a folder that is a link, as Kubernetes has it, is seen when it leads elsewhere", async (t) => {
  const scene = await Scene.open(t);
  const pairs = [scene.make(), scene.make()];
  for (const [i, { certificate, key }] of pairs.entries()) {
    await mkdir(scene.path(`live/..${i}`));
    await writeFile(scene.path(`live/..${i}/fullchain.pem`), certificate);
    await writeFile(scene.path(`live/..${i}/privkey.pem`), key, { mode: 0o600 });
  }
  await symlink("..0", scene.path("live/..data"));
  for (const name of ["fullchain.pem", "privkey.pem"]) {
    await rm(scene.path(`live/${name}`));
    await symlink(`..data/${name}`, scene.path(`live/${name}`));
  }
  scene.tells();
  await scene.passes(SETTLED_MS);
  assert.deepEqual(scene.certificates.pair(), pairs[0]);
  await symlink("..1", scene.path("live/..new"));
  await rename(scene.path("live/..new"), scene.path("live/..data"));
  scene.tells();
  await scene.passes(SETTLED_MS);
  assert.deepEqual(scene.certificates.pair(), pairs[1]);
});

test("a certificate whose key comes later is tried again, and nobody is bothered", async (t) => {
  const scene = await Scene.open(t);
  const before = scene.certificates.pair();
  const next = scene.make();
  await writeFile(scene.path("archive/fullchain1.pem"), next.certificate);
  scene.tells("archive");
  await scene.passes(SETTLED_MS);
  assert.equal(scene.certificates.pair(), before);
  assert.match(
    scene.certificates.warnings().join("\n"),
    /is not the key of .*; the certificate of before stays in use/,
  );
  await writeFile(scene.path("archive/privkey1.pem"), next.key);
  // Nobody tells of this one: it is the second try.
  await scene.passes(SETTLED_MS);
  assert.deepEqual(scene.certificates.pair(), next);
  assert.deepEqual(scene.certificates.warnings(), []);
  assert.deepEqual(
    scene.said.filter((line) => line.startsWith("warn")),
    [],
  );
});

for (const [what, spoil] of [
  ["cut in half", (file: string) => truncate(file, 200)],
  ["empty", (file: string) => truncate(file, 0)],
  ["gone", (file: string) => rm(file)],
] as const)
  test(`where a file stays ${what}, the operator hears of it once, and what is right again is used`, async (t) => {
    const scene = await Scene.open(t);
    const before = scene.certificates.pair();
    await spoil(scene.path("archive/fullchain1.pem"));
    scene.tells("archive");
    await scene.passes(SETTLED_MS);
    assert.deepEqual(scene.said, []);
    await scene.passes(SETTLED_MS);
    assert.match(scene.said.join("\n"), /^warn .*fullchain\.pem: .*; the certificate of before stays in use$/);
    await scene.passes(3 * MINUTE_MS);
    assert.equal(scene.said.length, 1);
    assert.equal(scene.certificates.pair(), before);
    await writeFile(scene.path("archive/fullchain1.pem"), before.certificate);
    await scene.passes(MINUTE_MS);
    assert.equal(scene.certificates.fault, null);
    assert.equal(scene.said.length, 1);
  });

test("a burst of changes is one look, and what did not change is not read", async (t) => {
  const scene = await Scene.open(t);
  const reads = t.mock.method(scene.certificates, "reload");
  const pairs = Array.from({ length: 5 }, () => scene.make());
  for (const pair of pairs) {
    await scene.archive(1, pair);
    for (let i = 0; i < 10; i++) scene.tells("archive");
  }
  await scene.passes(SETTLED_MS);
  assert.equal(reads.mock.callCount(), 1);
  assert.deepEqual(scene.certificates.pair(), pairs.at(-1));
  for (let i = 0; i < 100; i++) scene.tells();
  await scene.passes(SETTLED_MS);
  await scene.passes(10 * MINUTE_MS);
  assert.equal(reads.mock.callCount(), 1);
});

test("a file that was touched or written as it was is no news", async (t) => {
  const scene = await Scene.open(t);
  const before = scene.certificates.pair();
  await utimes(scene.path("archive/fullchain1.pem"), new Date(), new Date(0));
  scene.tells("archive");
  await scene.passes(SETTLED_MS);
  assert.equal(scene.certificates.pair(), before);
  assert.deepEqual(scene.said, []);
});

test("where folders cannot be watched, or can be no longer, the minute's look sees it", async (t) => {
  const scene = await Scene.open(t);
  scene.blind = true;
  for (const { end } of [...scene.folders.values()]) end();
  const next = scene.make();
  await scene.archive(1, next);
  await scene.passes(MINUTE_MS);
  assert.deepEqual(scene.certificates.pair(), next);
  assert.equal(scene.folders.size, 0);
  scene.blind = false;
  await scene.passes(MINUTE_MS);
  assert.equal(scene.folders.size, 2);
});

test("an end that is near is told once a day", async (t) => {
  const scene = await Scene.open(t, 23);
  for (let day = 1; day <= 24; day++) await scene.passes(DAY_MS);
  assert.equal(scene.said.length, 23);
  assert.match(scene.said[0] ?? "", /^warn the certificate expires in 21 day/);
  assert.match(scene.said.at(-1) ?? "", /^warn the certificate has expired/);
});

test("a certificate of our own needs no watch; nothing waits after the end", async (t) => {
  const scene = await Scene.open(t);
  await scene.watch.stop();
  assert.equal(scene.clock.waiting, 0);
  assert.equal(scene.folders.size, 0);
  const own = await Certificates.open({ files: null, dataDirectory: scene.root, hostname: HOST }, scene.clock);
  assert.ok(own.ok);
  const quiet = new CertificateWatch({
    certificates: own.value,
    clock: scene.clock,
    info: () => undefined,
    warn: () => undefined,
  });
  quiet.start();
  assert.equal(scene.clock.waiting, 1);
  await quiet.stop();
  assert.equal(scene.clock.waiting, 0);
});

test("the kernel tells of a link that leads elsewhere", async (t) => {
  const scene = await Scene.open(t);
  const seen = Promise.withResolvers<string>();
  const watch = new CertificateWatch({
    certificates: scene.certificates,
    clock: {
      now: () => Date.now(),
      // The wait of a change is over at once; others are the test's never.
      after: (delayMs, task) => {
        if (delayMs === SETTLED_MS) setImmediate(task);
        return { cancel: () => undefined };
      },
    },
    info: (text) => seen.resolve(text),
    warn: (text) => seen.reject(new Error(text)),
  });
  watch.start();
  await watch.idle();
  const next = scene.make();
  await scene.archive(2, next);
  await scene.link(2);
  assert.match(await seen.promise, /read again/);
  assert.equal(dirname(scene.certificates.files?.certificate ?? ""), scene.path("live"));
  await watch.stop();
});
