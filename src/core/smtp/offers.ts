import type { Reply } from "../mail/reply.ts";

/** What a server offered in its answer to EHLO (RFC 5321 §4.1.1.1). */
export interface Offers {
  readonly pipelining: boolean;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly dsn: boolean;
  readonly requireTls: boolean;
  readonly startTls: boolean;
  readonly chunking: boolean;
  readonly binaryMime: boolean;
  /** Whether SIZE may be said (RFC 1870). */
  readonly size: boolean;
  /** Largest message in octets; 0 where the server did not say. */
  readonly sizeOctetsMax: number;
  /** Mechanisms in upper case. */
  readonly auth: readonly string[];
}

/** What a server can do that knows HELO only. */
export const NO_OFFERS: Offers = {
  pipelining: false,
  eightBitMime: false,
  smtpUtf8: false,
  dsn: false,
  requireTls: false,
  startTls: false,
  chunking: false,
  binaryMime: false,
  size: false,
  sizeOctetsMax: 0,
  auth: [],
};

/** For people: `STARTTLS, PIPELINING, AUTH PLAIN LOGIN, SIZE 36700160`. */
export function describeOffers(offers: Offers): string {
  const named: readonly (readonly [boolean, string])[] = [
    [offers.startTls, "STARTTLS"],
    [offers.auth.length > 0, `AUTH ${offers.auth.join(" ")}`],
    [offers.size, offers.sizeOctetsMax === 0 ? "SIZE" : `SIZE ${offers.sizeOctetsMax}`],
    [offers.pipelining, "PIPELINING"],
    [offers.eightBitMime, "8BITMIME"],
    [offers.smtpUtf8, "SMTPUTF8"],
    [offers.dsn, "DSN"],
    [offers.chunking, "CHUNKING"],
    [offers.binaryMime, "BINARYMIME"],
  ];
  const words = named.flatMap(([isOffered, word]) => (isOffered ? [word] : []));
  return words.length === 0 ? "no extension that matters here" : `offers ${words.join(", ")}`;
}

/** Reads the reply to EHLO. Its first line is the greeting; `AUTH=` is an old spelling of AUTH. Unknown lines are passed over. */
export function parseOffers(reply: Reply): Offers {
  const offers = { ...NO_OFFERS, auth: [] as string[] };
  for (const line of reply.text.slice(1)) {
    const [keyword = "", ...values] = line
      .trim()
      .toUpperCase()
      .replace(/^AUTH=/, "AUTH ")
      .split(/ +/);
    if (keyword === "PIPELINING") offers.pipelining = true;
    else if (keyword === "8BITMIME") offers.eightBitMime = true;
    else if (keyword === "SMTPUTF8") offers.smtpUtf8 = true;
    else if (keyword === "DSN") offers.dsn = true;
    else if (keyword === "REQUIRETLS") offers.requireTls = true;
    else if (keyword === "STARTTLS") offers.startTls = true;
    else if (keyword === "CHUNKING") offers.chunking = true;
    else if (keyword === "BINARYMIME") offers.binaryMime = true;
    else if (keyword === "AUTH") offers.auth.push(...values);
    else if (keyword === "SIZE") {
      offers.size = true;
      const limit = Number(values[0] ?? "0");
      offers.sizeOctetsMax = Number.isSafeInteger(limit) && limit > 0 ? limit : 0;
    }
  }
  return offers;
}
