import assert from "node:assert/strict";
import { formatIpAddress } from "../../../src/core/mail/ip.ts";
import type { Reply } from "../../../src/core/mail/reply.ts";
import { parseOffers } from "../../../src/core/smtp/offers.ts";
import { parseProxyHeader, PROXY_HEADER_OCTETS_MAX } from "../../../src/core/smtp/proxy-protocol.ts";
import { ReplyReader, REPLY_LINES_MAX, REPLY_OCTETS_MAX } from "../../../src/core/smtp/reply-reader.ts";
import { decodeBase64, encodeBase64 } from "../../../src/core/base/base64.ts";
import {
  checkLogin,
  decodeResponse,
  parsePlain,
  parseScramClientFinal,
  parseScramClientFirst,
  saslPrep,
  SASL_NAME_OCTETS_MAX,
} from "../../../src/core/smtp/sasl.ts";
import { assertPlain, latin1, octetByOctet, pieces, utf8, type PlantedBug, type Target } from "../target.ts";

// --- PROXY protocol ---------------------------------------------------------------------------------------------------

function proxyTarget(parse: typeof parseProxyHeader): Target {
  return {
    name: "proxy",
    corpus: "proxy",
    words: [
      ...["PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN", "\r\n", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", " "],
      ...["\r\n\r\n\0\r\nQUIT\n", "\x21\x11\0\x0c", "\x21\x21\0\x24", "\x20\0\0\0", "%eth0", "65535", "65536", "0300"],
    ],
    check(input) {
      const header = parse(Uint8Array.from(input));
      for (const length of [0, 1, 5, 6, 12, 15, 16, 27, 28, input.length >> 1, input.length - 1]) {
        const begun = parse(Uint8Array.from(input.subarray(0, Math.max(0, length))));
        if (begun.kind !== "more") assert.deepEqual(begun, header, "what is known is known whatever follows");
      }
      if (header.kind === "more") assert.ok(input.length < PROXY_HEADER_OCTETS_MAX, "nobody is waited for without end");
      if (header.kind !== "header") return;
      assert.ok(header.length <= Math.min(input.length, PROXY_HEADER_OCTETS_MAX));
      assert.deepEqual(parse(Uint8Array.from(input.subarray(0, header.length))), header, "the rest is the client's");
      assert.equal(header.client === null, header.local === null);
      if (header.client !== null) assertPlain(formatIpAddress(header.client), 45);
    },
    work: (input) => void parse(input),
  };
}

// --- replies of a server, and what it offers --------------------------------------------------------------------------

function readReplies(reader: ReplyReader, parts: Iterable<Uint8Array>): (Reply | string)[] {
  const replies: (Reply | string)[] = [];
  for (const part of parts) {
    reader.push(latin1(part));
    for (let reply = reader.next(); reply !== null; reply = reader.next()) replies.push(reply);
  }
  if (reader.fault !== null) replies.push(reader.fault);
  return replies;
}

function replyTarget(make: () => ReplyReader): Target {
  return {
    name: "replies",
    corpus: "replies",
    words: [
      ...["250-", "250 ", "550 5.7.1 ", "421", "999 ", "\r\n", "\n", "\r", "AUTH PLAIN", "AUTH=", "SIZE ", "\x1b[31m"],
      ...["5.1.1", "5.1111.1", "\0", "ü", "\u202e", "\u00ad", "x".repeat(600), "250-x\r\n".repeat(30)],
    ],
    check(input, chance) {
      const replies = readReplies(make(), [input]);
      assert.deepEqual(readReplies(make(), pieces(input, chance)), replies);
      for (const reply of replies) if (typeof reply !== "string") checkReply(reply);
    },
    work: (input) => void readReplies(make(), octetByOctet(input)),
  };
}

function checkReply(reply: Reply): void {
  assert.ok(reply.code >= 200 && reply.code <= 599);
  assert.match(reply.enhanced, /^(|[245]\.\d{1,3}\.\d{1,3})$/);
  assert.ok(reply.text.length >= 1 && reply.text.length <= REPLY_LINES_MAX);
  for (const line of reply.text) assertPlain(line, REPLY_OCTETS_MAX * 8);
  const offers = parseOffers(reply);
  assert.ok(Number.isSafeInteger(offers.sizeOctetsMax) && offers.sizeOctetsMax >= 0);
}

// --- AUTH -------------------------------------------------------------------------------------------------------------

function saslTarget(prepare: typeof saslPrep): Target {
  return {
    name: "sasl",
    corpus: "sasl",
    words: [
      "n,,",
      "y,,",
      "p=tls-unique,,",
      "n=user",
      ",r=abcdefgh",
      "=2C",
      "=3D",
      ",p=",
      "c=biws",
      "\0",
      "\u00ad",
      "\u00aa",
    ],
    check(input) {
      const text = utf8(input);
      const encoded = encodeBase64(input);
      assert.deepEqual(decodeBase64(encoded), Uint8Array.from(input));
      const decoded = decodeBase64(latin1(input));
      if (decoded !== null) assert.equal(encodeBase64(decoded), latin1(input), "one text, one value");
      const response = decodeResponse(encoded);
      if (response.ok) assert.equal(response.value, text);
      for (const login of [parsePlain(text), checkLogin(text, "x")]) if (login.ok) checkName(login.value.user, prepare);
      const first = parseScramClientFirst(text);
      if (first.ok) {
        checkName(first.value.user, prepare);
        assert.equal(first.value.channelHeader + first.value.bare, text, "all of it is signed");
      }
      const final = parseScramClientFinal(text);
      if (final.ok) assert.ok(text.startsWith(`${final.value.withoutProof},p=`) && final.value.proof.length === 32);
    },
    work(input) {
      const text = utf8(input);
      parsePlain(text);
      parseScramClientFirst(text);
      parseScramClientFinal(text);
      decodeBase64(latin1(input));
      prepare(text);
    },
  };
}

/** Two ways to write a name are one name, and a prepared one is not prepared to something else. */
function checkName(user: string, prepare: typeof saslPrep): void {
  assert.ok(user !== "" && Buffer.byteLength(user) <= SASL_NAME_OCTETS_MAX);
  assert.ok(!user.includes("\0"));
  assert.equal(prepare(user), user);
}

export const wireTargets: readonly Target[] = [
  proxyTarget(parseProxyHeader),
  replyTarget(() => new ReplyReader()),
  saslTarget(saslPrep),
];

// --- mistakes ---------------------------------------------------------------------------------------------------------

/** Takes the rest of a segment for the next reply. */
class HastyReader extends ReplyReader {
  override push(text: string): void {
    super.push(text.endsWith("\r") ? `${text}\n` : text);
  }
}

/** Shows the words of a server as they are. */
class TrustingReader extends ReplyReader {
  override next(): Reply | null {
    const reply = super.next();
    return reply && { ...reply, text: reply.text.map((line) => line.replaceAll("\\x1B", "\x1b")) };
  }
}

export const wireBugs: readonly PlantedBug[] = [
  { what: "a segment that ends in CR ends a reply", target: replyTarget(() => new HastyReader()) },
  { what: "control characters of a server come through", target: replyTarget(() => new TrustingReader()) },
  {
    what: "the length of a v2 header is believed",
    target: proxyTarget((octets) => {
      const header = parseProxyHeader(octets);
      return header.kind === "malformed" && octets[12] === 0x21 ? { kind: "more" } : header;
    }),
  },
  { what: "names are prepared once only", target: saslTarget((text) => saslPrep(text)?.toUpperCase() ?? null) },
];
