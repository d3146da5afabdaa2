import type { IpAddress } from "../../src/core/mail/ip.ts";
import { formatMailbox } from "../../src/core/mail/mailbox.ts";
import { replyClass, type Reply } from "../../src/core/mail/reply.ts";
import { joined } from "../../src/core/queue/dsn.ts";
import type { AcceptedMessage, QueueId } from "../../src/core/queue/message.ts";
import { isSettled, type Outcome } from "../../src/core/queue/outcome.ts";
import type { ReportMail } from "../../src/core/mail/own-mail.ts";
import type { OutgoingMessage } from "../../src/flows/ports.ts";
import { ModelPolicy } from "./model.ts";
import type { SimStore, StoreWatcher } from "./store.ts";
import type { Life, SimTime } from "./time.ts";

export interface Wish {
  readonly address: string;
  /** NOTIFY as the client says it; null where it says nothing. */
  readonly notify: string | null;
}

/** A transaction of a client, from its own point of view. Its number stands in every address and in the header. */
export interface Mail {
  readonly number: number;
  readonly client: IpAddress;
  /** null is the null reverse-path. */
  readonly sender: string | null;
  readonly wishes: readonly Wish[];
  readonly content: Buffer;
  /** The version of the policy when MAIL was answered. */
  version: number;
  /** Recipients that the server took. */
  readonly taken: Set<string>;
  /** The server said 250 to all of it. */
  answered: boolean;
}

/** What became of one recipient. */
interface Fate {
  readonly address: string;
  readonly notify: string | null;
  /** How often the next hop took it. */
  deliveries: number;
  captured: boolean;
  /** A DSN that is certain tells of its failure. */
  reported: boolean;
  /** A final outcome that is certain. */
  settled: Outcome["kind"] | null;
  /** The life that knows the end of it, certain or not. */
  knownTo: Life | null;
  /** The life that has it under way. */
  underWayIn: Life | null;
}

interface Story {
  readonly message: AcceptedMessage;
  /** null for a report. */
  readonly mail: Mail | null;
  readonly fates: readonly Fate[];
  certain: boolean;
  removed: boolean;
}

/** One attempt at a next hop, as it goes on. */
export interface Sending {
  readonly story: Story;
  readonly fates: readonly Fate[];
  readonly life: Life;
}

/** Keeps the books of everything that was promised and done, and finds where they do not agree: the laws as sums. */
export class Ledger implements StoreWatcher {
  readonly violations: string[] = [];
  /** The clock was never set, and no operator made anything be tried sooner: time in the queue is what it seems. */
  isTimePlain = true;
  readonly mails = new Map<number, Mail>();
  readonly #stories = new Map<QueueId, Story>();
  readonly #byMail = new Map<number, Story>();
  readonly #policies: ModelPolicy[] = [new ModelPolicy()];
  readonly #held = new Set<QueueId>();
  readonly #releases = new Map<QueueId, number>();
  readonly #removalAsked = new Set<QueueId>();
  readonly #time: SimTime;
  readonly #localDomain: string;
  readonly #queueAgeMs: number;
  store: SimStore | null = null;

  constructor(time: SimTime, localDomain: string, queueAgeMs: number) {
    this.#time = time;
    this.#queueAgeMs = queueAgeMs;
    this.#localDomain = localDomain;
  }

  blame(what: string): void {
    if (this.violations.length < 20) this.violations.push(`${(this.#time.elapsed / 1_000).toFixed(3)} s: ${what}`);
  }

  // --- receiving --------------------------------------------------------------------------------------------------------

  /** The server answered MAIL or took a submission: this version judges it. Law 2: it is one that the log has. */
  begun(mail: Mail, version: number): void {
    mail.version = version;
    if (version > this.#model().length - 1) this.blame(`version ${version} is in force and not in the log`);
  }

  /** The server answered a recipient. */
  judged(mail: Mail, wish: Wish, code: number, now: number): void {
    const lets = this.lets(mail, wish.address, now);
    if (code === 250) mail.taken.add(wish.address);
    if (code === 250 && !lets)
      this.blame(`mail ${mail.number}: ${wish.address} was taken against version ${mail.version}`);
    if (lets && (code === 550 || code === 554)) {
      this.blame(`mail ${mail.number}: ${wish.address} was refused against version ${mail.version}`);
    }
  }

  /** What the model of the version at MAIL says about this recipient. */
  lets(mail: Mail, address: string, now: number): boolean {
    const domain = address.slice(address.lastIndexOf("@") + 1);
    return this.#model()[mail.version]?.lets(mail.client, domain, domain === this.#localDomain, now) ?? false;
  }

  /** The server said 250 to the end of data. Law 1: it is on stable storage by now. */
  answered(mail: Mail): void {
    mail.answered = true;
    if (this.#byMail.get(mail.number)?.certain !== true) this.blame(`mail ${mail.number}: 250 before it was stored`);
  }

  /** The models of every version in the log. */
  #model(): readonly ModelPolicy[] {
    const records = this.store?.records ?? [];
    for (let i = this.#policies.length - 1; i < records.length; i++) {
      const record = records[i];
      if (record) this.#policies.push((this.#policies[i] ?? new ModelPolicy()).after(record));
    }
    return this.#policies;
  }

  /** The log lost records, which only a fault that was built in can do. */
  forgetModels(): void {
    this.#policies.length = Math.min(this.#policies.length, (this.store?.policyVersion ?? 0) + 1);
  }

  // --- the spool --------------------------------------------------------------------------------------------------------

  /** The program hands a message to the spool. */
  put(message: AcceptedMessage, octetsOfFile: readonly Uint8Array[] | null): void {
    const { id, envelope, origin, content } = message;
    const addresses = envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath));
    const isReport = origin.protocol === "report";
    const mail = isReport ? null : (this.mails.get(numberOf(addresses[0] ?? "")) ?? null);
    const fates = addresses.map((address): Fate => {
      const notify = mail?.wishes.find((wish) => wish.address === address)?.notify ?? null;
      return {
        address,
        notify: isReport ? "NEVER" : notify,
        deliveries: 0,
        captured: false,
        reported: false,
        settled: null,
        knownTo: null,
        underWayIn: null,
      };
    });
    const story = { message, mail, fates, certain: false, removed: false };
    if (this.#stories.get(id)?.certain) this.blame(`queue id ${id} was given twice`);
    this.#stories.set(id, story);
    if (isReport) {
      if (envelope.reversePath !== null) this.blame("a report has a sender");
      return;
    }
    if (mail === null) return this.blame(`somebody's mail to ${addresses.join(" ")} was stored`);
    this.#byMail.set(mail.number, story);
    const sender = envelope.reversePath === null ? null : formatMailbox(envelope.reversePath);
    if (sender !== mail.sender) this.blame(`mail ${mail.number}: stored with the sender ${sender}`);
    this.#compare(mail, octetsOfFile ?? (content.kind === "memory" ? content.chunks : []));
  }

  /** The content is what the client sent, behind our Received field. */
  #compare(mail: Mail, chunks: readonly Uint8Array[]): void {
    const octets = Buffer.from(joined(chunks, Infinity));
    const gap = octets.length - mail.content.length;
    const isSame = gap > 0 && octets.subarray(gap).equals(mail.content);
    if (!isSame || !/^Received: [^\r\n]*(\r\n\t[^\r\n]*)*\r\n$/.test(octets.toString("latin1", 0, gap))) {
      this.blame(`mail ${mail.number}: its content was changed`);
    }
  }

  kept(message: AcceptedMessage): void {
    const story = this.#stories.get(message.id);
    if (!story) return;
    story.certain = true;
    const { mail } = story;
    // Only now: what is pipelined is stored before its answers are heard.
    for (const { address } of mail ? story.fates : []) {
      if (!mail?.taken.has(address)) this.blame(`${address} was not taken, and mail is stored for it`);
    }
    if (mail) return;
    for (const { about, address, action } of this.#reportedBy(message)) {
      const fate = about?.fates.find((one) => one.address === address);
      if (fate && action === "failed") fate.reported = true;
    }
  }

  /** The program writes outcomes; it knows from now on. */
  settles(id: QueueId, outcomes: readonly Outcome[], life: Life): void {
    for (const outcome of outcomes) {
      const fate = this.#stories.get(id)?.fates[outcome.recipient];
      if (!fate || !isSettled(outcome)) continue;
      if (outcome.kind === "delivered" && outcome.nextHop !== "capture" && fate.knownTo !== life) {
        this.blame(`${fate.address}: delivered is written before the next hop said so`);
      }
      if (outcome.kind === "expired" && this.#held.has(id)) this.blame(`${fate.address}: expired while held`);
      if (outcome.kind === "expired" && this.isTimePlain) {
        const ageMs = this.#time.wall() - (this.#stories.get(id)?.message.acceptedAt ?? 0);
        if (ageMs < this.#queueAgeMs)
          this.blame(`${fate.address}: given up after ${Math.round(ageMs / 60_000)} minutes`);
      }
      fate.knownTo = life;
    }
  }

  settled(id: QueueId, outcomes: readonly Outcome[]): void {
    const story = this.#stories.get(id);
    for (const outcome of outcomes) {
      const fate = story?.fates[outcome.recipient];
      if (!fate || !isSettled(outcome)) continue;
      fate.settled = outcome.kind;
      if (outcome.nextHop === "capture") fate.captured = true;
    }
  }

  removed(id: QueueId): void {
    const story = this.#stories.get(id);
    if (!story) return;
    story.removed = true;
    if (!this.#removalAsked.has(id)) this.blame(`${id}: removed, and no operator asked`);
  }

  // --- reports ----------------------------------------------------------------------------------------------------------

  /** A report is being written. */
  reports(mail: ReportMail): void {
    for (const { address, action } of reportedIn(mail.status)) {
      const story = this.#byMail.get(numberOf(address));
      const fate = story?.fates.find((one) => one.address === address);
      if (!story || !fate) {
        this.blame(`a report tells of ${address}, whom nobody wrote to`);
        continue;
      }
      const sender = story.mail?.sender ?? null;
      if (sender === null) this.blame(`${address}: a report for the null reverse-path`);
      else if (sender !== mail.to) this.blame(`${address}: a report to ${mail.to} instead of ${sender}`);
      if (!isWanted(fate.notify, action)) this.blame(`${address}: a report that NOTIFY=${fate.notify} forbids`);
      if (story.removed) this.blame(`${address}: a report on what an operator removed`);
      const isKnown = fate.deliveries > 0 && fate.settled === "delivered";
      if (action === "failed" && isKnown) this.blame(`${address}: reported as failed, and it is known to be delivered`);
    }
  }

  #reportedBy(report: AcceptedMessage): { about: Story | undefined; address: string; action: string }[] {
    const { content } = report;
    const text = content.kind === "memory" ? Buffer.concat(content.chunks).toString("latin1") : "";
    return reportedIn(text).map(({ address, action }) => {
      return { about: this.#byMail.get(numberOf(address)), address, action };
    });
  }

  // --- delivering -------------------------------------------------------------------------------------------------------

  /** An attempt begins. */
  sends(life: Life, outgoing: OutgoingMessage): Sending | null {
    const story = this.#stories.get(outgoing.id);
    if (!story?.certain) {
      this.blame(`${outgoing.id} is sent and not stored`);
      return null;
    }
    if (this.#held.has(outgoing.id)) this.blame(`${outgoing.id} is sent while it is held`);
    if (story.removed) this.blame(`${outgoing.id} is sent, and an operator removed it`);
    const addresses = outgoing.recipients.map(({ forwardPath }) => formatMailbox(forwardPath));
    const fates = addresses.flatMap((address) => story.fates.find((fate) => fate.address === address) ?? []);
    if (fates.length === 0 || fates.length !== addresses.length) this.blame(`${outgoing.id} is sent to somebody else`);
    for (const fate of fates) {
      if (fate.settled !== null || fate.knownTo === life) this.blame(`${fate.address} is tried again after its end`);
      if (fate.underWayIn === life) this.blame(`${fate.address} is tried twice at once`);
      fate.underWayIn = life;
    }
    return { story, fates, life };
  }

  /** The next hop has the message for these recipients, whatever we hear of it. */
  delivered(sending: Sending, recipients: readonly number[], chunks: readonly Uint8Array[]): void {
    if (sending.story.mail) this.#compare(sending.story.mail, chunks);
    for (const index of recipients) {
      const fate = sending.fates[index];
      if (fate) fate.deliveries++;
    }
  }

  /** The program hears how the attempt ended. */
  sent({ fates, life }: Sending, replies: readonly Reply[], isRouteTrouble: boolean): void {
    for (const [i, fate] of fates.entries()) {
      const answer = replies[i];
      const kind = answer ? replyClass(answer) : 4;
      fate.underWayIn = null;
      if (kind === 2 || (kind === 5 && !isRouteTrouble)) fate.knownTo = life;
    }
  }

  // --- operators --------------------------------------------------------------------------------------------------------

  /**
   * A hold was asked for. What it returns is called when the operator hears that it is done: from then on the message stays,
   * unless a release was asked for in the meantime.
   */
  orderHold(id: QueueId): () => void {
    const releases = this.#releases.get(id) ?? 0;
    return () => {
      if ((this.#releases.get(id) ?? 0) === releases) this.#held.add(id);
    };
  }

  /** A release was asked for: from now on it may go. */
  released(id: QueueId): void {
    this.#held.delete(id);
    this.#releases.set(id, (this.#releases.get(id) ?? 0) + 1);
  }

  removalAsked(id: QueueId): void {
    this.#removalAsked.add(id);
  }

  // --- the end ----------------------------------------------------------------------------------------------------------

  /** When all has been said and done: every 250 was kept. */
  close(): void {
    for (const mail of this.mails.values()) {
      if (!mail.answered) continue;
      const story = this.#byMail.get(mail.number);
      if (!story) this.blame(`mail ${mail.number} is lost`);
      else if (!story.removed) for (const fate of story.fates) this.#closeFate(mail, fate);
    }
    for (const { message, fates, certain, removed } of this.#stories.values()) {
      if (message.origin.protocol !== "report" || !certain || removed) continue;
      for (const fate of fates) {
        if (fate.deliveries === 0 && !fate.captured && fate.settled === null) {
          this.blame(`the report to ${fate.address} is lost`);
        }
      }
    }
  }

  #closeFate(mail: Mail, { address, notify, deliveries, captured, reported, settled }: Fate): void {
    if (deliveries > 0 || captured || reported) return;
    const isFailed = settled === "failed" || settled === "expired";
    if (isFailed && (mail.sender === null || !isWanted(notify, "failed"))) return;
    this.blame(`mail ${mail.number}: ${address} is lost`);
  }

  /** Figures for the reader of a run. */
  summary(): Record<string, number> {
    const stories = [...this.#stories.values()].filter(({ mail }) => mail !== null);
    const fates = stories.flatMap(({ fates: all }) => all);
    return {
      mails: this.mails.size,
      answered: [...this.mails.values()].filter(({ answered }) => answered).length,
      recipients: fates.length,
      delivered: fates.filter(({ deliveries }) => deliveries > 0).length,
      twice: fates.filter(({ deliveries }) => deliveries > 1).length,
      reported: fates.filter(({ reported }) => reported).length,
      expired: fates.filter(({ settled }) => settled === "expired").length,
      captured: fates.filter(({ captured }) => captured).length,
      removed: stories.filter(({ removed }) => removed).length,
    };
  }
}

/** `u17-0@one.example` is of mail 17. */
function numberOf(address: string): number {
  return Number(/^[us](\d+)/.exec(address)?.[1] ?? -1);
}

function isWanted(notify: string | null, action: string): boolean {
  if (notify === "NEVER") return false;
  if (action === "failed") return notify === null || notify.includes("FAILURE");
  if (action === "delayed") return notify === null || notify.includes("DELAY");
  return notify?.includes("SUCCESS") ?? false;
}

/** Final-Recipient and Action of each group of fields (RFC 3464 §2.3). */
function reportedIn(status: string): { address: string; action: string }[] {
  return [...status.matchAll(/Final-Recipient: rfc822; (\S+)\r\nAction: (\w+)/g)].map(([, address, action]) => {
    return { address: address ?? "", action: action ?? "" };
  });
}
