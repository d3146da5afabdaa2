/** The relay as an operator runs it, and around it a small internet: names, mail servers, an attacker on the way. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAuthority, type TestAuthority } from "../peers/certificate.ts";
import { startNameServers, type Zone } from "../peers/name-servers.ts";
import { preparePostfix, type PostfixListener } from "../peers/postfix.ts";
import { ended, eventually, run } from "../peers/programs.ts";
import { Relay, repository } from "../peers/relay.ts";
import type { Part } from "./actor.ts";
import { TestNetwork, type Place } from "./network.ts";

/** How an attempt for one recipient ended, as the journal has it. */
export interface Outcome {
  readonly recipient: string;
  readonly outcome: "delivered" | "deferred" | "failed" | "expired";
  readonly server: string;
  readonly tls: string;
  readonly reply: string;
}

/** What the receiving Postfix wrote of a recipient into its own log. */
export interface Witness {
  /** Of the listener. */
  readonly server: string;
  readonly from: string;
  /** `TLSv1.3 with cipher …`, or `""`. */
  readonly tls: string;
}

export interface WorldPlan {
  readonly zones: readonly Zone[];
  readonly listeners: readonly PostfixListener[];
  readonly actors: Readonly<Partial<Record<Place, readonly Part[]>>>;
  /** Of the world, beside those of listeners and actors in it. */
  readonly addresses: readonly string[];
  /** Of the world in truth: the attacker on the way has taken them over. */
  readonly taken: readonly string[];
  /** Whatever goes there is lost without a word. */
  readonly lost: readonly string[];
  /** More of the relay's configuration file. */
  readonly config: string;
  /** Commands that add routes. */
  readonly routes: readonly string[];
  readonly authority: TestAuthority;
  /** Of the relay. */
  readonly folder: string;
}

const NAME_SERVER = "192.0.2.53";

export class OutsideWorld implements AsyncDisposable {
  readonly network: TestNetwork;
  relay: Relay | null = null;
  readonly #stack = new AsyncDisposableStack();
  #carried = "";
  #postfixLog = "";

  readonly #plan: WorldPlan;

  private constructor(network: TestNetwork, plan: WorldPlan) {
    this.network = network;
    this.#plan = plan;
    this.#stack.use(network);
  }

  static async start(plan: WorldPlan): Promise<OutsideWorld> {
    const addresses = [
      ...plan.listeners.map(({ address }) => hostOf(address)),
      ...addressesOf(plan.actors.world ?? []),
    ];
    const all = new Set([NAME_SERVER, ...plan.addresses, ...addresses]);
    const network = await TestNetwork.make([...all].map((address) => `${address}/${address.includes(":") ? 64 : 24}`));
    const world = new OutsideWorld(network, plan);
    try {
      await network.ip(
        "way",
        ...plan.taken.map((address) => `addr add ${address}/32 dev lo`),
        ...plan.lost.map((address) => `route add blackhole ${address}`),
      );
      await Promise.all([
        world.#startNames(plan.zones),
        world.#startPostfix(plan.listeners),
        ...(["way", "world"] as const).map((place) => world.#startActor(place, plan.actors[place] ?? [])),
      ]);
      world.#stack.defer(async () => await world.relay?.stop());
      await world.startRelay();
      return world;
    } catch (fault) {
      await world[Symbol.asyncDispose]();
      throw fault;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** A relay, which takes the place and the data directory of the one before, where there was one. */
  async startRelay(): Promise<void> {
    await this.relay?.stop();
    this.relay = null;
    const { config, routes, authority, folder } = this.#plan;
    this.relay = await Relay.start({
      program: join(repository, "bin/relaykeeper.mjs"),
      under: this.network.under("relay"),
      directory: folder,
      delivery: { mode: "mx" },
      moreConfig: config,
      moreTables: '[dns]\nservers = ["127.0.0.1"]',
      policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')", ...routes],
      env: { NODE_EXTRA_CA_CERTS: authority.file },
    });
  }

  /** `relaykeeper ARGUMENTS`; what it prints. */
  async command(...args: string[]): Promise<string> {
    assert.ok(this.relay);
    const { code, output, stdout } = await this.relay.command(args);
    assert.equal(code, 0, output);
    return stdout;
  }

  get log(): string {
    return this.relay?.log ?? "";
  }

  /** One message to each, all in one session of a program on the relay's machine. */
  async send(from: string, recipients: readonly string[]): Promise<void> {
    const lines = recipients.flatMap((to) => [
      `MAIL FROM:<${from}>`,
      `RCPT TO:<${to}>`,
      "DATA",
      `Subject: for ${to}`,
      "",
      "x",
      ".",
    ]);
    const session = ["EHLO program.test", ...lines, "QUIT", ""].join("\r\n");
    const sent = await run(process.execPath, [join(repository, "bin/relaykeeper.mjs"), "sendmail", "-bs"], {
      input: session,
      env: { RELAYKEEPER_DATA_DIR: this.relay?.dataDirectory ?? "" },
    });
    const queued = sent.stdout.match(/^250 2\.0\.0 Ok: queued/gm) ?? [];
    assert.equal(queued.length, recipients.length, sent.output);
  }

  /** The first outcome of each recipient, once all of them have one; what there is after the deadline. */
  async outcomes(recipients: readonly string[], withinMs = 30_000): Promise<ReadonlyMap<string, Outcome>> {
    const found = new Map<string, Outcome>();
    const look = async (): Promise<void> => {
      for (const row of await this.#journalled()) if (!found.has(row.recipient)) found.set(row.recipient, row);
      const missing = recipients.filter((recipient) => !found.has(recipient));
      assert.deepEqual(missing, []);
    };
    await eventually(look, withinMs).catch(() => undefined);
    return found;
  }

  /** The attempt that brought mail there. */
  async delivery(recipient: string): Promise<Outcome> {
    return await eventually(async () => {
      const rows = await this.#journalled();
      const found = rows.find((row) => row.recipient === recipient && row.outcome === "delivered");
      assert.ok(found, JSON.stringify(rows.filter((row) => row.recipient === recipient)));
      return found;
    }, 15_000);
  }

  async #journalled(): Promise<readonly Outcome[]> {
    const command = "DSPSMTPJRN TYPE(*OUTCOME) ORDER(*OLDEST) NBRENT(1000)";
    const answer = await post(this.relay?.controlSocket ?? "", "/v1/cl", { command });
    return (answer as { value: readonly Outcome[] }).value;
  }

  /** What Postfix says of a recipient; null where it never saw it. */
  async witness(recipient: string): Promise<Witness | null> {
    return witnessOf(await readFile(this.#postfixLog, "latin1"), recipient);
  }

  /** The same of one that it will see: it writes its log when it comes to it. */
  async witnessed(recipient: string): Promise<Witness> {
    return await eventually(async () => {
      const seen = await this.witness(recipient);
      assert.ok(seen, `Postfix took nothing for ${recipient}`);
      return seen;
    }, 5_000);
  }

  /** Lines of clients that the attacker on the way read. */
  get carried(): string {
    return this.#carried;
  }

  async #startNames(zones: readonly Zone[]): Promise<void> {
    const servers = await startNameServers(zones, {
      nsd: NAME_SERVER,
      unbound: "127.0.0.1",
      underNsd: this.network.under("world"),
      underUnbound: this.network.under("relay"),
    });
    this.#stack.defer(async () => await servers.stop());
  }

  async #startPostfix(listen: readonly PostfixListener[]): Promise<void> {
    const main = {
      inet_protocols: "all",
      mynetworks: "0.0.0.0/0, [::]/0",
      default_transport: "discard:",
      smtpd_tls_security_level: "may",
      smtpd_tls_loglevel: "1",
    };
    const { directory, command } = await preparePostfix({ relayhost: "", main, listen });
    this.#postfixLog = join(directory, "log/mail.log");
    const [program = "", ...args] = [...this.network.under("world"), ...command];
    const master = spawn(program, args, { cwd: directory, stdio: "ignore" });
    const end = ended(master);
    this.#stack.defer(async () => {
      master.kill("SIGTERM");
      await end;
      await rm(directory, { recursive: true, force: true, maxRetries: 10 });
    });
    await eventually(async () => assert.match(await readFile(this.#postfixLog, "latin1"), /daemon started/), 20_000);
  }

  async #startActor(place: Place, parts: readonly Part[]): Promise<void> {
    if (parts.length === 0) return;
    const [program = "", ...args] = [
      ...this.network.under(place),
      ...[process.execPath, join(import.meta.dirname, "actor.ts"), JSON.stringify(parts)],
    ];
    const actor = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    const end = ended(actor);
    this.#stack.defer(async () => {
      actor.stdin.end();
      await end;
    });
    let said = "";
    actor.stdout.setEncoding("latin1").on("data", (text: string) => {
      said += text;
      this.#carried = said;
    });
    await eventually(() => assert.match(said, /^ready$/m), 20_000);
  }
}

/** A folder with an authority in it, which the caller removes. */
export async function makeAuthorityFolder(): Promise<{ readonly folder: string; readonly authority: TestAuthority }> {
  const folder = await mkdtemp(join(tmpdir(), "relaykeeper-outside-"));
  return { folder, authority: await makeAuthority(folder) };
}

/** Follows the recipient in a log of Postfix from its delivery back to the session that brought it. */
export function witnessOf(log: string, recipient: string): Witness | null {
  const tlsOf = new Map<string, string>();
  const brought = new Map<string, { server: string; tls: string }>();
  const from = new Map<string, string>();
  for (const line of log.split("\n")) {
    const [, name = "", pid = "", text = ""] = /postfix\/(?:([\w-]+)\/)?\w+\[(\d+)\]: (.*)$/.exec(line) ?? [];
    const session = `${name} ${pid}`;
    const tls = /TLS connection established from [^:]*\S+: (.*)$/.exec(text);
    if (tls) tlsOf.set(session, tls[1] ?? "");
    else if (text.startsWith("disconnect from")) tlsOf.delete(session);
    const [, id = "", rest = ""] = /^([0-9A-Za-z]+): (.*)$/.exec(text) ?? [];
    if (rest.startsWith("client=")) brought.set(id, { server: name, tls: tlsOf.get(session) ?? "" });
    const sender = /^from=<([^>]*)>/.exec(rest);
    if (sender) from.set(id, sender[1] ?? "");
    if (rest.startsWith(`to=<${recipient}>,`) && rest.includes("status=sent")) {
      const session = brought.get(id);
      if (session) return { ...session, from: from.get(id) ?? "" };
    }
  }
  return null;
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
}

function addressesOf(parts: readonly Part[]): string[] {
  return parts.map(({ address }) => address);
}

async function post(socketPath: string, path: string, body: object): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const request = http.request({ socketPath, path, method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve(JSON.parse(text)));
    });
    request.on("error", reject).end(JSON.stringify(body));
  });
}
