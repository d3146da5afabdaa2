import type { Result } from "../core/base/result.ts";
import { parseForwardPath, parseReversePath, pathFaultReply, PATH_FAULTS, type PathFault } from "../core/mail/path.ts";
import type { CompiledPolicy } from "../core/policy/compile.ts";
import { decideConnection, decideRelay, decideSender } from "../core/policy/decide.ts";
import type { ClientFacts, Decision } from "../core/policy/decision.ts";
import type { ExplainOperations, ExplainQuestion } from "./operations.ts";
import type { Clock } from "./ports.ts";
import type { RecipientVerifier } from "./verify-recipients.ts";

export interface ExplainerOptions {
  readonly policy: { compiled(): CompiledPolicy | null };
  readonly clock: Pick<Clock, "now">;
  /** Whom the live relay would ask for a recipient; null where it asks nobody. */
  readonly verifier: Pick<RecipientVerifier, "hopFor"> | null;
}

/** Decisions of number 0 are questions of operators: the journal does not have them. */
const NOT_JOURNALLED = 0;

/**
 * What the live relay would answer, by the functions of the live session, in its order: connection, sender, recipient. The first that refuses
 * settles it; the path has the steps of all that were asked, each once. RBLSVR is not asked
 * here, nor is the next hop for a recipient, and the interface is any of ours.
 */
export class Explainer implements ExplainOperations {
  readonly #options: ExplainerOptions;

  constructor(options: ExplainerOptions) {
    this.#options = options;
  }

  explain(question: ExplainQuestion): Decision {
    const policy = this.#options.policy.compiled();
    const facts: ClientFacts = {
      address: question.client,
      localAddress: null,
      user: question.user,
      tls: question.tls,
      now: this.#options.clock.now(),
      listedBy: null,
      mayAuthenticate: true,
    };
    const connection = decideConnection(policy, facts, NOT_JOURNALLED);
    if (question.recipient === null || isSettled(connection)) return connection;
    const sender = this.#sender(policy, facts, question.reversePath);
    if (isSettled(sender)) return afterSteps([connection], sender);
    return afterSteps([connection, sender], this.#recipient(policy, facts, question.recipient, question.reversePath));
  }

  #sender(policy: CompiledPolicy | null, facts: ClientFacts, text: string): Decision {
    const path = parseReversePath(bracketed(text));
    if (!path.ok) return unreadable(policy, "MAIL", text, path);
    return decideSender(policy, facts, path.value.path, NOT_JOURNALLED);
  }

  #recipient(policy: CompiledPolicy | null, facts: ClientFacts, text: string, sender: string): Decision {
    const path = parseForwardPath(bracketed(text), policy?.settings.localDomains[0] ?? null);
    if (!path.ok) return unreadable(policy, "RCPT", text, path);
    const reversePath = parseReversePath(bracketed(sender));
    const from = reversePath.ok ? reversePath.value.path : null;
    const decision = decideRelay(policy, facts, path.value.path, from, NOT_JOURNALLED);
    if (decision.verdict !== "local") return decision;
    const question = { recipient: decision.recipient, sender: from, client: facts.address };
    const hop = this.#options.verifier?.hopFor(question) ?? null;
    return hop === null ? decision : withStep(decision, notAsked(hop));
  }
}

function isSettled(decision: Decision): boolean {
  return decision.verdict !== "relay" && decision.verdict !== "local";
}

function notAsked(hop: string): string {
  return `verify_recipients: ${hop} is asked whether it knows the mailbox, but not by explain`;
}

function withStep({ verdict, rule, entry, policyVersion, reply, path }: Decision, step: string): Decision {
  return { verdict, rule, entry, policyVersion, reply, path: [...path, step] };
}

function bracketed(text: string): string {
  return text.startsWith("<") ? text : `<${text}>`;
}

/** What the session answers to a path that is none. */
function unreadable(
  policy: CompiledPolicy | null,
  command: "MAIL" | "RCPT",
  text: string,
  path: Result<unknown, PathFault> & { readonly ok: false },
): Decision {
  return {
    verdict: "refuse",
    rule: "ADDRESS",
    entry: null,
    policyVersion: policy?.version ?? 0,
    reply: pathFaultReply(path.error, command),
    path: [`${command} ${bracketed(text)}: ${PATH_FAULTS[path.error]}`],
  };
}

/** The decision with the steps of those before it in front of its own. */
function afterSteps(
  before: readonly Decision[],
  { verdict, rule, entry, policyVersion, reply, path }: Decision,
): Decision {
  const steps = new Set([...before.flatMap((decision) => decision.path), ...path]);
  return { verdict, rule, entry, policyVersion, reply, path: Array.from(steps) };
}
