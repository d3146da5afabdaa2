/** docs/rfc.md: which section of which RFC is kept where, from the comments of the source. */

const TITLES: Readonly<Record<string, string>> = {
  "821": "Simple Mail Transfer Protocol (of 1982)",
  "1034": "Domain Names: Concepts and Facilities",
  "1035": "Domain Names: Implementation and Specification",
  "1122": "Requirements for Internet Hosts: Communication Layers",
  "1123": "Requirements for Internet Hosts",
  "1870": "SMTP Service Extension for Message Size Declaration",
  "1985": "SMTP Service Extension for Remote Message Queue Starting",
  "2034": "SMTP Service Extension for Returning Enhanced Error Codes",
  "2045": "MIME Part One: Format of Internet Message Bodies",
  "2046": "MIME Part Two: Media Types",
  "2047": "MIME Part Three: Message Header Extensions for Non-ASCII Text",
  "2181": "Clarifications to the DNS Specification",
  "2231": "MIME Parameter Value and Encoded Word Extensions",
  "2308": "Negative Caching of DNS Queries",
  "2821": "Simple Mail Transfer Protocol (of 2001)",
  "2920": "SMTP Service Extension for Command Pipelining",
  "3030": "SMTP Service Extensions for Transmission of Large and Binary MIME Messages",
  "3207": "SMTP Service Extension for Secure SMTP over Transport Layer Security",
  "3225": "Indicating Resolver Support of DNSSEC",
  "3454": "Preparation of Internationalized Strings (stringprep)",
  "3461": "SMTP Service Extension for Delivery Status Notifications",
  "3462": "The Multipart/Report Content Type (of 2003)",
  "3463": "Enhanced Mail System Status Codes",
  "3464": "An Extensible Message Format for Delivery Status Notifications",
  "3492": "Punycode",
  "3596": "DNS Extensions to Support IP Version 6",
  "3629": "UTF-8",
  "3696": "Application Techniques for Checking and Transformation of Names",
  "3834": "Recommendations for Automatic Responses to Electronic Mail",
  "3848": "ESMTP and LMTP Transmission Types Registration",
  "4013": "SASLprep: Stringprep Profile for User Names and Passwords",
  "4035": "Protocol Modifications for the DNS Security Extensions",
  "4180": "Common Format and MIME Type for Comma-Separated Values (CSV) Files",
  "4231": "Identifiers and Test Vectors for HMAC-SHA-256",
  "4291": "IP Version 6 Addressing Architecture",
  "4422": "Simple Authentication and Security Layer (SASL)",
  "4616": "The PLAIN SASL Mechanism",
  "4648": "The Base16, Base32, and Base64 Data Encodings",
  "4954": "SMTP Service Extension for Authentication",
  "5234": "Augmented BNF for Syntax Specifications",
  "5248": "A Registry for SMTP Enhanced Mail System Status Codes",
  "5280": "Internet X.509 Public Key Infrastructure Certificate and CRL Profile",
  "5321": "Simple Mail Transfer Protocol",
  "5322": "Internet Message Format",
  "5452": "Measures for Making DNS More Resilient against Forged Answers",
  "5598": "Internet Mail Architecture",
  "5782": "DNS Blacklists and Whitelists",
  "5802": "Salted Challenge Response Authentication Mechanism (SCRAM)",
  "5890": "Internationalized Domain Names for Applications (IDNA)",
  "5952": "A Recommendation for IPv6 Address Text Representation",
  "6008": "Authentication-Results Registration for Differentiating among Cryptographic Results",
  "6152": "SMTP Service Extension for 8-bit MIME Transport",
  "6376": "DomainKeys Identified Mail (DKIM) Signatures",
  "6409": "Message Submission for Mail",
  "6522": "The Multipart/Report Media Type",
  "6531": "SMTP Extension for Internationalized Email",
  "6532": "Internationalized Email Headers",
  "6533": "Internationalized Delivery Status and Disposition Notifications",
  "6698": "The DNS-Based Authentication of Named Entities (DANE): TLSA",
  "6761": "Special-Use Domain Names",
  "6840": "Clarifications and Implementation Notes for DNS Security",
  "6891": "Extension Mechanisms for DNS (EDNS(0))",
  "7372": "Email Authentication Status Codes",
  "7435": "Opportunistic Security: Some Protection Most of the Time",
  "7504": "SMTP 521 and 556 Reply Codes",
  "7505": "A Null MX No Service Resource Record for Domains That Accept No Mail",
  "7671": "The DNS-Based Authentication of Named Entities (DANE) Protocol: Updates and Operational Guidance",
  "7672": "SMTP Security via Opportunistic DANE TLS",
  "7677": "SCRAM-SHA-256 and SCRAM-SHA-256-PLUS",
  "7766": "DNS Transport over TCP",
  "7914": "The scrypt Password-Based Key Derivation Function",
  "8259": "The JavaScript Object Notation (JSON) Data Interchange Format",
  "8301": "Cryptographic Algorithm and Key Usage Update to DomainKeys Identified Mail (DKIM)",
  "8410": "Algorithm Identifiers for Ed25519, Ed448, X25519, and X448",
  "8460": "SMTP TLS Reporting",
  "8461": "SMTP MTA Strict Transport Security (MTA-STS)",
  "8689": "SMTP Require TLS Option",
  "8463": "A New Cryptographic Signature Method for DomainKeys Identified Mail (DKIM)",
  "8265": "Preparation, Enforcement, and Comparison of Usernames and Passwords",
  "8314": "Cleartext Considered Obsolete: Use of TLS for Email Submission and Access",
  "8601": "Message Header Field for Indicating Message Authentication Status",
  "8617": "The Authenticated Received Chain (ARC) Protocol",
  "9422": "The LIMITS SMTP Service Extension",
  "9715": "IP Fragmentation Avoidance in DNS over UDP",
};

export interface Cited {
  readonly path: string;
  readonly text: string;
}

export function rfcPage(files: readonly Cited[]): string {
  const rfcs = new Map<string, Map<string, Set<string>>>();
  for (const { path, text } of files) {
    for (const { rfc, section } of citations(text)) {
      const sections = rfcs.get(rfc) ?? new Map<string, Set<string>>();
      const places = sections.get(section) ?? new Set<string>();
      rfcs.set(rfc, sections.set(section, places.add(path)));
    }
  }
  const parts = [...rfcs].sort(([a], [b]) => Number(a) - Number(b)).map(([rfc, sections]) => rfcPart(rfc, sections));
  const intro = [
    "# RFCs",
    "Which section is kept where: made of the comments of the source, where each rule stands beside the code that keeps it.",
  ];
  return `${[...intro, ...parts].join("\n\n")}\n`;
}

function rfcPart(rfc: string, sections: ReadonlyMap<string, ReadonlySet<string>>): string {
  const title = TITLES[rfc];
  const rows = [...sections]
    .sort(([a], [b]) => compareSections(a, b))
    .map(
      ([section, places]) =>
        `| ${section} | ${[...places]
          .sort()
          .map((place) => `\`${place}\``)
          .join(", ")} |`,
    );
  return [
    `## RFC ${rfc}${title === undefined ? "" : `: ${title}`}`,
    ["| section | where |", "|---|---|", ...rows].join("\n"),
  ].join("\n\n");
}

/** `RFC 6409 §8.2, §8.3` are two; a citation without a section is of the whole. A comment may break the line anywhere. */
function citations(text: string): { rfc: string; section: string }[] {
  const flat = text.replaceAll(/\s*\n\s*(?:\*|\/\/)?\s*/g, " ");
  const found: { rfc: string; section: string }[] = [];
  for (const [, rfc = "", list = ""] of flat.matchAll(
    /\bRFC (\d{3,5})((?:,? (?:and )?(?:§[\dA-Z.]+|appendix [A-Z][\d.]*))*)/g,
  )) {
    const sections = [...list.matchAll(/§[\dA-Z.]+|appendix [A-Z][\d.]*/g)].map(([section]) =>
      section.replace(/\.$/, ""),
    );
    for (const section of sections.length === 0 ? ["whole"] : sections) found.push({ rfc, section });
  }
  return found;
}

function compareSections(a: string, b: string): number {
  if (a === "whole" || b === "whole") return a === b ? 0 : a === "whole" ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}
