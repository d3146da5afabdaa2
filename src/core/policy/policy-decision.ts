import type { Json } from "../base/json.ts";
import type { ReversePath } from "../mail/envelope.ts";
import { formatIpAddress } from "../mail/ip.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import { describeReply, type Reply } from "../mail/reply.ts";
import type { CompiledPolicy } from "./compile.ts";
import { formatEntryId, formatEntryValue } from "./coverage.ts";
import type { ClientFacts, Decision, RelayDecision, Rule, Verdict } from "./decision.ts";
import { formatDecisionId } from "./decision-id.ts";
import * as words from "./decision-words.ts";
import type { Entry, EntryId } from "./policy.ts";

export interface Judgement {
  readonly verdict: Verdict;
  readonly rule: Rule;
  /** 0 where no entry decided. */
  readonly entryId: EntryId;
  /** The final address, where it came to that. */
  readonly recipient: Mailbox | null;
}

export type Question =
  | { readonly kind: "connection" }
  | { readonly kind: "sender"; readonly path: ReversePath }
  | { readonly kind: "recipient"; readonly path: Mailbox; readonly sender: ReversePath };

/** Gets every step that is asked, with its answer, in order; null where nobody wants to read them. */
export type Trail = string[] | null;

export type Judge = (policy: CompiledPolicy | null, client: ClientFacts, question: Question, trail: Trail) => Judgement;

/** A decision as `decide.ts` makes it: what was asked and what came of it. Entry, reply and path are made when they are asked for. */
export class PolicyDecision implements RelayDecision {
  readonly verdict: Verdict;
  readonly rule: Rule;
  readonly policyVersion: number;
  readonly #policy: CompiledPolicy | null;
  readonly #client: ClientFacts;
  readonly #question: Question;
  readonly #id: number;
  readonly #judgement: Judgement;
  readonly #judge: Judge;
  #path: readonly string[] | null = null;

  constructor(
    policy: CompiledPolicy | null,
    client: ClientFacts,
    question: Question,
    id: number,
    judgement: Judgement,
    judge: Judge,
  ) {
    this.verdict = judgement.verdict;
    this.rule = judgement.rule;
    this.policyVersion = policy === null ? 0 : policy.version;
    this.#policy = policy;
    this.#client = client;
    this.#question = question;
    this.#id = id;
    this.#judgement = judgement;
    this.#judge = judge;
  }

  get entry(): Entry | null {
    const { entryId } = this.#judgement;
    return entryId === 0 || this.#policy === null ? null : this.#policy.entry(entryId);
  }

  get recipient(): Mailbox {
    const question = this.#question;
    if (this.#judgement.recipient !== null) return this.#judgement.recipient;
    return question.kind === "recipient" ? question.path : NOBODY;
  }

  get reply(): Reply {
    const question = this.#question;
    const address = formatIpAddress(this.#client.address);
    const about = question.kind === "connection" || question.path === null ? null : words.addressOf(question.path);
    // Number 0 is the question of an operator, which no journal keeps.
    const tag = this.#id === 0 ? "[explain]" : `[${formatDecisionId(this.#id)}]`;
    switch (this.verdict) {
      case "relay":
      case "local":
        return ACCEPTANCE[question.kind];
      case "defer":
        return words.deferral(about, tag);
      case "refuse-connection":
        return words.connectionRefusal(address, tag);
      case "refuse":
        if (this.rule === "AUTH-REQUIRED") return words.authenticationDemand(tag);
        if (this.rule === "VERIFY") return words.mailboxRefusal(about ?? "", tag);
        if (this.rule === "ROUTE") return words.routeRefusal(about ?? "", tag);
        return question.kind === "recipient"
          ? words.relayRefusal(about ?? "", address, tag)
          : words.senderRefusal(about ?? "", address, tag);
    }
  }

  get path(): readonly string[] {
    if (this.#path === null) {
      const trail: string[] = [];
      this.#judge(this.#policy, this.#client, this.#question, trail);
      this.#path = trail;
    }
    return this.#path;
  }

  /** As `explain --json` prints it. */
  toJSON(): object {
    return decisionJson(this);
  }
}

const ACCEPTANCE = {
  connection: words.CONNECTION_OK,
  sender: words.SENDER_OK,
  recipient: words.RECIPIENT_OK,
} as const;

const NOBODY: Mailbox = { localPart: "", host: { kind: "literal", address: { family: 4, bits: 0 } } };

/** The shape of the contract: what `explain --json` prints. */
export function decisionJson(decision: Decision): { readonly [name: string]: Json } {
  const { verdict, rule, entry, policyVersion, reply, path } = decision;
  return {
    verdict,
    rule,
    entry: entry && {
      list: entry.list,
      value: formatEntryValue(entry.value),
      id: formatEntryId(entry.id),
      text: entry.text,
    },
    policyVersion,
    reply: describeReply(reply),
    path,
  };
}
