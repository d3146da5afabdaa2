import type { Domain } from "../mail/domain.ts";
import { splitAddressList } from "../mail/header-recipients.ts";
import { parseMailbox } from "../mail/path.ts";
import { latin1Octets, type HeaderField } from "../mail/header-fields.ts";

/**
 * The domain that the authors are of (RFC 5322 §3.6.2). null where it is not plain: several From fields or none, authors of several
 * domains, what is no address.
 */
export function authorDomain(fields: readonly Pick<HeaderField, "name" | "value">[]): Domain | null {
  const [from, another] = fields.filter(({ name }) => name === "from");
  if (from === undefined || another !== undefined) return null;
  const text = new TextDecoder("utf-8").decode(latin1Octets(from.value));
  const addresses = splitAddressList(text);
  const brackets = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").split("<").length - 1;
  let domain: Domain | null = null;
  // `<a@x> <b@y>` is one of them for some readers and the other for others.
  if (brackets > addresses.length) return null;
  for (const address of addresses) {
    const mailbox = parseMailbox(/^<.*>$/.test(address) ? address.slice(1, -1) : address);
    if (!mailbox.ok || mailbox.value.host.kind !== "domain") return null;
    if (domain !== null && mailbox.value.host.domain !== domain) return null;
    domain = mailbox.value.host.domain;
  }
  return domain;
}
