import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { TlsaRecord } from "../mail/dns-answer.ts";
import { isOpportunistic, needsTls, textOfDemand, type TlsDemand } from "./demand.ts";
import { judgePeer, type Judgement, type Peer } from "./judge.ts";
import type { Digests } from "./tlsa.ts";

const digests: Digests = {
  sha256: (octets) => createHash("sha256").update(octets).digest(),
  sha512: (octets) => createHash("sha512").update(octets).digest(),
};
const NOW = Date.UTC(2026, 10, 24);
const DAY = 86_400_000;
const own = { whole: Uint8Array.of(1, 10), publicKey: Uint8Array.of(10) };
const issuer = { whole: Uint8Array.of(2, 20), publicKey: Uint8Array.of(20) };
const root = { whole: Uint8Array.of(3, 30), publicKey: Uint8Array.of(30) };

function peer(given: Partial<Peer> = {}): Peer {
  return {
    chain: [own, issuer, root],
    notBefore: NOW - DAY,
    notAfter: NOW + DAY,
    names: "mx.example",
    isFor: (name) => name === "mx.example",
    chainFault: "",
    ...given,
  };
}

const tlsa = (usage: number, certificate: { readonly publicKey: Uint8Array }): TlsaRecord => ({
  usage,
  selector: 1,
  matchingType: 1,
  octets: digests.sha256(certificate.publicKey),
});
const dane = (...records: TlsaRecord[]): TlsDemand => ({ kind: "dane", records, names: ["mx.example", "example"] });
const sts = (mode: "enforce" | "testing"): TlsDemand => ({ kind: "mta-sts", mode, names: ["mx.example"] });
const verify: TlsDemand = { kind: "verify", names: ["mx.example"] };
const pin = (octets: Uint8Array): TlsDemand => ({
  kind: "pin",
  pins: [createHash("sha256").update(octets).digest("hex")],
});
const stranger = { publicKey: Uint8Array.of(99) };

const expired = { chainFault: "CERT_HAS_EXPIRED", notAfter: NOW - DAY };
const selfSigned = { chainFault: "DEPTH_ZERO_SELF_SIGNED_CERT" };
const otherName = { isFor: () => false, names: "other.example" };

function textOf(judged: Judgement): string {
  switch (judged.kind) {
    case "good":
      return judged.assurance;
    case "tolerated":
      return `${judged.assurance}; ${judged.failure.type}`;
    case "anchors":
      return `anchors ${judged.anchors.map((octets) => octets[0]).join(" ")}`;
    case "bad":
      return judged.failure.type;
  }
}

test("what a certificate is worth under each demand", () => {
  const cases: [what: string, demand: TlsDemand, shown: Partial<Peer>, anchors: Uint8Array[], judged: string][] = [
    ["may: anything", { kind: "may" }, { ...expired, ...otherName }, [], "not verified (may)"],
    ["encrypt: anything", { kind: "encrypt" }, { chain: [], ...selfSigned }, [], "not verified (encrypt)"],
    ["verify", verify, {}, [], "verified (verify)"],
    ["verify: expired", verify, expired, [], "certificate-expired"],
    ["verify: not yet", verify, { chainFault: "CERT_NOT_YET_VALID" }, [], "certificate-not-trusted"],
    ["verify: self-signed", verify, selfSigned, [], "certificate-not-trusted"],
    ["verify: any other fault", verify, { chainFault: "CERT_REVOKED" }, [], "certificate-not-trusted"],
    ["verify: another name", verify, otherName, [], "certificate-host-mismatch"],
    ["verify: no name", { kind: "verify", names: [] }, {}, [], "certificate-host-mismatch"],
    ["enforce", sts("enforce"), {}, [], "verified (mta-sts)"],
    ["enforce: expired", sts("enforce"), expired, [], "certificate-expired"],
    ["testing", sts("testing"), {}, [], "verified (mta-sts)"],
    ["testing: expired", sts("testing"), expired, [], "not verified (mta-sts testing); certificate-expired"],
    ["dane-ee: whatever name and date", dane(tlsa(3, own)), { ...expired, ...otherName }, [], "verified (dane-ee)"],
    ["dane-ee: one of several", dane(tlsa(3, stranger), tlsa(3, own)), selfSigned, [], "verified (dane-ee)"],
    ["dane-ee: another key", dane(tlsa(3, stranger)), {}, [], "validation-failure"],
    ["dane-ee: not an authority's key", dane(tlsa(3, issuer)), {}, [], "validation-failure"],
    ["dane-ee: a public authority is no help", dane(tlsa(3, stranger)), {}, [own.whole], "validation-failure"],
    ["dane-ee: no certificate", dane(tlsa(3, own)), { chain: [] }, [], "validation-failure"],
    ["dane-ta: to be checked", dane(tlsa(2, issuer)), selfSigned, [], "anchors 2"],
    ["dane-ta: to be checked though trusted publicly", dane(tlsa(2, issuer)), {}, [], "anchors 2"],
    ["dane-ta: checked", dane(tlsa(2, issuer)), {}, [issuer.whole], "verified (dane-ta)"],
    ["dane-ta: checked, expired", dane(tlsa(2, issuer)), expired, [issuer.whole], "certificate-expired"],
    ["dane-ta: checked, another name", dane(tlsa(2, issuer)), otherName, [issuer.whole], "certificate-host-mismatch"],
    [
      "dane-ta: the name of the next hop",
      dane(tlsa(2, issuer)),
      { isFor: (name) => name === "example" },
      [issuer.whole],
      "verified (dane-ta)",
    ],
    ["dane-ta: another anchor than that of before", dane(tlsa(2, root)), selfSigned, [issuer.whole], "anchors 3"],
    ["dane-ta: shown, and leads nowhere", dane(tlsa(2, issuer)), selfSigned, [issuer.whole], "certificate-not-trusted"],
    ["dane-ta: not shown", dane(tlsa(2, stranger)), {}, [], "validation-failure"],
    ["dane: no usable record", dane(), otherName, [], "not verified (dane: no usable TLSA record)"],
    ["pin of the key", pin(own.publicKey), { ...expired, ...otherName }, [], "verified (pin of the key)"],
    ["pin of the certificate", pin(own.whole), selfSigned, [], "verified (pin of the certificate)"],
    ["pin: an authority's key", pin(issuer.publicKey), {}, [], "validation-failure"],
    ["pin: no certificate", pin(own.whole), { chain: [] }, [], "validation-failure"],
  ];
  for (const [what, demand, shown, anchors, judged] of cases)
    assert.equal(textOf(judgePeer(demand, peer(shown), anchors, digests, NOW)), judged, what);
});

test("what failed is said in words, and what to do", () => {
  const cases: [TlsDemand, Partial<Peer>, RegExp][] = [
    [verify, expired, /^shows a certificate that expired on 2026-11-23: .*renew/],
    [verify, { chainFault: "CERT_HAS_EXPIRED" }, /whose chain has one that expired/],
    [verify, { chainFault: "CERT_NOT_YET_VALID", notBefore: NOW + DAY }, /not valid before 2026-11-25/],
    [verify, selfSigned, /self-signed.*TLS\(\*PIN\)/],
    [verify, otherName, /for other\.example, not for mx\.example: .*add the name/],
    [verify, { isFor: () => false, names: "" }, /without a name, not for mx\.example/],
    [dane(tlsa(3, stranger)), {}, /no TLSA record .* matches.*publish/],
    [pin(issuer.publicKey), {}, /another key than those pinned.*[0-9a-f]{64}.*TLSPIN/],
    [verify, { chainFault: "CERT_HAS_EXPIRED", notAfter: NaN }, /expired/],
  ];
  for (const [demand, shown, words] of cases) {
    const judged = judgePeer(demand, peer(shown), [], digests, NOW);
    assert.ok(judged.kind === "bad");
    assert.match(judged.failure.words, words);
  }
});

test("a verified certificate is good until it ends; what is matched by a digest ends with the digest", () => {
  const until = (demand: TlsDemand, anchors: Uint8Array[] = []): number => {
    const judged = judgePeer(demand, peer(), anchors, digests, NOW);
    assert.ok(judged.kind === "good");
    return judged.until;
  };
  assert.equal(until(verify), NOW + DAY);
  assert.equal(until(sts("enforce")), NOW + DAY);
  assert.equal(until(dane(tlsa(2, issuer)), [issuer.whole]), NOW + DAY);
  assert.equal(until(dane(tlsa(3, own))), Infinity);
  assert.equal(until(pin(own.whole)), Infinity);
});

test("demands: who goes in the clear, and whose text is whose", () => {
  const all = [
    { kind: "none" },
    { kind: "may" },
    { kind: "encrypt" },
    verify,
    sts("enforce"),
    sts("testing"),
    dane(),
    dane(tlsa(3, own)),
    dane(tlsa(2, own)),
    pin(own.whole),
    pin(own.publicKey),
  ] as const;
  assert.deepEqual(all.filter(isOpportunistic).map(textOfDemand), ["may", "mta-sts testing mx.example"]);
  assert.deepEqual(all.filter((one) => !needsTls(one)).map(textOfDemand), [
    "none",
    "may",
    "mta-sts testing mx.example",
  ]);
  assert.equal(new Set(all.map(textOfDemand)).size, all.length);
  const [a, b] = [tlsa(3, own), tlsa(3, issuer)];
  assert.equal(textOfDemand(dane(a, b)), textOfDemand(dane(b, a)));
});
