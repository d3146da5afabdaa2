import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import net from "node:net";
import { test, type TestContext } from "node:test";
import { DEFAULT_LIMITS } from "../../core/base/limits.ts";
import { startWebServer, type Answering } from "../../../tests/web-server.ts";
import { DAY_MS } from "../../core/base/time.ts";
import type { AddressAnswer } from "../../core/mail/dns-answer.ts";
import type { Domain } from "../../core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../../core/mail/ip.ts";
import { ManualClock, WallClock } from "../memory/clock.ts";
import { makeSelfSigned, type CertificatePair } from "../tls/self-signed.ts";
import { createStsPolicyFetcher, type PolicyFetcherOptions } from "./policy-fetcher.ts";

const now = Date.now();
const good = makeSelfSigned("mta-sts.a.example", now - DAY_MS, now + DAY_MS);
const other = makeSelfSigned("www.a.example", now - DAY_MS, now + DAY_MS);
const expired = makeSelfSigned("mta-sts.a.example", now - 3 * DAY_MS, now - DAY_MS);
const POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mx.a.example\r\nmax_age: 86400\r\n";
const HERE: AddressAnswer = { kind: "addresses", addresses: [IPV4_LOOPBACK], isSecure: false };

const webServer = (t: TestContext, answering: Answering, pair = good): Promise<number> =>
  startWebServer(t, answering, pair);

async function fetchFrom(port: number, options: Partial<PolicyFetcherOptions> = {}): Promise<string> {
  const fetcher = createStsPolicyFetcher({
    clock: new WallClock(),
    resolver: { addresses: () => Promise.resolve(HERE) },
    limits: DEFAULT_LIMITS,
    reach: () => ({ host: "127.0.0.1", port }),
    ca: [good.certificate, other.certificate, expired.certificate],
    ...options,
  });
  const fetched = await fetcher.fetch("a.example" as Domain);
  return fetched.ok ? fetched.value : `${fetched.error.type}: ${fetched.error.reason}`;
}

const text =
  (body: string, type = "text/plain; charset=utf-8", status = 200, more: Record<string, string> = {}): Answering =>
  (_request, response) => {
    response.writeHead(status, { "content-type": type, ...more });
    response.end(body);
  };

test("a policy is asked for at its well-known place, under its name", async (t) => {
  const asked: unknown[] = [];
  const port = await webServer(t, (request, response) => {
    asked.push([
      request.method,
      request.url,
      request.headers.host,
      (request.socket as { servername?: string }).servername,
    ]);
    text(POLICY)(request, response);
  });
  assert.equal(await fetchFrom(port), POLICY);
  assert.deepEqual(asked, [["GET", "/.well-known/mta-sts.txt", "mta-sts.a.example", "mta-sts.a.example"]]);
});

test("what is no policy in the first place", async (t) => {
  const cases: [what: string, answering: Answering, said: RegExp][] = [
    ["a redirection", text("", "text/plain", 301, { location: "https://a.example/" }), /fetch-error: .*answered 301/],
    ["nothing there", text("", "text/plain", 404), /answered 404/],
    ["a web page", text(POLICY, "text/html"), /sent no text\/plain/],
    ["no type", (_request, response) => response.end(POLICY), /sent no text\/plain/],
    ["compressed", text(POLICY, "text/plain", 200, { "content-encoding": "gzip" }), /in an encoding/],
    ["too long", text("x".repeat(65_537)), /longer than 65536 octets/],
    ["as long as may be", text("x".repeat(65_536)), /^x{65536}$/],
    ["without end", (_request, response) => void endless(response), /longer than 65536 octets/],
    [
      "broken off",
      (_request, response) => {
        response.writeHead(200, { "content-type": "text/plain", "content-length": "100" });
        response.write("version");
        setImmediate(() => response.destroy());
      },
      /broke off|cannot be reached/,
    ],
  ];
  for (const [what, answering, said] of cases) assert.match(await fetchFrom(await webServer(t, answering)), said, what);
});

function endless(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/plain" });
  const more = (): void => {
    while (!response.destroyed && response.write("x".repeat(16_384)));
  };
  response.on("drain", more);
  more();
}

test("the certificate is verified", async (t) => {
  const cases: [CertificatePair, RegExp][] = [
    [other, /^sts-webpki-invalid: .* for another name/],
    [expired, /^sts-webpki-invalid: .* not valid \(CERT_HAS_EXPIRED\)/],
  ];
  for (const [pair, said] of cases) assert.match(await fetchFrom(await webServer(t, text(POLICY), pair)), said);
  const port = await webServer(t, text(POLICY));
  assert.match(await fetchFrom(port, { ca: other.certificate }), /^sts-webpki-invalid: /);
});

test("an address that is none of a web server is not tried", async () => {
  const fetcher = createStsPolicyFetcher({
    clock: new WallClock(),
    resolver: { addresses: () => Promise.resolve(HERE) },
    limits: DEFAULT_LIMITS,
  });
  const fetched = await fetcher.fetch("a.example" as Domain);
  assert.ok(!fetched.ok);
  assert.match(fetched.error.reason, /no address that can be used/);
  for (const [answer, reason] of [
    [{ kind: "none" }, /has no address/],
    [{ kind: "trouble", reason: "SERVFAIL" }, /cannot be looked up now: SERVFAIL/],
  ] as const)
    assert.match(await fetchFrom(1, { resolver: { addresses: () => Promise.resolve(answer) } }), reason);
});

test("one address after the other; nobody there, or nobody who answers, is trouble in time", async (t) => {
  const port = await webServer(t, text(POLICY));
  const deaf = net.createServer(() => {});
  deaf.listen(0, "127.0.0.1");
  await once(deaf, "listening");
  const deafPort = (deaf.address() as AddressInfo).port;
  t.after(() => deaf.close());
  const two: AddressAnswer = { ...HERE, addresses: [IPV4_LOOPBACK, IPV4_LOOPBACK] };
  const ports = [1, port];
  const reach = (): { host: string; port: number } => ({ host: "127.0.0.1", port: ports.shift() ?? 1 });
  assert.equal(await fetchFrom(0, { resolver: { addresses: () => Promise.resolve(two) }, reach }), POLICY);
  assert.match(await fetchFrom(1), /cannot be reached: ECONNREFUSED/);

  const clock = new ManualClock();
  const asked = once(deaf, "connection");
  const late = fetchFrom(deafPort, { clock });
  const [socket] = (await asked) as [net.Socket];
  clock.advance(DEFAULT_LIMITS.stsFetchTimeoutMs);
  assert.match(await late, /did not answer in time/);
  socket.destroy();
});
