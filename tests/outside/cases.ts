/** The small internet as a table: domains, what their zones say, and what becomes of mail to them. */
import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { makeCertificate, type TestAuthority } from "../peers/certificate.ts";
import type { Zone } from "../peers/name-servers.ts";
import type { PostfixListener } from "../peers/postfix.ts";
import type { Outcome, WorldPlan } from "./world.ts";

export interface Case {
  readonly what: string;
  readonly domain: string;
  readonly outcome: Outcome["outcome"];
  /** The name in the journal. */
  readonly server: string;
  readonly tls: RegExp;
  readonly reply: RegExp;
  /** null: Postfix never saw it. */
  readonly witness: { readonly server: string; readonly tls: RegExp } | null;
}

export const SENDER = "op@home.signed.test";
export const SHARED = ["mx-c", "mx-d"];
/** Of many domains each, so that chance cannot do what an order must, nor an order what chance must. */
export const sharedRecipients = Array.from({ length: 16 }, (_, i) => `u@d${i}.equal.signed.test`);
export const orderedRecipients = Array.from({ length: 8 }, (_, i) => `u@d${i}.order.signed.test`);

/** Nobody said how to prove who is there: whatever certificate is good enough. */
const TLS = /^TLSv1\.3 TLS_\w+ not verified \(may\)$/;
const DANE_EE = /^TLSv1\.3 TLS_\w+ verified \(dane-ee\)$/;
const MTA_STS = /^TLSv1\.3 TLS_\w+ verified \(mta-sts\)$/;
const STS_TESTING = /^TLSv1\.3 TLS_\w+ not verified \(mta-sts testing\)$/;
const DANE_TA = /^TLSv1\.3 TLS_\w+ verified \(dane-ta\)$/;
const SEEN_TLS = /^TLSv1\.3 with cipher TLS_/;
const CLEAR = /^$/;
const OK = /^250 2\.0\.0/;

/** Delivered to this server. */
function delivered(
  what: string,
  domain: string,
  server: string,
  tls = TLS,
  witness = server.split(".")[0] ?? "",
): Case {
  const seen = { server: witness, tls: tls === CLEAR ? CLEAR : SEEN_TLS };
  return { what, domain, outcome: "delivered", server, tls, reply: OK, witness: seen };
}

function failed(what: string, domain: string, reply: RegExp): Case {
  return { what, domain, outcome: "failed", server: "", tls: CLEAR, reply, witness: null };
}

/** Waits in the queue, and Postfix never saw it. */
function deferred(what: string, domain: string, server: string, reply: RegExp): Case {
  return { what, domain, outcome: "deferred", server, tls: CLEAR, reply, witness: null };
}

export const cases: readonly Case[] = [
  delivered("the next one where the best refuses connections", "refused.signed.test", "mx-b.signed.test"),
  delivered("the next one where the best says nothing at all", "silent.signed.test", "mx-b.signed.test"),
  delivered("the next one where the best is busy", "busy.signed.test", "mx-b.signed.test"),
  delivered("its address where a domain has no MX", "mx-a.signed.test", "mx-a.signed.test"),
  delivered("an MX that is an alias", "alias.signed.test", "cname.signed.test", TLS, "mx-a"),
  delivered("a server with an IPv6 address alone", "six.signed.test", "mx-six.signed.test"),
  delivered("the IPv4 address where nothing is at the IPv6 one", "half.signed.test", "mx-half.signed.test"),
  delivered(
    "the second address of a server where the first refuses connections",
    "multi.signed.test",
    "mx-multi.signed.test",
    TLS,
    "mx-b",
  ),
  delivered("a domain that is an alias: where its name leads", "nick.signed.test", "mx-a.signed.test"),
  delivered("we are the second exchanger: the first", "backup.signed.test", "mx-a.signed.test"),
  failed("we are the first exchanger, and do not know the domain", "loop.signed.test", /^554 5\.4\.6 .* a loop/),
  failed(
    "a domain without exchanger and address",
    "text.signed.test",
    /^550 5\.1\.2 .* has neither MX nor address records$/,
  ),
  failed(
    "an exchanger that is not there",
    "gone.signed.test",
    /^550 5\.4\.4 None of the .* absent\.signed\.test is the first/,
  ),
  failed("a domain that takes no mail (null MX)", "null.signed.test", /^556 5\.1\.10 .* takes no mail \(null MX\)/),
  failed("a domain that is not there", "absent.signed.test", /^550 5\.1\.2 .* does not exist/),
  deferred("no server answers", "dead.signed.test", "", /^451 4\.4\.1 .*connection refused$/),
  deferred("a zone that was tampered with", "bogus.test", "", /^451 4\.4\.3 .*\(SERVFAIL\)$/),
  deferred("a zone whose signatures have ended", "stale.test", "", /^451 4\.4\.3 .*\(SERVFAIL\)$/),

  delivered("DANE: a self-signed certificate whose key the zone names", "ee.signed.test", "mx-ee.signed.test", DANE_EE),
  delivered("DANE: the same by an alias", "ee-alias.signed.test", "cname-ee.signed.test", DANE_EE, "mx-ee"),
  delivered("DANE: a certificate of an authority that the zone names", "ta.signed.test", "mx-ta.signed.test", DANE_TA),
  delivered("DANE: an expired one whose key the zone names", "ee-old.signed.test", "mx-ee-old.signed.test", DANE_EE),
  deferred(
    "DANE: an expired one of an authority that the zone names",
    "ta-old.signed.test",
    "",
    /shows a certificate that expired on /,
  ),
  deferred(
    "DANE: another key than the zone names",
    "wrong.signed.test",
    "",
    /^451 4\.7\.5 mx-wrong\.signed\.test .* no TLSA record of its name matches/,
  ),
  delivered("DANE: the next server where the first shows another key", "rescued.signed.test", "mx-b.signed.test"),
  deferred(
    "DANE: a TLSA record that was tampered with",
    "torn.signed.test",
    "",
    /^451 4\.7\.5 Whether mx-torn\.signed\.test has TLSA records cannot be told now/,
  ),
  deferred("DANE: a server without STARTTLS", "clear.signed.test", "", /offers no TLS, and its TLSA records demand it/),
  deferred(
    "DANE: STARTTLS was taken out on the way",
    "stripped.signed.test",
    "",
    /offers no TLS, and its TLSA records demand it/,
  ),
  delivered(
    "DANE: what a zone says that is not signed does not count",
    "lies.plain.test",
    "mx-lies.plain.test",
    TLS,
    "mx-old",
  ),

  delivered("MTA-STS: a certificate of a known authority", "sts.plain.test", "mx-sts.plain.test", MTA_STS),
  delivered(
    "MTA-STS: the next server where the policy does not name the first",
    "sts-second.plain.test",
    "mx-sts.plain.test",
    MTA_STS,
  ),
  deferred(
    "MTA-STS: a server that the policy does not name",
    "sts-other.plain.test",
    "",
    /policy of sts-other\.plain\.test does not name mx-stray\.plain\.test/,
  ),
  deferred("MTA-STS: an expired certificate", "sts-old.plain.test", "", /shows a certificate that expired on /),
  deferred("MTA-STS: a certificate of nobody known", "sts-own.plain.test", "", /^451 4\.7\.5 mx-own\.plain\.test/),
  deferred("MTA-STS: STARTTLS was taken out on the way", "sts-stripped.plain.test", "", /offers no TLS/),
  delivered("MTA-STS, testing: an expired certificate", "test-old.plain.test", "mx-old.plain.test", STS_TESTING),
  delivered("MTA-STS, testing: STARTTLS was taken out", "test-stripped.plain.test", "mx-taken.plain.test", CLEAR),
  delivered(
    "MTA-STS: a policy of a web server that is somebody else's",
    "sts-web.plain.test",
    "mx-old.plain.test",
    TLS,
  ),

  delivered(
    "a route demands the key that is there",
    "pin.plain.test",
    "mx-own.plain.test",
    /verified \(pin of the key\)$/,
  ),
  deferred("a route demands another key", "pin-wrong.plain.test", "", /^451 4\.7\.5 mx-own\.plain\.test/),
  delivered("a route demands an authority", "verify.plain.test", "mx-sts.plain.test", /verified \(verify\)$/),
  deferred("a route demands an authority, and there is none", "verify-own.plain.test", "", /vouches for itself/),
  deferred(
    "a route demands TLS that is not offered",
    "encrypt.plain.test",
    "",
    /^451 4\.7\.4 mx-clear\.signed\.test .* offers no TLS/,
  ),
  delivered("a route without TLS", "none.plain.test", "mx-own.plain.test", CLEAR),
  delivered(
    "a route by smart hosts: the one that is left when the first refuses",
    "hub.plain.test",
    "mx-b.signed.test",
  ),

  delivered("whatever certificate where nobody says better", "plain.test", "mx-old.plain.test"),
  delivered(
    "STARTTLS was taken out, and nobody says that it must be there",
    "stripped.plain.test",
    "mx-taken.plain.test",
    CLEAR,
  ),
];

const listeners: readonly (readonly [name: string, address: string])[] = [
  ["mx-a", "192.0.2.11"],
  ["mx-b", "192.0.2.12"],
  ["mx-c", "192.0.2.13"],
  ["mx-d", "192.0.2.14"],
  ["mx-six", "2001:db8:2::15"],
  ["mx-half", "192.0.2.16"],
  ["mx-ee", "192.0.2.21"],
  ["mx-wrong", "192.0.2.23"],
  ["mx-torn", "192.0.2.24"],
];

/** Domains of plain.test with a policy: its mode, the exchangers it names, and those of the domain in order. */
const policies: readonly (readonly [domain: string, mode: string, named: string, ...exchangers: string[]])[] = [
  ["sts", "enforce", "*", "mx-sts"],
  ["sts-second", "enforce", "mx-sts", "mx-stray", "mx-sts"],
  ["sts-other", "enforce", "mx-sts", "mx-stray"],
  ["sts-old", "enforce", "mx-old", "mx-old"],
  ["sts-own", "enforce", "mx-own", "mx-own"],
  ["sts-stripped", "enforce", "mx-taken", "mx-taken"],
  ["test-old", "testing", "mx-old", "mx-old"],
  ["test-stripped", "testing", "mx-taken", "mx-taken"],
  ["sts-web", "enforce", "mx-sts", "mx-old"],
];
/** Domains of plain.test with a route: where their MX leads, and what the route says. */
const routes: readonly (readonly [domain: string, exchanger: string, rule: (keyDigest: string) => string])[] = [
  ["pin", "mx-own", (digest) => `TLS(*PIN) TLSPIN('${digest}')`],
  ["pin-wrong", "mx-own", () => `TLS(*PIN) TLSPIN('${TRUE}')`],
  ["verify", "mx-sts", () => "TLS(*VERIFY)"],
  ["verify-own", "mx-own", () => "TLS(*VERIFY)"],
  ["encrypt", "mx-clear.signed.test.", () => "TLS(*ENCRYPT)"],
  ["none", "mx-own", () => "TLS(*NONE)"],
  ["hub", "mx-own", () => "ACTION(*RELAY) RLYHOST(('mx-refuses.signed.test:25' 1) ('mx-b.signed.test:25' *FALLBACK))"],
];

/** The certificate of the web server does not name its policy's host. */
const WITHOUT_CERTIFICATE = "sts-web";
export const WEB_SERVER = "192.0.2.80";
/** An address of the world that the attacker on the way holds. */
export const TAKEN = "192.0.2.42";

/** What a tampered record says, before and after. */
const [TRUE, FALSE] = ["ab".repeat(32), "cd".repeat(32)];

/** `folder` is that of the authority, and of the relay. */
export async function makePlan(folder: string, authority: TestAuthority): Promise<WorldPlan> {
  await makeCertificate("DNS:whoever.test", folder);
  const own = { file: `${folder}/certificate.pem`, keyFile: `${folder}/key.pem` };
  const past = new Date(Date.now() - 90 * 86_400_000);
  const old = await authority.issue("old", ["mx-old.plain.test", "mx-ta-old.signed.test"], past);
  const good = await authority.issue("good", ["mx-ta.signed.test", "mx-sts.plain.test", "mx-stray.plain.test"]);
  const secure = policies.filter(([domain]) => domain !== WITHOUT_CERTIFICATE).map(([domain]) => stsHost(domain));
  const web = await authority.issue("web", secure);
  const ownDigest = await keyDigest(own.file);
  const byOwnKey = `TLSA 3 1 1 ${ownDigest}`;
  const byOldKey = `TLSA 3 1 1 ${await keyDigest(old.file)}`;
  const byAuthority = `TLSA 2 1 1 ${await keyDigest(authority.file)}`;
  const zones: Zone[] = [
    {
      name: "signed.test",
      isSigned: true,
      records: [
        ...listeners.map(([name, address]) => `${name} IN ${address.includes(":") ? "AAAA" : "A"} ${address}`),
        "home IN MX 10 mx-a",
        "*.order IN MX 20 mx-b",
        "*.order IN MX 10 mx-a",
        "mx-refuses IN A 192.0.2.90",
        "refused IN MX 10 mx-refuses",
        "refused IN MX 20 mx-b",
        "mx-silent IN A 203.0.113.66",
        "silent IN MX 10 mx-silent",
        "silent IN MX 20 mx-b",
        "mx-busy IN A 192.0.2.91",
        "busy IN MX 10 mx-busy",
        "busy IN MX 20 mx-b",
        "cname IN CNAME mx-a",
        "alias IN MX 10 cname",
        "six IN MX 10 mx-six",
        "mx-half IN AAAA 2001:db8:2::90",
        "half IN MX 10 mx-half",
        "mx-multi IN A 192.0.2.90",
        "mx-multi IN A 192.0.2.12",
        "multi IN MX 10 mx-multi",
        "nick IN CNAME home",
        // The relay's own address.
        "mx-us IN A 198.51.100.2",
        "backup IN MX 10 mx-a",
        "backup IN MX 20 mx-us",
        "loop IN MX 10 mx-us",
        "loop IN MX 20 mx-b",
        'text IN TXT "nothing else"',
        "gone IN MX 10 absent",
        "null IN MX 0 .",
        "dead IN MX 10 mx-refuses",
        "*.equal IN MX 10 mx-c",
        "*.equal IN MX 10 mx-d",
        `_25._tcp.mx-ee IN ${byOwnKey}`,
        "ee IN MX 10 mx-ee",
        "cname-ee IN CNAME mx-ee",
        "ee-alias IN MX 10 cname-ee",
        "mx-ta IN A 192.0.2.22",
        `_25._tcp.mx-ta IN ${byAuthority}`,
        "ta IN MX 10 mx-ta",
        "mx-ee-old IN A 192.0.2.26",
        `_25._tcp.mx-ee-old IN ${byOldKey}`,
        "ee-old IN MX 10 mx-ee-old",
        "mx-ta-old IN A 192.0.2.27",
        `_25._tcp.mx-ta-old IN ${byAuthority}`,
        "ta-old IN MX 10 mx-ta-old",
        `_25._tcp.mx-wrong IN TLSA 3 1 1 ${TRUE}`,
        "wrong IN MX 10 mx-wrong",
        "rescued IN MX 10 mx-wrong",
        "rescued IN MX 20 mx-b",
        `_25._tcp.mx-torn IN ${byOwnKey}`,
        `_25._tcp.mx-torn IN TLSA 3 1 1 ${TRUE.replace("ab", "aa")}`,
        "torn IN MX 10 mx-torn",
        "mx-clear IN A 192.0.2.25",
        `_25._tcp.mx-clear IN ${byOwnKey}`,
        "clear IN MX 10 mx-clear",
        `mx-taken IN A ${TAKEN}`,
        `_25._tcp.mx-taken IN ${byOwnKey}`,
        "stripped IN MX 10 mx-taken",
      ],
      tamper: (signed) => signed.replaceAll(TRUE.replace("ab", "aa"), FALSE),
    },
    {
      name: "plain.test",
      isSigned: false,
      records: [
        "@ IN MX 10 mx-old",
        "mx-old IN A 192.0.2.31",
        "stripped IN MX 10 mx-taken",
        "mx-taken IN A 192.0.2.41",
        "lies IN MX 10 mx-lies",
        "mx-lies IN A 192.0.2.31",
        `_25._tcp.mx-lies IN TLSA 3 1 1 ${TRUE}`,
        "mx-sts IN A 192.0.2.32",
        "mx-own IN A 192.0.2.33",
        "mx-stray IN A 192.0.2.34",
        ...policies.flatMap(([domain, , , ...exchangers]) => [
          `_mta-sts.${domain} IN TXT "v=STSv1; id=1;"`,
          `mta-sts.${domain} IN A ${WEB_SERVER}`,
          ...exchangers.map((exchanger, i) => `${domain} IN MX ${i} ${exchanger}`),
        ]),
        ...routes.map(([domain, exchanger]) => `${domain} IN MX 10 ${exchanger}`),
      ],
    },
    {
      name: "bogus.test",
      isSigned: true,
      records: ["@ IN MX 10 mx", "mx IN A 192.0.2.11"],
      tamper: (signed) => signed.replace("\tMX\t10 mx.bogus.test.", "\tMX\t10 evil.bogus.test."),
    },
    {
      name: "stale.test",
      isSigned: true,
      records: ["@ IN MX 10 mx", "mx IN A 192.0.2.11"],
      signedUntil: "20260101000000",
    },
  ];
  return {
    zones,
    listeners: [
      ...listeners.map(([name, address]) => listener(name, address, own)),
      listener("mx-old", "192.0.2.31", old),
      listener("mx-taken", "192.0.2.141", own),
      listener("mx-sts", "192.0.2.32", good),
      listener("mx-own", "192.0.2.33", own),
      listener("mx-stray", "192.0.2.34", good),
      listener("mx-taken-dane", "192.0.2.142", own),
      // Who is asked once the attacker has gone.
      listener("mx-back", TAKEN, own),
      listener("mx-ta", "192.0.2.22", good),
      listener("mx-ee-old", "192.0.2.26", old),
      listener("mx-ta-old", "192.0.2.27", old),
      { name: "mx-clear", address: "192.0.2.25:25", main: { smtpd_tls_security_level: "none" } },
    ],
    actors: {
      world: [
        { kind: "greets", address: "192.0.2.91", greeting: "421 4.3.2 too busy" },
        {
          kind: "policies",
          address: WEB_SERVER,
          ...web,
          policies: Object.fromEntries(
            policies.map(([domain, mode, named]) => [stsHost(domain), policyText(mode, named)]),
          ),
        },
      ],
      way: [
        { kind: "strips", address: "192.0.2.41", onward: "192.0.2.141" },
        { kind: "strips", address: TAKEN, onward: "192.0.2.142" },
      ],
    },
    addresses: ["192.0.2.90", "2001:db8:2::90"],
    taken: ["192.0.2.41", TAKEN],
    lost: ["203.0.113.66"],
    config: "limits.connect_timeout_ms = 1500",
    routes: routes.map(([domain, , rule]) => {
      const name = domain.toUpperCase();
      return `ADDSMTPRTE RTE(${name}) RCPDMN('${domain}.plain.test') ${rule(ownDigest)}`;
    }),
    authority,
    folder,
  };
}

function listener(
  name: string,
  address: string,
  { file, keyFile }: { file: string; keyFile: string },
): PostfixListener {
  const at = address.includes(":") ? `[${address}]:25` : `${address}:25`;
  return { name, address: at, main: { smtpd_tls_cert_file: file, smtpd_tls_key_file: keyFile } };
}

/** SHA-256 of the public key of a certificate, as a TLSA record has it. */
export async function keyDigest(file: string): Promise<string> {
  const { publicKey } = new X509Certificate(await readFile(file));
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}

function stsHost(domain: string): string {
  return `mta-sts.${domain}.plain.test`;
}

function policyText(mode: string, named: string): string {
  return `version: STSv1\nmode: ${mode}\nmx: ${named}.plain.test\nmax_age: 86400\n`;
}
