import type { Json } from "../base/json.ts";
import { DAY_MS, SECOND_MS, formatInstant } from "../base/time.ts";
import type { Domain } from "../mail/domain.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import { parseMailbox } from "../mail/path.ts";
import { isPrintableAscii } from "../mail/xtext.ts";
import { formatDay, type FailureTally, type PolicyTally } from "./tls-tally.ts";

/** Where a domain wants its reports (RFC 8460 §3). */
export type ReportTarget =
  { readonly kind: "mail"; readonly mailbox: Mailbox } | { readonly kind: "https"; readonly url: string };

/** So many of a record are tried. */
const TARGETS_MAX = 5;
const URI_OCTETS_MAX = 1_024;

/**
 * Where reports go, by the texts of `_smtp._tls.DOMAIN` (RFC 8460 §3), in the order they stand there; none where none are wanted. Several
 * records are none. What is neither mailto: nor https: is passed over, and so is a port other than 443.
 */
export function parseReportRecord(texts: readonly string[]): readonly ReportTarget[] {
  const records = texts.filter((text) => /^v=TLSRPTv1[ \t]*(?:;|$)/.test(text));
  const [record] = records;
  if (record === undefined || records.length > 1) return [];
  const uris = /;[ \t]*rua=([^;]*)/.exec(record)?.[1] ?? "";
  const targets = uris.split(",", 4 * TARGETS_MAX).map((uri) => targetOf(uri.trim()));
  return targets.filter((target) => target !== null).slice(0, TARGETS_MAX);
}

function targetOf(uri: string): ReportTarget | null {
  if (uri.length > URI_OCTETS_MAX) return null;
  const mail = /^mailto:([^?]+)/i.exec(uri)?.[1];
  if (mail !== undefined) {
    const mailbox = parseMailbox(decoded(mail));
    const isUsable = mailbox.ok && mailbox.value.host.kind === "domain" && isPrintableAscii(mailbox.value.localPart);
    return isUsable ? { kind: "mail", mailbox: mailbox.value } : null;
  }
  const https = /^https:\/\/[a-z0-9.-]+(?::443)?(?:[/?]|$)/i.test(uri) && /^[\x21-\x7e]*$/.test(uri);
  return https ? { kind: "https", url: uri } : null;
}

/** `%2C` and `%21` stand for what would end an address there (RFC 3986 §2.1). */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Who reports. */
export interface ReportingParty {
  /** Our name: the submitter. */
  readonly hostname: string;
  readonly organization: string;
  /** An address. */
  readonly contact: string;
}

/** Of a day and a domain there is one report, and each attempt at it has the same id: so a second one is known as such. */
export function reportId(day: number, domain: Domain, { hostname }: ReportingParty): string {
  return `${formatDay(day)}.${domain}@${hostname}`;
}

/** `relay.example!example.net!1013662800!1013749199.json.gz` (RFC 8460 §5.1). */
export function reportFileName(day: number, domain: Domain, { hostname }: ReportingParty): string {
  return `${hostname}!${domain}!${(day * DAY_MS) / SECOND_MS}!${((day + 1) * DAY_MS) / SECOND_MS - 1}.json.gz`;
}

/** The report as JSON (RFC 8460 §4.4). */
export function reportJson(day: number, domain: Domain, policies: readonly PolicyTally[], party: ReportingParty): Json {
  return {
    "organization-name": party.organization,
    "date-range": {
      "start-datetime": formatInstant(day * DAY_MS),
      "end-datetime": formatInstant((day + 1) * DAY_MS - SECOND_MS),
    },
    "contact-info": party.contact,
    "report-id": reportId(day, domain, party),
    policies: policies.map(policyJson),
  };
}

function policyJson({ policy, successes, failures, details }: PolicyTally): Json {
  return {
    policy: {
      "policy-type": policy.type,
      ...(policy.strings.length === 0 ? {} : { "policy-string": policy.strings }),
      "policy-domain": policy.domain,
      ...(policy.mxPatterns.length === 0 ? {} : { "mx-host": policy.mxPatterns }),
    },
    summary: { "total-successful-session-count": successes, "total-failure-session-count": failures },
    ...(details.length === 0 ? {} : { "failure-details": details.map(failureJson) }),
  };
}

function failureJson({ type, mxHost, receivingAddress, sendingAddress, reason, sessions }: FailureTally): Json {
  return {
    "result-type": type,
    ...given("sending-mta-ip", sendingAddress),
    ...given("receiving-mx-hostname", mxHost),
    ...given("receiving-ip", receivingAddress),
    "failed-session-count": sessions,
    ...given("failure-reason-code", reason),
  };
}

function given(name: string, value: string): { readonly [name: string]: string } {
  return value === "" ? {} : { [name]: value };
}
