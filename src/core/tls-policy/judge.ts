import type { Instant } from "../base/time.ts";
import { encodeHex } from "../base/hex.ts";
import type { TlsDemand } from "./demand.ts";
import { DANE_EE, DANE_TA, matchesTlsa, type CertificateOctets, type Digests } from "./tlsa.ts";
import type { TlsFailureType } from "./tls-result.ts";

/** What a server showed in the handshake. */
export interface Peer {
  /** Its own certificate first, then the others that it sent along. Empty where it showed none. */
  readonly chain: readonly CertificateOctets[];
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** For people: `mx.example.net, *.example.net`. */
  readonly names: string;
  isFor(name: string): boolean;
  /**
   * What came of checking the chain up to a trusted authority, or under `dane` to one of the anchors: "" or OpenSSL's name of the
   * fault, as CERT_HAS_EXPIRED.
   */
  readonly chainFault: string;
}

/** `words` goes on behind the name of the server: `shows a certificate that …`. */
export interface TlsFailure {
  readonly type: TlsFailureType;
  readonly words: string;
}

export type Judgement =
  /** `assurance` stands beside protocol and cipher: `verified (dane-ee)`, `not verified (may)`. */
  | { readonly kind: "good"; readonly assurance: string; readonly until: Instant }
  /** Good enough to send, since a policy in mode `testing` asks for no more than a report (RFC 8461 §5). */
  | { readonly kind: "tolerated"; readonly assurance: string; readonly failure: TlsFailure }
  /** These certificates of its chain are anchors by the records of usage 2: whether it leads to one of them is still to be checked. */
  | { readonly kind: "anchors"; readonly anchors: readonly Uint8Array[] }
  | { readonly kind: "bad"; readonly failure: TlsFailure };

/** Whether what the server showed is what is asked of it. `anchors` are those that the chain was checked against under `dane`. */
export function judgePeer(
  demand: TlsDemand,
  peer: Peer,
  anchors: readonly Uint8Array[],
  digests: Digests,
  now: Instant,
): Judgement {
  switch (demand.kind) {
    case "none":
    case "may":
    case "encrypt":
      return good(`not verified (${demand.kind})`);
    case "verify":
      return judgePublic(peer, demand.names, "verify", now);
    case "mta-sts": {
      const judged = judgePublic(peer, demand.names, "mta-sts", now);
      if (demand.mode === "enforce" || judged.kind !== "bad") return judged;
      return { kind: "tolerated", assurance: "not verified (mta-sts testing)", failure: judged.failure };
    }
    case "dane":
      return judgeDane(demand, peer, anchors, digests, now);
    case "pin":
      return judgePin(demand.pins, peer, digests);
  }
}

function good(assurance: string, until: Instant = Infinity): Judgement {
  return { kind: "good", assurance, until };
}

function bad(type: TlsFailureType, words: string): Judgement {
  return { kind: "bad", failure: { type, words } };
}

/** Of a trusted authority, in time, for one of the names. */
function judgePublic(peer: Peer, names: readonly string[], assurance: string, now: Instant): Judgement {
  if (peer.chainFault !== "") return { kind: "bad", failure: chainFailure(peer, now) };
  if (!names.some((name) => peer.isFor(name))) return bad("certificate-host-mismatch", otherName(peer, names));
  return good(`verified (${assurance})`, peer.notAfter);
}

/** RFC 7672 §3.1: usage 3 is the certificate itself, whatever its names and dates; usage 2 an authority above it. */
function judgeDane(
  { records, names }: TlsDemand & { kind: "dane" },
  peer: Peer,
  anchors: readonly Uint8Array[],
  digests: Digests,
  now: Instant,
): Judgement {
  if (records.length === 0) return good("not verified (dane: no usable TLSA record)");
  const [own] = peer.chain;
  if (own === undefined) return bad("validation-failure", NO_CERTIFICATE);
  if (records.some((record) => record.usage === DANE_EE && matchesTlsa(record, own, digests)))
    return good("verified (dane-ee)");
  const authorities = records.filter(({ usage }) => usage === DANE_TA);
  const shown = peer.chain.filter((one) => authorities.some((record) => matchesTlsa(record, one, digests)));
  if (authorities.length > 0 && peer.chainFault === "" && anchors.length > 0) {
    if (!names.some((name) => peer.isFor(name))) return bad("certificate-host-mismatch", otherName(peer, names));
    return good("verified (dane-ta)", peer.notAfter);
  }
  const fresh = shown
    .map(({ whole }) => whole)
    .filter((whole) => !anchors.some((one) => encodeHex(one) === encodeHex(whole)));
  if (fresh.length > 0) return { kind: "anchors", anchors: fresh };
  if (shown.length > 0) return { kind: "bad", failure: chainFailure(peer, now) };
  return bad("validation-failure", NO_RECORD);
}

function judgePin(pins: readonly string[], { chain }: Peer, digests: Digests): Judgement {
  const [own] = chain;
  if (own === undefined) return bad("validation-failure", NO_CERTIFICATE);
  const key = encodeHex(digests.sha256(own.publicKey));
  if (pins.includes(key)) return good("verified (pin of the key)");
  const whole = encodeHex(digests.sha256(own.whole));
  if (pins.includes(whole)) return good("verified (pin of the certificate)");
  return bad(
    "validation-failure",
    `${PINNED} Its key has ${key}. Enter that in TLSPIN, if you know it for the right one`,
  );
}

// --- in words ---------------------------------------------------------------------------------------------------------

const NO_CERTIFICATE = "shows no certificate";
const NO_RECORD =
  "shows a certificate that no TLSA record of its name matches: either it was renewed without its records, or somebody stands in between. " +
  "Its operator has to publish the record of the new key";
const PINNED = "shows a certificate with another key than those pinned by the route.";

function otherName({ names }: Peer, wanted: readonly string[]): string {
  const shown = names === "" ? "without a name" : `for ${names}`;
  return `shows a certificate ${shown}, not for ${wanted[0] ?? "its name"}: its operator has to add the name`;
}

function chainFailure({ chainFault, notAfter, notBefore }: Peer, now: Instant): TlsFailure {
  switch (chainFault) {
    case "CERT_HAS_EXPIRED": {
      const which = notAfter < now ? `that expired on ${day(notAfter)}` : "whose chain has one that expired";
      return { type: "certificate-expired", words: `shows a certificate ${which}: its operator has to renew it` };
    }
    case "CERT_NOT_YET_VALID": {
      const which =
        notBefore > now ? `that is not valid before ${day(notBefore)}` : "whose chain has one not valid yet";
      return { type: "certificate-not-trusted", words: `shows a certificate ${which}: is one of the clocks wrong?` };
    }
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return untrusted("that only vouches for itself (self-signed)");
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
      return untrusted("of an authority that is not trusted here, or without the certificates between");
    default:
      return untrusted(`that does not hold (${chainFault})`);
  }
}

function untrusted(which: string): TlsFailure {
  const words = `shows a certificate ${which}: it needs one of a public authority, or its key pinned in a route (TLS(*PIN))`;
  return { type: "certificate-not-trusted", words };
}

function day(instant: Instant): string {
  return Number.isFinite(instant) ? new Date(instant).toISOString().slice(0, 10) : "a day that cannot be read";
}
