import { isBug } from "../core/base/assert.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { Content } from "../core/mail/content.ts";
import type { Envelope, Recipient, ReversePath } from "../core/mail/envelope.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import { formatMailbox, type Mailbox } from "../core/mail/mailbox.ts";
import { reply, type Reply } from "../core/mail/reply.ts";
import { formatReceived, protocolName } from "../core/mail/trace-header.ts";
import type { CompiledPolicy } from "../core/policy/compile.ts";
import { decideConnection, decideRelay, decideSender } from "../core/policy/decide.ts";
import type { ClientFacts, Decision } from "../core/policy/decision.ts";
import { formatQueueId, type AcceptedMessage, type Origin, type QueueId } from "../core/queue/message.ts";
import type { Command } from "../core/smtp/command.ts";
import { NO_ROOM, NOT_STORED, RECIPIENT_AGAIN, RECIPIENT_OK, TOO_MANY_RECIPIENTS } from "../core/smtp/replies.ts";
import type { Session } from "../core/smtp/session.ts";
import type { IncomingContent } from "./receive-content.ts";
import { authOffer } from "./receive-offers.ts";
import type { ListenerProfile, Reception } from "./reception.ts";

/** Who is at the other end, as far as the session knows by now. */
export interface Caller {
  readonly client: IpAddress;
  readonly local: IpAddress | null;
  readonly listener: ListenerProfile;
  session: Session;
  /** Protocol and cipher, `""` in clear. */
  tls: string;
  /** The list of RBLSVR that names the client. */
  listedBy: Domain | null;
  now: number;
}

type Of<Verb extends Command["verb"]> = Extract<Command, { verb: Verb }>;

const UTF8 = new TextEncoder();

/** What a recipient takes in memory beside the line that named it, roughly. */
const RECIPIENT_OCTETS = 400;

/** Why the connection is refused, or null where it may go on. */
export function judgeConnection(receiver: Reception, policy: CompiledPolicy | null, caller: Caller): Reply | null {
  const id = receiver.recorder.decisionIdFor(caller.client, "", caller.now);
  const decision = decideConnection(policy, factsOf(caller), id);
  if (record(receiver, caller, decision, id, "", "")) return null;
  // A greeting is 220, 554 or 421 (RFC 5321 §4.3.2): what cannot be decided now is the last.
  return decision.reply.code === 451 ? { ...decision.reply, code: 421 } : decision.reply;
}

/** The decision that refuses MAIL, or null. One that lets it pass is no evidence of its own: those of its recipients are. */
export function judgeSender(
  receiver: Reception,
  policy: CompiledPolicy | null,
  caller: Caller,
  reversePath: ReversePath,
): Decision | null {
  const id = receiver.recorder.decisionIdFor(caller.client, "", caller.now);
  const decision = decideSender(policy, factsOf(caller), reversePath, id);
  if (isPassed(decision)) return null;
  record(receiver, caller, decision, id, formatReversePath(reversePath), "");
  return decision;
}

function formatReversePath(reversePath: ReversePath): string {
  return reversePath === null ? "" : formatMailbox(reversePath);
}

function factsOf(caller: Caller, recipientRefusal: Reply | null = null): ClientFacts {
  return {
    address: caller.client,
    localAddress: caller.local,
    user: caller.session.user,
    tls: caller.session.tls,
    now: caller.now,
    listedBy: caller.listedBy,
    mayAuthenticate: authOffer(caller.listener, caller.session.tls) !== "no",
    recipientRefusal,
  };
}

function isPassed(decision: Decision): boolean {
  return decision.verdict === "relay" || decision.verdict === "local";
}

/** Tells the journal and counts the entry that decided; returns whether the decision lets it pass. */
function record(
  receiver: Reception,
  caller: Caller,
  decision: Decision,
  id: number,
  reversePath: string,
  recipient: string,
): boolean {
  receiver.recorder.decision({
    at: caller.now,
    id,
    decision,
    client: caller.client,
    helo: caller.session.helo,
    user: caller.session.user,
    reversePath,
    recipient,
    listener: caller.listener.name,
  });
  // That a client may stay connected is no use of an entry; that it was refused or relayed for is.
  const entry = decision.rule === "CONNECT" ? null : decision.entry;
  if (entry !== null) receiver.use.count(entry.id, caller.client, caller.now);
  return isPassed(decision);
}

/** MAIL to end of data. One version of the policy, that of MAIL, judges all of it. */
export class Transaction {
  readonly #receiver: Reception;
  readonly #caller: Caller;
  readonly #policy: CompiledPolicy | null;
  readonly #mail: Of<"MAIL">;
  readonly #reversePath: string;
  /** BDAT has begun. */
  chunksBegun = false;
  readonly #recipients: Recipient[] = [];
  readonly #addresses: string[] = [];
  /** Built with the second recipient: most messages have one. */
  #known: Set<string> | null = null;
  #queueId: QueueId | null = null;
  #relayedFor = false;
  #heldOctets = 0;

  constructor(receiver: Reception, caller: Caller, policy: CompiledPolicy | null, mail: Of<"MAIL">) {
    this.#receiver = receiver;
    this.#caller = caller;
    this.#policy = policy;
    this.#mail = mail;
    this.#reversePath = formatReversePath(mail.path);
  }

  get queueId(): QueueId {
    this.#queueId ??= this.#receiver.nextQueueId();
    return this.#queueId;
  }

  /**
   * Decides about a recipient and takes it, once, at the address that the decision names; later, where its next hop is asked first. `lineLength` is that of
   * the command: the line stays in memory as long as its parts.
   */
  rcpt(command: Of<"RCPT">, lineLength: number): Reply | Promise<Reply> {
    const { limits, budget, verifier } = this.#receiver;
    if (this.#recipients.length >= limits.recipients) return TOO_MANY_RECIPIENTS;
    if (budget.exceeded) return NO_ROOM;
    const asked = verifier === null ? null : this.#ask(verifier, command.path);
    if (asked === null) return this.#decide(command, lineLength, null);
    return asked.then((refusal) => this.#decide(command, lineLength, refusal));
  }

  /** The word of the next hop of a recipient that is ours; of others none is asked. null: it need not be waited for. */
  #ask(verifier: NonNullable<Reception["verifier"]>, path: Mailbox): Promise<Reply | null> | null {
    const { path: sender } = this.#mail;
    const { verdict, recipient } = decideRelay(this.#policy, factsOf(this.#caller), path, sender, 0);
    return verdict === "local" ? verifier.refusalOf({ recipient, sender, client: this.#caller.client }) : null;
  }

  #decide(command: Of<"RCPT">, lineLength: number, refusal: Reply | null): Reply {
    const { recorder, budget } = this.#receiver;
    const caller = this.#caller;
    const asked = formatMailbox(command.path);
    const id = recorder.decisionIdFor(caller.client, asked, caller.now);
    const decision = decideRelay(this.#policy, factsOf(caller, refusal), command.path, this.#mail.path, id);
    if (!record(this.#receiver, caller, decision, id, this.#reversePath, asked)) return decision.reply;
    this.#relayedFor ||= namesClient(decision);
    const { recipient } = decision;
    const address = recipient === command.path ? asked : formatMailbox(recipient);
    if (!this.#isNew(address)) return RECIPIENT_AGAIN;
    this.#recipients.push(recipientOf(recipient, command));
    const octets = RECIPIENT_OCTETS + lineLength;
    this.#heldOctets += octets;
    budget.usedOctets += octets;
    return RECIPIENT_OK;
  }

  /** Nothing of it is held here any more. */
  end(): void {
    this.#receiver.budget.usedOctets -= this.#heldOctets;
    this.#heldOctets = 0;
  }

  #isNew(address: string): boolean {
    if (this.#addresses.length === 1) this.#known ??= new Set(this.#addresses);
    if (this.#known?.has(address)) return false;
    this.#known?.add(address);
    this.#addresses.push(address);
    return true;
  }

  /** Our Received field, in octets. */
  received(): Uint8Array {
    const caller = this.#caller;
    return UTF8.encode(
      formatReceived({
        client: caller.client,
        helo: caller.session.helo,
        hostname: this.#receiver.hostname,
        protocol: this.#protocol(),
        queueId: formatQueueId(this.queueId),
        tls: caller.tls,
        recipient: this.#addresses.length === 1 ? (this.#addresses[0] ?? null) : null,
        date: this.#receiver.mailDates.at(caller.now),
      }),
    );
  }

  /** For the journal. A password, or what proves one, that anybody on the way could read is worth a word of its own. */
  #tls(): string {
    const { tls, session } = this.#caller;
    return tls === "" && session.user !== null ? "none: AUTH in the clear" : tls;
  }

  #protocol(): string {
    const { greeting, user, tls } = this.#caller.session;
    const { smtpUtf8 } = this.#mail.parameters;
    return protocolName({ extended: greeting === "EHLO", tls, authenticated: user !== null, smtpUtf8 });
  }

  /** Resolves with the answer to end of data. A fault of the disk is told to the log and answered with 451. */
  store(content: IncomingContent): Promise<Reply> {
    const { lacksCare, tlsOptional } = content;
    if (content.isInMemory) return this.#put(content.inMemory(this.received()), lacksCare, tlsOptional);
    return content.finish().then(
      (finished) => (finished.ok ? this.#put(finished.value, lacksCare, tlsOptional) : this.#notStored(finished.error)),
      (fault: unknown) => this.#notStored(fault),
    );
  }

  /** Law 1: 250 only once the spool says that the message is on stable storage. Then the journal hears of it, then the queue. */
  #put(content: Content, lacksCare: boolean, tlsOptional: boolean): Promise<Reply> {
    const { now } = this.#caller;
    const message: AcceptedMessage = {
      id: this.queueId,
      acceptedAt: now,
      origin: this.#origin(lacksCare),
      envelope: this.#envelope(tlsOptional),
      content,
    };
    return this.#receiver.spool.put(message).then(
      (put) => {
        if (!put.ok) return this.#notStored(put.error);
        this.#receiver.accepted(message, this.#reversePath, this.#addresses, this.#tls());
        return reply(250, "2.0.0", `Ok: queued as ${formatQueueId(message.id)}`);
      },
      (fault: unknown) => this.#notStored(fault),
    );
  }

  #notStored(fault: unknown): Reply {
    if (fault === "full") return NO_ROOM;
    if (isBug(fault)) this.#receiver.crash(fault);
    else if (fault !== "broken" && fault !== "busy") this.#receiver.report(fault);
    return NOT_STORED;
  }

  #origin(lacksCare: boolean): Origin {
    const { client, session } = this.#caller;
    const origin = { client, helo: session.helo, user: session.user, protocol: this.#protocol() };
    if (!this.#relayedFor) return origin;
    return lacksCare ? { ...origin, relayedFor: true, mustMend: true } : { ...origin, relayedFor: true };
  }

  /** REQUIRETLS goes before what the header says (RFC 8689 §4.1). */
  #envelope(tlsOptional: boolean): Envelope {
    const { body, smtpUtf8, ret, envelopeId, requireTls } = this.#mail.parameters;
    const plain = { reversePath: this.#mail.path, recipients: this.#recipients, body: body ?? "7BIT", smtpUtf8 };
    if (ret === null && envelopeId === null && !requireTls && !tlsOptional) return plain;
    return {
      ...plain,
      ...(ret === null ? {} : { ret }),
      ...(envelopeId === null ? {} : { envelopeId }),
      ...(requireTls || tlsOptional ? { requireTls } : {}),
    };
  }
}

/**
 * Whether we relay because of the client, not whoever it is: where the recipient's name is near or ALWRLY(*ALL) holds, a stranger may
 * relay too, and nothing is to be signed for strangers.
 */
function namesClient({ verdict, rule, entry }: Decision): boolean {
  if (verdict !== "relay") return false;
  return rule === "ACCEPT" || rule === "AUTH" || (rule === "NEAR" && entry?.value.kind === "network");
}

function recipientOf(forwardPath: Recipient["forwardPath"], command: Of<"RCPT">): Recipient {
  const { notify, originalRecipient } = command.parameters;
  if (notify === null && originalRecipient === null) return { forwardPath };
  return {
    forwardPath,
    ...(notify === null ? {} : { notify }),
    ...(originalRecipient === null ? {} : { originalRecipient }),
  };
}
