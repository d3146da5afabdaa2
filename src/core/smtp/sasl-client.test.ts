import assert from "node:assert/strict";
import { test } from "node:test";
import {
  authCommand,
  challengeOf,
  chooseMechanism,
  describeTokenError,
  oauthBearerResponse,
  withoutSecrets,
  xoauth2Response,
} from "./sasl-client.ts";

test("responses are those of the documents", () => {
  // RFC 7628 §4.1, with the example's host and port.
  const token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
  assert.equal(
    Buffer.from(oauthBearerResponse("user@example.com", token, "server.example.com", 143), "base64").toString(),
    `n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer ${token}\x01\x01`,
  );
  assert.match(Buffer.from(oauthBearerResponse("a=b,c", token, "h", 1), "base64").toString(), /^n,a=a=3Db=2Cc,\x01/);
  // The example of Google's description of XOAUTH2.
  assert.equal(
    xoauth2Response("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"),
    "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==",
  );
});

test("an initial response goes along where the line stays below 512 octets", () => {
  assert.equal(authCommand("PLAIN", ""), "AUTH PLAIN =");
  const room = 512 - 2 - "AUTH XOAUTH2 ".length;
  assert.equal(authCommand("XOAUTH2", "x".repeat(room)), `AUTH XOAUTH2 ${"x".repeat(room)}`);
  assert.equal(authCommand("XOAUTH2", "x".repeat(room + 1)), "AUTH XOAUTH2");
});

test("a mechanism is used where it is offered, wanted, and fits what we have", () => {
  const rows: [Parameters<typeof chooseMechanism>, string | null][] = [
    [["auto", "password", ["XOAUTH2", "LOGIN", "PLAIN"]], "PLAIN"],
    [["login", "password", ["LOGIN", "PLAIN"]], "LOGIN"],
    [["cram-md5", "password", ["LOGIN", "PLAIN"]], null],
    [["auto", "token", ["XOAUTH2", "LOGIN", "OAUTHBEARER"]], "OAUTHBEARER"],
    [["xoauth2", "token", ["XOAUTH2", "LOGIN", "OAUTHBEARER"]], "XOAUTH2"],
    [["xoauth2", "password", ["XOAUTH2"]], null],
    [["plain", "token", ["PLAIN"]], null],
    [["auto", "token", ["PLAIN"]], null],
  ];
  for (const [asked, expected] of rows) assert.equal(chooseMechanism(...asked), expected, JSON.stringify(asked));
});

test("reasons are read field by field", () => {
  const words = (text: string): string => describeTokenError(new TextEncoder().encode(text));
  assert.equal(words('{"status":"401","schemes":"bearer","scope":"s"}'), "status 401, scope s");
  assert.equal(words('{"status":401}'), "");
  assert.equal(words("null"), "");
  assert.equal(words('"status"'), "");
  assert.equal(words("{"), "");
  assert.equal(words(`{"status":"${"x".repeat(500)}"}`), `status ${"x".repeat(199)}…`);
  assert.equal(describeTokenError(challengeOf(["no base64"])), "");
});

test("what is secret is taken out of the text of a stranger", () => {
  assert.equal(withoutSecrets("it is abc, abc!", ["abc", ""]), "it is ***, ***!");
});
