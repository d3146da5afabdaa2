import fc from "fast-check";
import { credentialsFault, parseRoute, ROUTE_FIELDS, type RouteField } from "../../src/core/policy/route-fields.ts";
import { DEFAULT_ROUTE, type RouteRule } from "../../src/core/policy/route-rule.ts";

/** Texts of every field, some of them with what text, JSON and CL quote. */
const SAMPLES: Readonly<Record<RouteField, readonly string[]>> = {
  RCPDMN: ["partner.example", ".partner.example", "xn--bcher-kva.example", "sub.partner.example", "other.example"],
  SNDADR: ["<>", "erp@example.com", '"a b\'="@example.com', "example.com", ".example.com", "büro@example.com"],
  CLTADR: ["10.20.0.0/16", "10.20.1.0/24", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/32", "2001:db8::1/128"],
  ACTION: ["*DFT", "*MX", "*RELAY", "*LOCAL", "*HOLD", "*CAPTURE", "*REFUSE"],
  RLYHOST: ["smtp1.example.net:587 10", "smtp2.example.net:25", "mx:example.net:25 *FALLBACK", "[2001:db8::25]:465 2"],
  TLS: ["*DFT", "*NONE", "*MAY", "*ENCRYPT", "*VERIFY", "*DANE", "*MTASTS", "*PIN"],
  TLSPIN: ["ab".repeat(32), "01".repeat(32)],
  AUTHMTH: ["*AUTO", "*NONE", "*PLAIN", "*LOGIN", "*CRAMMD5", "*XOAUTH2", "*OAUTHBEARER"],
  AUTHACC: ["*HOSTAUTH", "M365", "0-A.B_C"],
  PROTOCOL: ["*SMTP", "*GRAPH"],
  MAXCNN: ["*DFT", "1", "20"],
  MAXMSG: ["*DFT", "1", "1000000"],
  RATESEC: ["*NOMAX", "5"],
  RATEMIN: ["*NOMAX", "30"],
  RATEDAY: ["*NOMAX", "10000"],
  SNDRWT: ["*NONE", "relay@example.com", '"o\'b"@example.com'],
  HDRRWT: ["*YES", "*NO"],
  HDRFIX: ["*LIST", "*YES", "*NO"],
};

const fields = Object.fromEntries(
  ROUTE_FIELDS.map((field) => {
    const max = field === "RLYHOST" || field === "TLSPIN" ? 3 : 1;
    return [field, fc.uniqueArray(fc.constantFrom(...SAMPLES[field]), { minLength: 1, maxLength: max })];
  }),
) as Record<RouteField, fc.Arbitrary<string[]>>;

/** Routes of all kinds; what does not go together is left out of them. */
export const routeRule: fc.Arbitrary<RouteRule> = fc
  .tuple(fc.stringMatching(/^[A-Z0-9][A-Z0-9_.-]{0,7}$/), fc.record(fields, { requiredKeys: [] }))
  .map(([name, texts]) => {
    const relays = texts.ACTION?.[0] === "*RELAY" || texts.PROTOCOL?.[0] === "*GRAPH";
    const route = parseRoute(name, {
      ...texts,
      ...(relays
        ? { ACTION: ["*RELAY"], RLYHOST: ["smtp.example.net:587", ...(texts.RLYHOST ?? [])] }
        : { RLYHOST: [] }),
      TLSPIN: texts.TLS?.[0] === "*PIN" ? (texts.TLSPIN ?? SAMPLES.TLSPIN) : [],
      ...(texts.PROTOCOL?.[0] === "*GRAPH" ? { AUTHACC: ["M365"] } : {}),
    });
    if (route.ok && credentialsFault(route.value)) return { ...route.value, auth: DEFAULT_ROUTE.auth };
    if (!route.ok) throw new Error(JSON.stringify({ texts, faults: route.error }));
    return route.value;
  });
