import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import {
  checkLogin,
  decodeResponse,
  parsePlain,
  parseScramClientFinal,
  parseScramClientFirst,
  saslPrep,
  type SaslFault,
} from "./sasl.ts";

test("base64 is the one of RFC 4648, padded and canonical", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => {
      const text = encodeBase64(octets);
      assert.equal(text, Buffer.from(octets).toString("base64"));
      assert.deepEqual(decodeBase64(text), octets);
    }),
  );
  for (const text of [
    "a",
    "ab",
    "abc",
    "====",
    "a===",
    "ab=c",
    "ab==abcd",
    "a b=",
    "ab\u00f6=",
    "aB==",
    "aa-_",
    "YQ==\n",
  ])
    assert.equal(decodeBase64(text), null, text);
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void decodeBase64(text)));
});

test("decodeResponse() takes = for nothing", () => {
  assert.deepEqual(decodeResponse("="), { ok: true, value: "" });
  assert.deepEqual(decodeResponse("!"), { ok: false, error: "base64" });
  assert.deepEqual(decodeResponse("/w=="), { ok: false, error: "denied" });
});

test("parsePlain() reads RFC 4616 and nothing else", () => {
  const cases: [message: string, expected: string][] = [
    ["\0user\0secret", "user:secret"],
    ["user\0user\0secret", "user:secret"],
    ["other\0user\0secret", "denied"],
    ["\0\0", "denied"],
    ["\0user\0", "denied"],
    ["user\0secret", "denied"],
    ["\0user\0secret\0", "denied"],
    ["", "denied"],
    [`\0${"u".repeat(256)}\0secret`, "denied"],
    [`\0user\0${"p".repeat(1_025)}`, "denied"],
    ["\0us\u00aaer\0p\u00adw", "usaer:pw"],
    ["\0us\u0007er\0pw", "denied"],
  ];
  for (const [message, expected] of cases) {
    const login = parsePlain(message);
    assert.equal(
      login.ok ? `${login.value.user}:${login.value.password}` : login.error,
      expected,
      JSON.stringify(message),
    );
  }
});

test("saslPrep() does what RFC 4013 shows", () => {
  for (const [text, prepared] of [
    ["I\u00adX", "IX"],
    ["user", "user"],
    ["USER", "USER"],
    ["\u00aa", "a"],
    ["\u2168", "IX"],
    ["\u0007", null],
    ["a\u00a0b", "a b"],
    ["\ud800", null],
  ] as const)
    assert.equal(saslPrep(text), prepared);
});

test("parseScramClientFirst() and parseScramClientFinal() read RFC 5802", () => {
  const first = parseScramClientFirst("n,,n=us=2Cer=3D,r=fyko+d2lbbFgONRv9qkxdawL");
  assert.ok(first.ok);
  assert.deepEqual(first.value, {
    user: "us,er=",
    nonce: "fyko+d2lbbFgONRv9qkxdawL",
    bare: "n=us=2Cer=3D,r=fyko+d2lbbFgONRv9qkxdawL",
    channelHeader: "n,,",
  });
  const bad: [message: string, fault: SaslFault][] = [
    ["", "syntax"],
    ["n,,", "syntax"],
    ["x,,n=user,r=fyko+d2lb", "syntax"],
    ["p=tls-unique,,n=user,r=fyko+d2lb", "denied"],
    ["n,a=other,n=user,r=fyko+d2lb", "denied"],
    ["n,,n=us=er,r=fyko+d2lb", "syntax"],
    ["n,,n=user,r=short", "syntax"],
    ["n,,n=user,r=fyko+d2lb,m=ext", "denied"],
    ["n,,m=ext,n=user,r=fyko+d2lb", "syntax"],
    ["n,,n=,r=fyko+d2lb", "denied"],
  ];
  for (const [message, fault] of bad)
    assert.deepEqual(parseScramClientFirst(message), { ok: false, error: fault }, message);
  const proof = encodeBase64(new Uint8Array(32));
  const final = parseScramClientFinal(`c=biws,r=abc,p=${proof}`);
  assert.ok(final.ok);
  assert.equal(final.value.channelHeader, "n,,");
  assert.equal(final.value.withoutProof, "c=biws,r=abc");
  for (const message of ["", "c=biws,r=abc", "c=biws,r=abc,p=", "c=!,r=abc,p=" + proof, `r=abc,c=biws,p=${proof}`])
    assert.equal(parseScramClientFinal(message).ok, false, message);
});

test("no SASL parser throws", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      parsePlain(text);
      parseScramClientFirst(`n,,n=${text}`);
      parseScramClientFinal(`c=${text},p=`);
      checkLogin(text, text);
    }),
  );
});
