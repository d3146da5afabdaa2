import { field, formatAngle, HeadReader, mailboxesIn, moved } from "./edit-header.ts";
import { latin1, latin1Octets, readHeader, type HeaderField } from "./header-fields.ts";
import { formatMailbox, type Mailbox } from "./mailbox.ts";

const VISIBLE = ["to", "cc"];
/** What a reader of the header may take for recipients too (RFC 5322 §3.6.6). */
const DROPPED = new Set(["bcc", "resent-to", "resent-cc", "resent-bcc"]);
const TITLES: Readonly<Record<string, string>> = { to: "To", cc: "Cc" };
const ORIGINALS: Readonly<Record<string, string>> = { to: "X-Original-To", cc: "X-Original-Cc" };
/** A list that is longer is not kept under another name. */
const ORIGINAL_OCTETS_MAX = 65_536;

/**
 * An address that every reader understands alike, and the comma behind it: no comment, group, escape or literal. Its parts are
 * bounded, so that a long list is read in linear time.
 */
const PLAIN =
  /[ \t]*(?:(?:"[^"\\\x00-\x1f]{0,200}"|[^"<>()[\]:;@\\,\x00-\x1f]{0,200})<([^\s<>()[\]:;@\\,"]{1,64}@[^\s<>()[\]:;@\\,"]{1,255})>|([^\s<>()[\]:;@\\,"]{1,64}@[^\s<>()[\]:;@\\,"]{1,255}))[ \t]*(?:,|$)/y;

/**
 * A whole message whose header names exactly these recipients, for a next hop that has no envelope and sends to whom the header names
 * (RFC 5321 §2.3.1 keeps the two apart). Those that To and Cc do not show stand in Bcc. Where To or Cc shows somebody else, or two readers
 * might see different people there, they are written anew with the recipients alone, and what stood there is kept as X-Original-To and
 * X-Original-Cc: nobody gets mail whom no decision let have it. Linear, never throws.
 */
export function narrowHeader(message: Uint8Array, recipients: readonly Mailbox[]): Uint8Array {
  const reader = new HeadReader(message.length);
  reader.push(message);
  const head = reader.end() ?? { octets: new Uint8Array(0), isEnded: false };
  const { fields, octets } = readHeader(latin1(head.octets));
  const text = narrowed(fields, recipients).map((one) => `${one.text}\r\n`);
  const front = latin1Octets(`${text.join("")}\r\n`);
  const bodyAt = head.isEnded && octets === head.octets.length ? octets + 2 : octets;
  const body = message.subarray(Math.min(bodyAt, message.length));
  const whole = new Uint8Array(front.length + body.length);
  whole.set(front);
  whole.set(body, front.length);
  return whole;
}

function narrowed(fields: readonly HeaderField[], recipients: readonly Mailbox[]): readonly HeaderField[] {
  const wanted = new Map(recipients.map((mailbox) => [keyOf(mailbox), mailbox]));
  const shown = new Map<string, readonly Mailbox[]>();
  const seen = new Set<string>();
  let isExact = true;
  for (const name of VISIBLE) {
    const lists = fields.filter((one) => one.name === name);
    const keys = lists.flatMap((one) => mailboxesIn(one.value)).map((mailbox) => mailbox && keyOf(mailbox));
    isExact &&= lists.length <= 1 && lists.every(isPlain) && keys.every((key) => key !== null && wanted.has(key));
    const ours: Mailbox[] = [];
    for (const key of keys) {
      const mailbox = key === null || seen.has(key) ? undefined : wanted.get(key);
      if (key === null || mailbox === undefined) continue;
      seen.add(key);
      ours.push(mailbox);
    }
    shown.set(name, ours);
  }
  const hidden = [...wanted].filter(([key]) => !seen.has(key)).map(([, mailbox]) => mailbox);
  const kept = fields.filter(({ name }) => !DROPPED.has(name));
  const visible = isExact ? kept : rewritten(kept, shown);
  return hidden.length === 0 ? visible : [...visible, listField("Bcc", hidden)];
}

/** To and Cc with these alone; what stood there moves. */
function rewritten(
  fields: readonly HeaderField[],
  shown: ReadonlyMap<string, readonly Mailbox[]>,
): readonly HeaderField[] {
  const others = fields.filter(({ name }) => !VISIBLE.includes(name) && !/^x-original-(to|cc)$/.test(name));
  const lists = VISIBLE.flatMap((name) => {
    const mailboxes = shown.get(name) ?? [];
    const originals = fields.filter((one) => one.name === name).map(({ value }) => value);
    return [
      ...(mailboxes.length === 0 ? [] : [listField(TITLES[name] ?? name, mailboxes)]),
      ...originals
        .filter((value) => value.length <= ORIGINAL_OCTETS_MAX)
        .map((value) => moved(ORIGINALS[name] ?? name, value)),
    ];
  });
  return [...others, ...lists];
}

function listField(name: string, mailboxes: readonly Mailbox[]): HeaderField {
  return field(name, mailboxes.map(formatAngle).join(",\r\n "));
}

/** Whether it is one list of plain addresses, in a field as everybody writes it. */
function isPlain(one: HeaderField): boolean {
  if (!/^(to|cc):/i.test(one.text)) return false;
  const value = one.value.replaceAll(/\r\n(?=[ \t])/g, "");
  PLAIN.lastIndex = 0;
  for (let at = 0; at < value.length; at = PLAIN.lastIndex) {
    if (!PLAIN.test(value)) return false;
    if (PLAIN.lastIndex <= at) return false;
  }
  return true;
}

/** Mailboxes that differ in the case of their letters alone are one for those who have no envelope. */
function keyOf(mailbox: Mailbox): string {
  return formatMailbox(mailbox).toLowerCase();
}
