import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { startWebServer, type Answering } from "../../../tests/web-server.ts";
import { DAY_MS } from "../../core/base/time.ts";
import { IPV4_LOOPBACK } from "../../core/mail/ip.ts";
import { ManualClock, WallClock } from "../memory/clock.ts";
import { makeSelfSigned } from "../tls/self-signed.ts";
import { ReportPoster, type ReportPosterOptions } from "./report-poster.ts";

const now = Date.now();
const good = makeSelfSigned("reports.a.example", now - DAY_MS, now + DAY_MS);
const other = makeSelfSigned("www.a.example", now - DAY_MS, now + DAY_MS);
const URL_OF_A = "https://reports.a.example/v1/tlsrpt?of=a";

const webServer = (t: TestContext, answering: Answering, pair = good): Promise<number> =>
  startWebServer(t, answering, pair);

function posterTo(port: number, options: Partial<ReportPosterOptions> = {}): ReportPoster {
  return new ReportPoster({ ...optionsOf(port), ...options });
}

function optionsOf(port: number): ReportPosterOptions {
  return {
    clock: new WallClock(),
    resolver: { addresses: () => Promise.resolve({ kind: "addresses", addresses: [IPV4_LOOPBACK], isSecure: false }) },
    limits: { tlsReportPostMs: 10_000 },
    reach: () => ({ host: "127.0.0.1", port }),
    ca: [good.certificate, other.certificate],
  };
}

async function resultOf(poster: ReportPoster, url = URL_OF_A, octets: Uint8Array = gzipSync("{}")): Promise<string> {
  const posted = await poster.post(url, octets);
  return posted.ok ? "taken" : posted.error;
}

test("a report is posted as RFC 8460 §5.4 says", async (t) => {
  const seen: unknown[] = [];
  const port = await webServer(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { host, "content-type": type } = request.headers;
      seen.push([request.method, request.url, host, type, gunzipSync(Buffer.concat(chunks)).toString()]);
      response.writeHead(201).end();
    });
  });
  const text = JSON.stringify({ policies: "x".repeat(100_000) });
  assert.equal(await resultOf(posterTo(port), URL_OF_A, gzipSync(text)), "taken");
  assert.deepEqual(seen, [["POST", "/v1/tlsrpt?of=a", "reports.a.example", "application/tlsrpt+gzip", text]]);
});

test("what is in the way of a report", async (t) => {
  const status =
    (code: number, headers: Record<string, string> = {}): Answering =>
    (request, response) => {
      request.resume();
      response.writeHead(code, headers).end();
    };
  let followed = false;
  const elsewhere = await webServer(t, () => (followed = true));
  const location = `https://127.0.0.1:${elsewhere}/`;
  assert.equal(await resultOf(posterTo(await webServer(t, status(404)))), "reports.a.example answered 404");
  assert.match(await resultOf(posterTo(await webServer(t, status(307, { location })))), /answered 307/);
  assert.equal(followed, false);
  assert.match(await resultOf(posterTo(await webServer(t, status(200), other))), /ERR_TLS_CERT_ALTNAME_INVALID/);
  assert.match(await resultOf(posterTo(await webServer(t, status(200)), { ca: [] })), /SELF_SIGNED/);
  assert.match(
    await resultOf(posterTo(await webServer(t, (request) => request.socket.destroy()))),
    /cannot be reached/,
  );
  assert.match(await resultOf(posterTo(1, { reach: () => null })), /no address that can be used/);
  const nowhere = { addresses: () => Promise.resolve({ kind: "none" } as const) };
  assert.match(await resultOf(posterTo(1, { resolver: nowhere })), /cannot be found/);
});

test("this machine is never posted to: loopback addresses are not for records of strangers", async () => {
  const { clock, resolver, limits } = optionsOf(1);
  assert.match(await resultOf(new ReportPoster({ clock, resolver, limits })), /no address that can be used/);
});

test("a server that says nothing is left in time, and at the end at once", async (t) => {
  const clock = new ManualClock();
  const asked = Promise.withResolvers<void>();
  const silent: Answering = (request) => request.resume().on("end", () => asked.resolve());
  const waiting = resultOf(posterTo(await webServer(t, silent), { clock }));
  await asked.promise;
  clock.advance(10_000);
  assert.equal(await waiting, "reports.a.example did not answer in time");

  const again = Promise.withResolvers<void>();
  const port = await webServer(t, (request) => request.resume().on("end", () => again.resolve()));
  const poster = posterTo(port, { clock });
  const cut = resultOf(poster);
  await again.promise;
  poster.close();
  assert.match(await cut, /did not answer in time/);
  assert.equal(clock.waiting, 0);
});
