import { BoundedMap } from "../core/base/bounded-map.ts";
import type { Limits } from "../core/base/limits.ts";
import { MINUTE_MS, type Instant } from "../core/base/time.ts";
import type { ReversePath } from "../core/mail/envelope.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import { formatMailbox, type Mailbox } from "../core/mail/mailbox.ts";
import { replyClass, type Reply } from "../core/mail/reply.ts";
import { isPrintableAscii } from "../core/mail/xtext.ts";
import { parseRouteKey } from "../core/queue/route.ts";
import type { Clock, RecipientProber } from "./ports.ts";
import { testMessage, type RouteWays } from "./test-route.ts";

export interface RecipientVerifierOptions {
  readonly ways: Pick<RouteWays, "keysOf" | "find">;
  readonly prober: RecipientProber;
  readonly clock: Clock;
  readonly limits: Limits;
}

/** A recipient that the policy takes as ours, and what its way may hang on. */
export interface RecipientQuestion {
  readonly recipient: Mailbox;
  readonly sender: ReversePath;
  readonly client: IpAddress;
}

/** Next hops that are remembered to rest: each route of the policy to `delivery.local` is one. */
const RESTING_MAX = 1_000;

/** What a next hop said, as far as it is about the mailbox: it takes it, it does not know it, or neither is certain. */
type Word = "taken" | "doubt" | Reply;

interface Remembered<Value> {
  readonly at: Instant;
  readonly value: Value;
}

/**
 * Asks the next hop of local domains at RCPT whether it knows a mailbox, so that what it does not know is refused there and no report on it goes to a sender
 * who may be false. Doubt takes the recipient, as if nobody had asked. Only `delivery.local` is asked, never where else mail goes: who names a recipient
 * can aim no question.
 *
 * A refusal counts only where the same next hop takes the postmaster of the same domain (RFC 5321 §4.5.1): one that refuses everything knows nothing.
 */
export class RecipientVerifier {
  readonly #options: RecipientVerifierOptions;
  readonly #taken: BoundedMap<string, Remembered<"taken">>;
  readonly #refused: BoundedMap<string, Remembered<Reply>>;
  readonly #underWay = new Map<string, Promise<Word>>();
  /** Next hops that are left alone, since when. */
  readonly #resting = new BoundedMap<string, Remembered<"resting">>(RESTING_MAX);
  #minute: Instant = 0;
  #askedInMinute = 0;

  constructor(options: RecipientVerifierOptions) {
    this.#options = options;
    this.#taken = new BoundedMap(options.limits.verifiedRecipients);
    this.#refused = new BoundedMap(options.limits.verifiedRecipients);
  }

  /** The next hop that is asked for a recipient; null where none is. */
  hopFor({ recipient, sender, client }: RecipientQuestion): string | null {
    // Beyond ASCII they need SMTPUTF8 to be asked for (RFC 6531 §3.4), and are not.
    if (isPostmaster(recipient) || !isPrintableAscii(formatMailbox(recipient))) return null;
    const { ways, clock } = this.#options;
    const key = ways.keysOf(testMessage(sender, recipient, client, clock.now()))[0] ?? "";
    const route = parseRouteKey(key);
    return route.kind === "host" && route.via === "local" ? key : null;
  }

  /** The words by which the next hop does not know the recipient; null where it takes it or that is in doubt. null at once: it need not be asked. */
  refusalOf(question: RecipientQuestion): Promise<Reply | null> | null {
    const key = this.hopFor(question);
    if (key === null || this.#known(key, question.recipient, this.#options.limits.verifyTakenMs) === "taken")
      return null;
    return this.#inTime(key, this.#judge(key, question.recipient));
  }

  async #judge(key: string, recipient: Mailbox): Promise<Reply | null> {
    const { verifyTakenMs, verifyRefusedMs } = this.#options.limits;
    const word = this.#known(key, recipient, verifyTakenMs) ?? (await this.#ask(key, recipient));
    if (word === "taken" || word === "doubt") return null;
    const postmaster = { localPart: "postmaster", host: recipient.host };
    const proof = this.#known(key, postmaster, verifyRefusedMs) ?? (await this.#ask(key, postmaster));
    return proof === "taken" ? word : null;
  }

  /** Nobody waits longer than a client may; a next hop that is so slow is left alone. */
  async #inTime(key: string, judged: Promise<Reply | null>): Promise<Reply | null> {
    const { clock, limits } = this.#options;
    const late = Promise.withResolvers<null>();
    const timer = clock.after(limits.verifyTimeoutMs, () => {
      this.#rest(key);
      late.resolve(null);
    });
    const refusal = await Promise.race([judged, late.promise]);
    timer.cancel();
    return refusal;
  }

  #known(key: string, recipient: Mailbox, takenMs: number): Word | null {
    const name = nameOf(key, recipient);
    const { verifyRefusedMs } = this.#options.limits;
    return this.#fresh(this.#taken.get(name), takenMs) ?? this.#fresh(this.#refused.get(name), verifyRefusedMs);
  }

  #fresh<Value>(remembered: Remembered<Value> | undefined, lifeMs: number): Value | null {
    if (remembered === undefined) return null;
    const now = this.#options.clock.now();
    // A clock that was set back makes nothing good for longer.
    return remembered.at <= now && now < remembered.at + lifeMs ? remembered.value : null;
  }

  /** One question for a recipient at a time, whoever waits for it. */
  #ask(key: string, recipient: Mailbox): Promise<Word> {
    const name = nameOf(key, recipient);
    const underWay = this.#underWay.get(name);
    if (underWay !== undefined) return underWay;
    if (!this.#mayAsk(key)) return Promise.resolve("doubt");
    const asked = this.#question(key, recipient).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, asked);
    return asked;
  }

  #mayAsk(key: string): boolean {
    const { clock, limits } = this.#options;
    if (this.#fresh(this.#resting.get(key), limits.verifyRestMs) !== null) return false;
    if (this.#underWay.size >= limits.verifyQuestions) return false;
    const minute = Math.floor(clock.now() / MINUTE_MS);
    if (minute !== this.#minute) this.#askedInMinute = 0;
    this.#minute = minute;
    return ++this.#askedInMinute <= limits.verifyQuestionsPerMinute;
  }

  async #question(key: string, recipient: Mailbox): Promise<Word> {
    const { ways, prober, clock } = this.#options;
    const found = await ways.find(key);
    if (found.kind !== "hop" || found.hop.transport !== "smtp") return "doubt";
    const said = await prober.ask(found.hop, recipient);
    if (said === null) this.#rest(key);
    const word = said === null ? "doubt" : wordOf(said);
    const name = nameOf(key, recipient);
    if (word === "taken") {
      this.#refused.delete(name);
      this.#taken.set(name, { at: clock.now(), value: word });
    } else if (word !== "doubt") {
      this.#taken.delete(name);
      this.#refused.set(name, { at: clock.now(), value: word });
    }
    return word;
  }

  #rest(key: string): void {
    this.#resting.set(key, { at: this.#options.clock.now(), value: "resting" });
  }
}

function nameOf(key: string, recipient: Mailbox): string {
  return `${key} ${formatMailbox(recipient)}`;
}

function isPostmaster({ localPart }: Mailbox): boolean {
  return localPart.toLowerCase() === "postmaster";
}

/** 2xx takes it. Of 5xx only what is about the mailbox counts: not the policy of the next hop, its null sender, or a mailbox that is full. */
function wordOf(said: Reply): Word {
  if (replyClass(said) === 2) return "taken";
  const isOfMailbox = said.enhanced === "" || UNKNOWN_MAILBOX.has(said.enhanced);
  return isOfMailbox && NO_MAILBOX.has(said.code) ? said : "doubt";
}

/** RFC 5321 §4.2.3: mailbox unavailable, user not local, mailbox name not allowed. */
const NO_MAILBOX = new Set([550, 551, 553]);
/** RFC 3463 §3.2: other address status, bad mailbox, mailbox has moved; 5.1.10 is what Exchange says of a recipient that it does not find. */
const UNKNOWN_MAILBOX = new Set(["5.1.0", "5.1.1", "5.1.6", "5.1.10"]);
