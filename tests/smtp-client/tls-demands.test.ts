/** TLS with a next hop, as it is demanded: what is sent to whom, what is said of it, and what is kept of a session. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createSecureContext } from "node:tls";
import type { TlsaRecord } from "../../src/core/mail/dns-answer.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import type { AppliedPolicy, TlsDemand } from "../../src/core/tls-policy/demand.ts";
import type { TlsResult } from "../../src/core/tls-policy/tls-result.ts";
import type { TransportResult } from "../../src/flows/ports.ts";
import { missing } from "../peers/programs.ts";
import { Issuer, tlsa, type Issued } from "./authority.ts";
import { ScriptedServer, type Client } from "./scripted-server.ts";
import { hop, mail, transport, VERIFY, words } from "./sending.ts";

const NAME = "mx.example";
const OFFERS = `250-${NAME}\r\n250-PIPELINING\r\n250 STARTTLS\r\n`;
const CLEAR = `250-${NAME}\r\n250 PIPELINING\r\n`;

const dane = (...records: TlsaRecord[]): TlsDemand => ({ kind: "dane", records, names: [NAME, "example"] });
const sts = (mode: "enforce" | "testing"): TlsDemand => ({ kind: "mta-sts", mode, names: [NAME] });
const namely = (name: string): TlsDemand => ({ kind: "verify", names: [name] });
const PIN: TlsDemand = { kind: "pin", pins: ["00".repeat(32)] };
const POLICY: AppliedPolicy = { type: "tlsa", domain: NAME as Domain, strings: [], mxPatterns: [] };

async function takeMessages(client: Client): Promise<void> {
  for (;;) {
    const line = await client.line();
    if (line.startsWith("MAIL") || line.startsWith("RCPT")) client.send("250 Ok\r\n");
    else if (line === "DATA") {
      client.send("354 Go\r\n");
      await client.data();
      client.send(`250 Taken ${client.encrypted ? "secretly" : "openly"}\r\n`);
    } else return;
  }
}

/** A server that shows these certificates after STARTTLS, and takes mail with TLS and without. */
function serverOf(
  shown: Issued,
  options: { maxVersion?: "TLSv1.2"; isImplicit?: boolean } = {},
): Promise<ScriptedServer> {
  const { maxVersion } = options;
  const secure = { cert: shown.chain, key: shown.key, ...(maxVersion ? { maxVersion } : {}) };
  return ScriptedServer.start(async (client) => {
    if (options.isImplicit === true) await client.startTls(secure);
    client.send(`220 ${NAME} ESMTP\r\n`);
    await client.line();
    client.send(options.isImplicit === true ? CLEAR : OFFERS);
    if (options.isImplicit !== true) {
      if ((await client.line()) !== "STARTTLS") return;
      client.send("220 Go\r\n");
      await client.startTls(secure);
      if (!(await client.line()).startsWith("EHLO")) return;
      client.send(CLEAR);
    }
    await takeMessages(client);
  });
}

interface Sent {
  readonly said: string;
  readonly result: TransportResult;
  readonly results: readonly TlsResult[];
  /** Every line that the server read. */
  readonly lines: readonly string[];
  readonly connections: number;
}

async function send(server: ScriptedServer, tls: TlsDemand, ca?: string, isImplicit = false): Promise<Sent> {
  const results: TlsResult[] = [];
  const sender = transport({ tlsResults: { record: (one) => void results.push(one) }, ...(ca ? { ca } : {}) });
  const result = await sender.send(hop(server.port, { tls, policy: POLICY, isImplicit }), mail("x\r\n"));
  await sender.close(1_000);
  const lines = server.clients.flatMap((client) => client.lines);
  return { said: words(result).join(" "), result, results, lines, connections: server.clients.length };
}

describe("TLS as it is demanded", { skip: missing("openssl") }, () => {
  let issuer: Issuer;
  let root: Issued;
  let middle: Issued;
  let leaf: Issued;
  let other: Issued;
  let expired: Issued;
  let selfSigned: Issued;
  before(() => {
    issuer = new Issuer();
    root = issuer.root("Root");
    middle = issuer.authority("Middle", root);
    leaf = issuer.server(NAME, middle);
    other = issuer.server("other.example", middle);
    expired = issuer.server(NAME, middle, { isExpired: true });
    selfSigned = issuer.server(NAME, null);
  });
  after(() => issuer.close());

  /** Sends to a server that shows this; "verified (…)" where it was taken, else the reply. */
  async function outcome(shown: Issued, demand: TlsDemand, ca?: string): Promise<string> {
    const server = await serverOf(shown);
    const sent = await send(server, demand, ca);
    await server.close();
    const isTaken = sent.result.replies[0]?.code === 250;
    if (!isTaken) {
      assert.ok(!sent.lines.some((line) => /^(MAIL|AUTH|DATA)/.test(line)), `nothing is sent: ${sent.lines.join()}`);
      assert.equal(sent.results.length, 1);
      assert.notEqual(sent.results[0]?.failure, null);
      return `${sent.results[0]?.failure ?? ""}: ${sent.said}`;
    }
    assert.match(sent.said, /^250 Taken secretly$/);
    assert.equal(sent.results.length, 1);
    return sent.result.tls.replace(/^TLSv1\.3 TLS_AES_\w+ /, "");
  }

  test("certificates and what they are worth", async () => {
    const starred = issuer.server("x", middle, {
      extensions: "subjectAltName=DNS:*.a.example\nbasicConstraints=CA:FALSE",
    });
    const cases: [what: string, shown: Issued, demand: TlsDemand, said: string | RegExp, ca?: string][] = [
      ["may takes all", expired, { kind: "may" }, "not verified (may)"],
      ["encrypt takes all", selfSigned, { kind: "encrypt" }, "not verified (encrypt)"],
      ["verify", leaf, VERIFY, "verified (verify)", root.own],
      ["verify, a star", starred, namely("mx.a.example"), "verified (verify)", root.own],
      ["verify, a star for two labels", starred, namely("mx.b.a.example"), /^certificate-host-mismatch/, root.own],
      ["verify, a star for none", starred, namely("a.example"), /^certificate-host-mismatch/, root.own],
      ["verify, no trusted authority", leaf, VERIFY, /^certificate-not-trusted: ROUTE 451 4\.7\.5 /],
      ["verify, expired", expired, VERIFY, /^certificate-expired: .* expired on \d{4}-\d\d-\d\d/, root.own],
      [
        "verify, another name",
        other,
        VERIFY,
        /^certificate-host-mismatch: .* for other\.example, not for mx\.example/,
        root.own,
      ],
      ["enforce", leaf, sts("enforce"), "verified (mta-sts)", root.own],
      ["enforce, another name", other, sts("enforce"), /^certificate-host-mismatch/, root.own],
      ["enforce, self-signed", selfSigned, sts("enforce"), /^certificate-not-trusted: .*self-signed/, root.own],
      ["testing, self-signed", selfSigned, sts("testing"), "not verified (mta-sts testing)", root.own],
      ["pin", leaf, { kind: "pin", pins: [hex(tlsa(3, 1, 1, leaf))] }, "verified (pin of the key)"],
      ["pin of another", leaf, PIN, /^validation-failure: .*another key than those pinned/],
      ["3 1 1, another name", other, dane(tlsa(3, 1, 1, other)), "verified (dane-ee)"],
      ["3 0 2, expired", expired, dane(tlsa(3, 0, 2, expired)), "verified (dane-ee)"],
      ["3 1 0, self-signed", selfSigned, dane(tlsa(3, 1, 0, selfSigned)), "verified (dane-ee)"],
      ["3 1 1 of another key", leaf, dane(tlsa(3, 1, 1, other)), /^validation-failure: .*no TLSA record/, root.own],
      ["2 0 1 of the authority", leaf, dane(tlsa(2, 0, 1, middle)), "verified (dane-ta)"],
      ["2 1 1 of the root", leaf, dane(tlsa(2, 1, 1, root)), "verified (dane-ta)"],
      [
        "2 0 0 of a root that is not shown",
        { ...leaf, chain: leaf.own + middle.own },
        dane(tlsa(2, 0, 0, root)),
        "verified (dane-ta)",
      ],
      [
        "2 0 1 of a root that is not shown",
        { ...leaf, chain: leaf.own + middle.own },
        dane(tlsa(2, 0, 1, root)),
        /^validation-failure/,
      ],
      ["2 0 1, another name", other, dane(tlsa(2, 0, 1, middle)), /^certificate-host-mismatch/],
      ["2 0 1, expired", expired, dane(tlsa(2, 0, 1, middle)), /^certificate-expired/],
      ["2 0 1 beside a 3 1 1 of before", leaf, dane(tlsa(3, 1, 1, other), tlsa(2, 0, 1, middle)), "verified (dane-ta)"],
      ["2 0 1 of the server's own", selfSigned, dane(tlsa(2, 0, 1, selfSigned)), "verified (dane-ta)"],
      ["nothing usable", selfSigned, dane(), "not verified (dane: no usable TLSA record)"],
    ];
    for (const [what, shown, demand, said, ca] of cases) {
      const came = await outcome(shown, demand, ca);
      if (typeof said === "string") assert.equal(came, said, what);
      else assert.match(came, said, what);
    }
  });

  test("an anchor of DANE that is shown vouches for nothing that it did not sign", async () => {
    const stranger = issuer.server(NAME, issuer.root("Stranger"));
    const beside: Issued = { ...stranger, chain: stranger.own + middle.own + root.own };
    // A server's certificate that poses as an authority, and an authority whose own may have nothing below them.
    const forged = issuer.server(NAME, other);
    const narrow = issuer.authority("Narrow", root, "nameConstraints=critical,permitted;DNS:narrow.example");
    const outside = issuer.server(NAME, narrow);
    for (const [what, shown, anchor] of [
      ["beside another chain", beside, middle],
      ["a server's certificate as an authority", forged, middle],
      ["outside the names of an authority", outside, root],
    ] as const) {
      const came = await outcome(shown, dane(tlsa(2, 0, 1, anchor)));
      assert.match(came, /^certificate-not-trusted: ROUTE 451 4\.7\.5 /, what);
    }
  });

  test("STARTTLS that is taken away: nothing is sent where TLS is demanded", async () => {
    const stripped = (): Promise<ScriptedServer> =>
      ScriptedServer.start(async (client) => {
        client.send(`220 ${NAME} ESMTP\r\n`);
        await client.expect("EHLO", CLEAR);
        await takeMessages(client);
      });
    const refused = (): Promise<ScriptedServer> =>
      ScriptedServer.start(async (client) => {
        client.send(`220 ${NAME} ESMTP\r\n`);
        await client.expect("EHLO", OFFERS);
        if ((await client.line()) === "STARTTLS") client.send("454 4.7.0 Not now\r\n");
        await takeMessages(client);
      });
    const demands: [TlsDemand, RegExp | null][] = [
      [VERIFY, /required/],
      [{ kind: "encrypt" }, /required/],
      [PIN, /required/],
      [dane(), /TLSA records demand it: it was taken away/],
      [dane(tlsa(3, 1, 1, leaf)), /TLSA records demand it/],
      [sts("enforce"), /MTA-STS policy demands it/],
      [sts("testing"), null],
      [{ kind: "may" }, null],
    ];
    for (const start of [stripped, refused]) {
      for (const [demand, expected] of demands) {
        const server = await start();
        const sent = await send(server, demand);
        await server.close();
        assert.deepEqual(
          sent.results.map(({ failure }) => failure),
          ["starttls-not-supported"],
          demand.kind,
        );
        if (expected === null) assert.equal(sent.said, "250 Taken openly", demand.kind);
        else {
          assert.match(sent.said, /^ROUTE 451 4\.7\.4 /);
          assert.match(sent.said, expected);
          assert.ok(!sent.lines.some((line) => line.startsWith("MAIL")), demand.kind);
        }
      }
    }
  });

  test("a handshake that is broken: only what may goes in the clear", async () => {
    const broken = (): Promise<ScriptedServer> =>
      ScriptedServer.start(async (client) => {
        client.send(`220 ${NAME} ESMTP\r\n`);
        await client.expect("EHLO", OFFERS);
        const line = await client.line();
        if (line === "STARTTLS") {
          client.send("220 Go\r\n");
          await client.octets(1);
          client.send("this is no TLS\r\n");
          client.end();
          return;
        }
        client.send("250 Ok\r\n");
        await takeMessages(client);
      });
    for (const [demand, isTaken] of [
      [{ kind: "may" }, true],
      [sts("testing"), true],
      [sts("enforce"), false],
      [dane(tlsa(3, 1, 1, leaf)), false],
      [VERIFY, false],
      [{ kind: "encrypt" }, false],
    ] as const) {
      const server = await broken();
      const sent = await send(server, demand);
      await server.close();
      assert.match(sent.said, isTaken ? /^250 Taken openly$/ : /^ROUTE 451 4\.7\.5 TLS handshake failed/, demand.kind);
      assert.equal(sent.connections, isTaken ? 2 : 1, demand.kind);
      assert.equal(sent.results[0]?.failure, "validation-failure");
    }
  });

  test("TLS from the first octet is judged like STARTTLS", async () => {
    for (const [demand, expected] of [
      [VERIFY, "250 Taken secretly"],
      [dane(tlsa(2, 0, 1, middle)), "250 Taken secretly"],
      [namely("else.example"), "not for else.example"],
      [dane(tlsa(3, 1, 1, other)), "no TLSA record"],
    ] as const) {
      const server = await serverOf(leaf, { isImplicit: true });
      const sent = await send(server, demand, root.own, true);
      await server.close();
      assert.ok(sent.said.includes(expected), sent.said);
      assert.equal(
        sent.lines.some((line) => line.startsWith("MAIL")),
        expected.startsWith("250"),
      );
    }
  });

  for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
    test(`${maxVersion}: a session is resumed under the demand it was made for, and under no other`, async (t) => {
      const reused: boolean[] = [];
      // One context, so that tickets of one connection are known to the next.
      const secureContext = createSecureContext({ cert: selfSigned.chain, key: selfSigned.key, maxVersion });
      const server = await ScriptedServer.start(async (client) => {
        client.send(`220 ${NAME} ESMTP\r\n`);
        await client.expect("EHLO", OFFERS);
        await client.expect("STARTTLS", "220 Go\r\n");
        await client.startTls({ secureContext });
        if (!(await client.line()).startsWith("EHLO")) return;
        reused.push(client.isSessionReused);
        client.send(CLEAR);
        await takeMessages(client);
      });
      const sender = transport();
      t.after(() => end(sender, server));
      const attempts: [TlsDemand, RegExp, boolean][] = [
        [{ kind: "may" }, / not verified \(may\)$/, false],
        [{ kind: "may" }, / not verified \(may\)$/, true],
        [dane(tlsa(3, 1, 1, selfSigned)), / verified \(dane-ee\)$/, false],
        [dane(tlsa(3, 1, 1, selfSigned)), / verified \(dane-ee\)$/, true],
        [VERIFY, /^$/, false],
        [dane(tlsa(3, 1, 1, leaf)), /^$/, false],
        [{ kind: "may" }, / not verified \(may\)$/, true],
      ];
      for (const [at, [tls, expected]] of attempts.entries()) {
        // Another next hop each time: kept connections have no part in this.
        const result = await sender.send(hop(server.port, { key: `smarthost:${at}`, tls }), mail("x\r\n"));
        assert.match(result.tls, expected, `attempt ${at}`);
      }
      assert.deepEqual(
        reused,
        attempts.filter(([, expected]) => expected.source !== "^$").map(([, , isReused]) => isReused),
      );
    });
  }

  test("a kept connection serves the demand it was made under, and no other", async (t) => {
    const server = await serverOf(selfSigned);
    const sender = transport();
    t.after(() => end(sender, server));
    const demands: TlsDemand[] = [{ kind: "may" }, { kind: "may" }, VERIFY, dane(tlsa(3, 1, 1, selfSigned))];
    const said: string[] = [];
    for (const tls of demands) said.push(words(await sender.send(hop(server.port, { tls }), mail("x\r\n"))).join(" "));
    assert.deepEqual(
      said.map((text) => text.slice(0, 19)),
      ["250 Taken secretly", "250 Taken secretly", "ROUTE 451 4.7.5 mx.", "250 Taken secretly"],
    );
    assert.equal(server.clients.length, 3);
  });
});

async function end(sender: ReturnType<typeof transport>, server: ScriptedServer): Promise<void> {
  await sender.close(1_000);
  await server.close();
}

function hex({ octets }: TlsaRecord): string {
  return Buffer.from(octets).toString("hex");
}
