import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ControlClient } from "./client.ts";
import { clearSocketFile } from "./socket-file.ts";

let directory = "";
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), "relaykeeper-socket-"))));
afterEach(async () => await rm(directory, { recursive: true, force: true }));

describe("clearSocketFile()", () => {
  test("has nothing to do where nothing is", async () => {
    assert.ok((await clearSocketFile(join(directory, "control.sock"))).ok);
  });

  test("removes what a killed process left", async () => {
    const path = join(directory, "control.sock");
    const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.stdout.write("up"))`;
    const child = spawn(process.execPath, ["-e", script]);
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.ok(existsSync(path));
    assert.ok((await clearSocketFile(path)).ok);
    assert.ok(!existsSync(path));
  });

  test("leaves a socket that is answered, and a file that is none", async () => {
    const path = join(directory, "control.sock");
    const server = createServer().listen(path);
    await once(server, "listening");
    const answered = await clearSocketFile(path);
    assert.match(answered.ok ? "" : answered.error, /answered by another relay/);
    assert.ok(existsSync(path));
    server.close();
    await once(server, "close");
    await writeFile(path, "");
    const file = await clearSocketFile(path);
    assert.match(file.ok ? "" : file.error, /is no socket/);
  });

  test("says so where the path is too long for a socket", async () => {
    const long = await clearSocketFile(join(directory, "d".repeat(120), "control.sock"));
    assert.match(long.ok ? "" : long.error, /103 octets/);
  });
});

describe("ControlClient", () => {
  test("says which socket was tried where nobody is", async () => {
    const path = join(directory, "control.sock");
    const answer = await new ControlClient(path, "root").get("/v1/status");
    assert.equal(answer.ok ? "" : answer.error, `no relay is running on ${path}: there is no such socket`);
    const session = await new ControlClient(path, "root").openSession();
    assert.match(session.ok ? "" : session.error, /there is no such socket/);
  });

  test("says so where something else answers", async () => {
    const path = join(directory, "control.sock");
    const server = createServer((socket) => socket.end("220 not this\r\n")).listen(path);
    await once(server, "listening");
    const answer = await new ControlClient(path, "root").get("/v1/status");
    assert.match(answer.ok ? "" : answer.error, /cannot be reached/);
    server.close();
  });
});
