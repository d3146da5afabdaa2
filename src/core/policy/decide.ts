// HOT PATH: 150 ns a decision among 1,000,000 entries, from parsed addresses
import type { ReversePath } from "../mail/envelope.ts";
import { sameAddress } from "../mail/ip.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import { localPartRouting, percentStep } from "../mail/routing.ts";
import type { CompiledPolicy, LocalBecause } from "./compile.ts";
import type { ClientFacts, Decision, RelayDecision, Rule, Verdict } from "./decision.ts";
import * as words from "./decision-words.ts";
import type { EntryId } from "./policy.ts";
import { PolicyDecision, type Judgement, type Question, type Trail } from "./policy-decision.ts";

/**
 * May the client stay connected? *REJECT first, whatever else holds; then RBLSVR. A client on *REJECT that OVRRJTCNNL(*YES) lets in passes
 * here with its entry named, and hears 530 from `decideSender` and `decideRelay` until it has authenticated.
 */
export function decideConnection(policy: CompiledPolicy | null, client: ClientFacts, id: number): Decision {
  return new PolicyDecision(policy, client, CONNECTION, id, judgeConnection(policy, client, null), judge);
}

/** May the client send from `reversePath`? The sender grants nothing: what passes here is still to be decided for every recipient. */
export function decideSender(
  policy: CompiledPolicy | null,
  client: ClientFacts,
  reversePath: ReversePath,
  id: number,
): Decision {
  const judgement = judgeSender(policy, client, reversePath, null);
  return new PolicyDecision(policy, client, { kind: "sender", path: reversePath }, id, judgement, judge);
}

/**
 * May the client send to `forwardPath` (its source route stripped), as `reversePath`? Pure and total; what no entry allows is refused, and what cannot be
 * known is deferred (law 3). What is allowed may still be refused by a route; no route lets in what is not. Complete in itself: a client on *REJECT is refused here too, whoever forgot to ask at connect.
 */
export function decideRelay(
  policy: CompiledPolicy | null,
  client: ClientFacts,
  forwardPath: Mailbox,
  reversePath: ReversePath,
  id: number,
): RelayDecision {
  const judgement = judgeRelay(policy, client, forwardPath, reversePath, null);
  const question: Question = { kind: "recipient", path: forwardPath, sender: reversePath };
  return new PolicyDecision(policy, client, question, id, judgement, judge);
}

/** Asks again, with a trail for the steps: everything here is pure, so the answer is the same. */
function judge(policy: CompiledPolicy | null, client: ClientFacts, question: Question, trail: Trail): Judgement {
  switch (question.kind) {
    case "connection":
      return judgeConnection(policy, client, trail);
    case "sender":
      return judgeSender(policy, client, question.path, trail);
    case "recipient":
      return judgeRelay(policy, client, question.path, question.sender, trail);
  }
}

function judgeConnection(policy: CompiledPolicy | null, client: ClientFacts, trail: Trail): Judgement {
  if (policy === null) return noPolicy(trail);
  if (trail) trail.push(words.version(policy));
  return judgeClient(policy, client, true, trail) ?? CONNECT;
}

function judgeSender(
  policy: CompiledPolicy | null,
  client: ClientFacts,
  reversePath: ReversePath,
  trail: Trail,
): Judgement {
  if (policy === null) return noPolicy(trail);
  if (trail) trail.push(words.version(policy));
  const refused = judgeClient(policy, client, false, trail) ?? judgeAuthentication(policy, client, trail);
  if (refused !== null) return refused;
  return judgeReversePath(policy, client, reversePath, trail) ?? CONNECT;
}

function judgeRelay(
  policy: CompiledPolicy | null,
  client: ClientFacts,
  forwardPath: Mailbox,
  reversePath: ReversePath,
  trail: Trail,
): Judgement {
  if (policy === null) return noPolicy(trail);
  if (trail) trail.push(words.version(policy));
  const refused = judgeClient(policy, client, false, trail) ?? judgeAuthentication(policy, client, trail);
  if (refused !== null) return refused;
  const recipient = followRoutes(policy, client, forwardPath, trail);
  if (recipient === null) return ADDRESS;
  const local = whyOurs(policy, client, recipient);
  if (trail) trail.push(words.recipientDomain(recipient, local));
  const { recipientRefusal } = client;
  if (local !== null && recipientRefusal != null) {
    if (trail) trail.push(words.unknownMailbox(recipient, recipientRefusal));
    return judged("refuse", "VERIFY", local.kind === "entry" ? local.entry.id : 0, recipient);
  }
  const allowed =
    local !== null
      ? judged("local", "LOCAL", local.kind === "entry" ? local.entry.id : 0, recipient)
      : judgeForeign(policy, client, recipient, trail);
  if (allowed.verdict === "refuse" || (trail === null && !policy.routes.refuses)) return allowed;
  return judgeRoute(policy, client, recipient, reversePath, trail) ?? allowed;
}

/** A route with ACTION(*REFUSE), asked last. */
function judgeRoute(
  policy: CompiledPolicy,
  client: ClientFacts,
  recipient: Mailbox,
  sender: ReversePath,
  trail: Trail,
): Judgement | null {
  const question = { recipient: recipient.host, sender, client: client.address };
  const found = policy.routes.match(question, client.now);
  if (trail && policy.routes.size > 0) trail.push(words.routed(found));
  return found?.route.action.kind === "refuse" ? judged("refuse", "ROUTE", found.entry.id, recipient) : null;
}

const CONNECTION: Question = { kind: "connection" };
const CONNECT = judged("local", "CONNECT", 0);
const ADDRESS = judged("refuse", "ADDRESS", 0);
const NO_POLICY = judged("defer", "NO-POLICY", 0);

function judged(verdict: Verdict, rule: Rule, entryId: EntryId, recipient: Mailbox | null = null): Judgement {
  return { verdict, rule, entryId, recipient };
}

function noPolicy(trail: Trail): Judgement {
  if (trail) trail.push(words.NO_POLICY);
  return NO_POLICY;
}

/** *REJECT and RBLSVR: what is asked of the client alone. null lets it go on. */
function judgeClient(policy: CompiledPolicy, client: ClientFacts, connecting: boolean, trail: Trail): Judgement | null {
  const { attributes } = policy;
  const id = policy.reject.match(client.address, client.now, policy.table);
  if (trail) trail.push(words.networkList(policy, "*REJECT", policy.reject, client, id));
  let passed: Judgement | null = null;
  if (id !== 0 && client.user === null) {
    if (attributes.OVRRJTCNNL !== "*YES" || client.mayAuthenticate !== true) {
      if (trail) trail.push(words.rejected(attributes));
      return judged("refuse-connection", "REJECT", id);
    }
    if (trail) trail.push(words.OVERRIDABLE);
    if (!connecting) return judged("refuse", "AUTH-REQUIRED", id);
    passed = judged("local", "CONNECT", id);
  } else if (id !== 0) {
    if (attributes.OVRRJTCNNL !== "*YES") {
      if (trail) trail.push(words.rejected(attributes));
      return judged("refuse-connection", "REJECT", id);
    }
    if (trail) trail.push(words.overridden(client));
  }
  const { listedBy } = client;
  if (trail) trail.push(words.blocklists(attributes, client));
  if (listedBy !== null && attributes.RBLSVR.includes(listedBy)) return judged("refuse-connection", "RBL", 0);
  return passed;
}

/** ALWAUTH(*LCLRLY): every client authenticates, for local mail too. */
function judgeAuthentication(policy: CompiledPolicy, client: ClientFacts, trail: Trail): Judgement | null {
  if (policy.attributes.ALWAUTH !== "*LCLRLY") return null;
  if (trail) trail.push(words.authenticationForAll(client));
  return client.user === null ? judged("refuse", "AUTH-REQUIRED", 0) : null;
}

/** VFYFROMUSR. The null reverse-path is nobody's and passes: reports must get through (RFC 5321 §4.5.5). */
function judgeReversePath(
  policy: CompiledPolicy,
  client: ClientFacts,
  reversePath: ReversePath,
  trail: Trail,
): Judgement | null {
  const verify = policy.attributes.VFYFROMUSR;
  if (verify === "*NONE" || reversePath === null) {
    if (trail) trail.push(words.senderNotVerified(verify));
    return null;
  }
  if (verify === "*LIST") {
    const id = policy.accept.match(client.address, client.now, policy.table);
    if (trail) trail.push(words.networkList(policy, "*ACCEPT", policy.accept, client, id));
    if (id !== 0) return null;
  }
  const local = whyOurs(policy, client, reversePath);
  if (trail) trail.push(words.senderDomain(verify, reversePath, local));
  return local === null ? judged("refuse", "VFYFROMUSR", 0) : null;
}

function whyOurs(policy: CompiledPolicy, client: ClientFacts, { host }: Mailbox): LocalBecause | null {
  if (host.kind === "domain") return policy.localBecause(host.domain, client.localAddress, client.now);
  return client.localAddress !== null && sameAddress(host.address, client.localAddress) ? OWN_ADDRESS : null;
}

const OWN_ADDRESS: LocalBecause = { kind: "address" };

/** So many `%` are followed; more is no address of anybody's. */
export const PERCENT_STEPS_MAX = 8;

/** The final address, where a local domain is only a station on the way; null where the address is one that is never relayed. */
function followRoutes(policy: CompiledPolicy, client: ClientFacts, forwardPath: Mailbox, trail: Trail): Mailbox | null {
  let mailbox = forwardPath;
  for (let steps = 0; isRouted(mailbox.localPart) && whyOurs(policy, client, mailbox) !== null; steps++) {
    const { percent, bang, at, quoted } = localPartRouting(mailbox.localPart);
    const followed = percent && policy.attributes.PCTRTGCHR === "*YES";
    if (bang || at || (quoted && followed) || steps === PERCENT_STEPS_MAX) {
      if (trail) trail.push(words.neverRelayed(mailbox));
      return null;
    }
    if (!followed) {
      if (trail) trail.push(words.PERCENT_IS_ORDINARY);
      return mailbox;
    }
    const next = percentStep(mailbox.localPart);
    if (trail) trail.push(next === null ? words.neverRelayed(mailbox) : words.percentFollowed(mailbox, next));
    if (next === null) return null;
    mailbox = next;
  }
  return mailbox;
}

/** Whether `%`, `!` or `@` stands in the local-part. */
function isRouted(localPart: string): boolean {
  for (let i = 0; i < localPart.length; i++) {
    const c = localPart.charCodeAt(i);
    if (c === 0x25 || c === 0x21 || c === 0x40) return true;
  }
  return false;
}

/** ALWRLY and what it asks, for a recipient that is not ours. */
function judgeForeign(policy: CompiledPolicy, client: ClientFacts, recipient: Mailbox, trail: Trail): Judgement {
  const { ALWRLY } = policy.attributes;
  if (trail) trail.push(words.allowRelay(ALWRLY));
  if (ALWRLY === "*NONE") return judged("refuse", "ALWRLY", 0, recipient);
  if (ALWRLY === "*ALL") return judged("relay", "ALWRLY", 0, recipient);
  if (ALWRLY !== "*NEAR") {
    const id = policy.accept.match(client.address, client.now, policy.table);
    if (trail) trail.push(words.networkList(policy, "*ACCEPT", policy.accept, client, id));
    if (id !== 0) return judged("relay", "ACCEPT", id, recipient);
    if (trail) trail.push(words.authentication(policy.attributes, client));
    if (client.user !== null && policy.attributes.ALWAUTH !== "*NONE") return judged("relay", "AUTH", 0, recipient);
  }
  if (ALWRLY !== "*LIST") {
    const name = nearName(policy, client, recipient, trail);
    if (name !== 0) return judged("relay", "NEAR", name, recipient);
    const id = policy.nearNetworks.match(client.address, client.now, policy.table);
    if (trail) trail.push(words.networkList(policy, "*NEAR", policy.nearNetworks, client, id));
    if (id !== 0) return judged("relay", "NEAR", id, recipient);
  }
  if (trail) trail.push(words.NO_MATCH);
  return judged("refuse", "NO-MATCH", 0, recipient);
}

/**
 * The name of *NEAR that covers the recipient. A near host that follows routes must not become a stranger's way to everywhere: a
 * local-part with `%` (where that is a routing character), `!` or `@` in it is not allowed by name, and a literal has none.
 */
function nearName(policy: CompiledPolicy, client: ClientFacts, recipient: Mailbox, trail: Trail): EntryId {
  const { host, localPart } = recipient;
  if (host.kind !== "domain") {
    if (trail) trail.push(words.NO_NAME);
    return 0;
  }
  if (isRouted(localPart)) {
    const { bang, at } = localPartRouting(localPart);
    if (bang || at || policy.attributes.PCTRTGCHR === "*YES") {
      if (trail) trail.push(words.ROUTED_BEYOND);
      return 0;
    }
  }
  const id = policy.nearDomains.match(host.domain, client.now, policy.table);
  if (trail) trail.push(words.nearDomains(policy, host.domain, client, id));
  return id;
}
