/** What a decision says: the steps of its path, for operators, and its reply, for the client. Text of strangers is made printable. */
import { counted } from "../base/count.ts";
import { printable } from "../base/printable.ts";
import { formatInstant } from "../base/time.ts";
import type { Domain } from "../mail/domain.ts";
import { formatIpAddress } from "../mail/ip.ts";
import { formatMailbox, formatMailboxHost, type Mailbox } from "../mail/mailbox.ts";
import { describeReply, reply, type Reply } from "../mail/reply.ts";
import type { CompiledPolicy, LocalBecause } from "./compile.ts";
import { formatEntryId, formatEntryValue } from "./coverage.ts";
import type { ClientFacts } from "./decision.ts";
import type { NetworkSet } from "./network-set.ts";
import { hasEnded, type AllowRelay, type Attributes, type Entry, type EntryId, type ListName } from "./policy.ts";
import type { RouteEntry } from "./route-table.ts";
import { describeAction } from "./route-words.ts";

/** An address of at most 64 + 1 + 255 octets whose every character had to be escaped still fits. */
const ADDRESS_CHARACTERS_MAX = 400;
/** What a next hop said, in a path. */
const REPLY_CHARACTERS_MAX = 200;

// --- the path ---------------------------------------------------------------------------------------------------------

export const NO_POLICY = "There is no policy yet: deferred";
export const OVERRIDABLE = "OVRRJTCNNL(*YES): the client may stay and must authenticate before anything else";
export const PERCENT_IS_ORDINARY = "PCTRTGCHR(*NO): % is an ordinary character";
export const NO_NAME = "*NEAR names: an address literal has no name";
export const ROUTED_BEYOND = "*NEAR names: not asked, the local-part routes beyond the near domain";
export const NO_MATCH = "No entry allows it: refused";

export function version(policy: CompiledPolicy): string {
  return `Policy version ${policy.version}`;
}

/** The answer of a list of networks, with the entries that would have matched had they not ended. */
export function routed(found: RouteEntry | null): string {
  if (found === null) return "*ROUTE: no route matches";
  const { entry, route } = found;
  return `*ROUTE: ${route.name} (${formatEntryId(entry.id)}) ${describeAction(route.action)}`;
}

export function networkList(
  policy: CompiledPolicy,
  list: ListName,
  set: NetworkSet,
  client: ClientFacts,
  id: EntryId,
): string {
  const name = list === "*NEAR" ? "*NEAR networks" : list;
  if (set.size === 0) return `${name}: empty`;
  const address = formatIpAddress(client.address);
  const ended = endedBefore(policy, set.allContaining(client.address), id, client);
  const found = policy.entry(id);
  return found === null
    ? `${name}: ${address} is in none of ${counted(set.size, "network")}${ended}`
    : `${name}: ${address} is in ${describeEntry(found)}${ended}`;
}

export function nearDomains(policy: CompiledPolicy, domain: Domain, client: ClientFacts, id: EntryId): string {
  const set = policy.nearDomains;
  if (set.size === 0) return "*NEAR names: none";
  const ended = endedBefore(policy, set.covering(domain, false), id, client);
  const found = policy.entry(id);
  return found === null
    ? `*NEAR names: ${domain} is none of ${counted(set.size, "name")}${ended}`
    : `*NEAR names: ${domain} is covered by ${describeEntry(found)}${ended}`;
}

/** Those of `ids` that stand before the one that matched and do so because they have ended. */
function endedBefore(policy: CompiledPolicy, ids: readonly EntryId[], matched: EntryId, client: ClientFacts): string {
  const until = ids.indexOf(matched);
  const ended = (until < 0 ? ids : ids.slice(0, until)).flatMap((id) => {
    const entry = policy.entry(id);
    return entry && hasEnded(entry, client.now) ? [entry] : [];
  });
  if (ended.length === 0) return "";
  const each = ended.slice(0, 3).map((entry) => `${describeEntry(entry)} ended ${formatInstant(entry.expiresAt ?? 0)}`);
  return ` (${each.join("; ")})`;
}

function describeEntry(entry: Entry): string {
  const text = entry.text === "" ? "" : ` "${printable(entry.text, 60)}"`;
  return `${formatEntryId(entry.id)} ${formatEntryValue(entry.value)}${text}`;
}

export function rejected(attributes: Attributes): string {
  return attributes.OVRRJTCNNL === "*YES"
    ? "OVRRJTCNNL(*YES): does not help, the session offers no authentication: connection refused"
    : "OVRRJTCNNL(*NO): connection refused";
}

export function overridden(client: ClientFacts): string {
  return `OVRRJTCNNL(*YES): overridden, the client authenticated as ${printable(client.user ?? "", 60)}`;
}

export function blocklists(attributes: Attributes, client: ClientFacts): string {
  if (attributes.RBLSVR.length === 0) return "RBLSVR(*NONE): no DNS list is asked";
  const { listedBy } = client;
  return listedBy !== null && attributes.RBLSVR.includes(listedBy)
    ? `RBLSVR: ${listedBy} names ${formatIpAddress(client.address)}: connection refused`
    : `RBLSVR: not known to be named by ${attributes.RBLSVR.join(", ")}`;
}

export function authenticationForAll(client: ClientFacts): string {
  return client.user === null
    ? "ALWAUTH(*LCLRLY): every client must authenticate, this one has not"
    : `ALWAUTH(*LCLRLY): authenticated as ${printable(client.user, 60)}`;
}

export function authentication(attributes: Attributes, client: ClientFacts): string {
  if (client.user === null) return "Authentication: none";
  const user = printable(client.user, 60);
  return attributes.ALWAUTH === "*NONE"
    ? `ALWAUTH(*NONE): authenticated as ${user}, which does not allow relay`
    : `ALWAUTH(${attributes.ALWAUTH}): authenticated as ${user}, which allows relay`;
}

export function senderNotVerified(verify: Attributes["VFYFROMUSR"]): string {
  return verify === "*NONE" ? "VFYFROMUSR(*NONE): any sender" : `VFYFROMUSR(${verify}): the null reverse-path passes`;
}

export function senderDomain(verify: Attributes["VFYFROMUSR"], sender: Mailbox, local: LocalBecause | null): string {
  return `VFYFROMUSR(${verify}): ${hostOf(sender)} is ${ours(local)}`;
}

export function recipientDomain(recipient: Mailbox, local: LocalBecause | null): string {
  return `Recipient domain: ${hostOf(recipient)} is ${ours(local)}`;
}

function ours(local: LocalBecause | null): string {
  if (local === null) return "not ours";
  switch (local.kind) {
    case "configured":
      return "ours, by local_domains";
    case "alias":
      return "ours, by ALIASDMN";
    case "address":
      return "ours, the address of this session";
    case "entry":
      return `ours, by *DOMAIN ${describeEntry(local.entry)}`;
  }
}

export function unknownMailbox(recipient: Mailbox, said: Reply): string {
  return `Next hop: ${addressOf(recipient)} is not known there: ${printable(describeReply(said), REPLY_CHARACTERS_MAX)}`;
}

export function neverRelayed(mailbox: Mailbox): string {
  return `Address: ${addressOf(mailbox)} is a route or an address in an address: refused`;
}

export function percentFollowed(from: Mailbox, to: Mailbox): string {
  return `PCTRTGCHR(*YES): ${addressOf(from)} means ${addressOf(to)}`;
}

export function allowRelay(allow: AllowRelay): string {
  return `ALWRLY(${allow}): ${ALLOW_RELAY[allow]}`;
}

const ALLOW_RELAY: Readonly<Record<AllowRelay, string>> = {
  "*NONE": "nothing is relayed: refused",
  "*ALL": "everything is relayed",
  "*LIST": "asks *ACCEPT",
  "*NEAR": "asks *NEAR",
  "*BOTH": "asks *ACCEPT, then *NEAR",
};

export function addressOf(mailbox: Mailbox): string {
  return printable(formatMailbox(mailbox), ADDRESS_CHARACTERS_MAX);
}

function hostOf(mailbox: Mailbox): string {
  return formatMailboxHost(mailbox.host);
}

// --- the reply --------------------------------------------------------------------------------------------------------

export const CONNECTION_OK = reply(220, "", "Welcome");
export const SENDER_OK = reply(250, "2.1.0", "Sender OK");
export const RECIPIENT_OK = reply(250, "2.1.5", "Recipient OK");

/** `about` is the address in question, null for a connection; `tag` finds the decision in the journal: `[D-7F3K2]`. */
export function deferral(about: string | null, tag: string): Reply {
  return reply(451, "4.7.1", `${prefix(about)}no policy yet, try again later ${tag}`);
}

export function connectionRefusal(address: string, tag: string): Reply {
  return reply(554, "5.7.1", `Connection refused for ${address} ${tag}`);
}

export function authenticationDemand(tag: string): Reply {
  return reply(530, "5.7.0", `Authentication required ${tag}`);
}

export function senderRefusal(about: string, address: string, tag: string): Reply {
  return reply(550, "5.7.1", `${prefix(about)}sender not allowed for ${address} ${tag}`);
}

export function relayRefusal(about: string, address: string, tag: string): Reply {
  return reply(550, "5.7.1", `${prefix(about)}relay denied for ${address} ${tag}`);
}

export function routeRefusal(about: string, tag: string): Reply {
  return reply(550, "5.7.1", `${prefix(about)}mail for it is not taken here, by policy ${tag}`);
}

export function mailboxRefusal(about: string, tag: string): Reply {
  return reply(550, "5.1.1", `${prefix(about)}no such mailbox here ${tag}`);
}

function prefix(about: string | null): string {
  return about === null ? "" : `<${about}>: `;
}
