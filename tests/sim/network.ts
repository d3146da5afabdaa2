import { SECOND_MS } from "../../src/core/base/time.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import { ipv4 } from "../../src/core/mail/ip.ts";
import { reply, replyClass, type Reply } from "../../src/core/mail/reply.ts";
import type { AddressAnswer, MxAnswer } from "../../src/core/mail/dns-answer.ts";
import type { NextHop, OutgoingMessage, Resolver, Spool, Transport, TransportResult } from "../../src/flows/ports.ts";
import type { Chance } from "./chance.ts";
import type { Ledger, Sending } from "./ledger.ts";
import { PaceWatch } from "./routes.ts";
import type { Life, SimTime } from "./time.ts";

/**
 * How a next hop is just now: `well` takes everything, `moody` takes, defers and refuses, `down` cannot be reached, `deaf` loses
 * connections at any point, `full` defers everything, `lost` has trouble with its name, `throttling` takes one message in ten seconds.
 */
export type Mood = "well" | "moody" | "down" | "deaf" | "full" | "lost" | "throttling";

export const MOODS: readonly [Mood, ...Mood[]] = ["well", "moody", "moody", "down", "deaf", "full", "lost"];

/** These never get well. */
export const DEAD_DOMAIN = "dead.example";
export const FULL_DOMAIN = "full.example";
export const NULL_MX_DOMAIN = "null.example";
export const DOMAINS: readonly [string, ...string[]] = [
  "one.example",
  "two.example",
  "three.example",
  "sub.near.example",
  DEAD_DOMAIN,
  FULL_DOMAIN,
  NULL_MX_DOMAIN,
];

const OK = reply(250, "2.0.0", "Ok");
const CUT = reply(451, "4.4.2", "The connection was lost");
const UNREACHED = reply(451, "4.4.1", "No server could be reached");
const SHUTTING_DOWN = reply(421, "4.3.2", "The relay is shutting down");
const TOO_MANY = reply(421, "4.7.0", "Too many messages, slow down");
/** What next hops say in their worst hours. */
const GARBAGE: readonly [Reply, ...Reply[]] = [
  reply(450, "4.2.0", "Try again later"),
  reply(421, "4.7.0", "Too many connections"),
  reply(550, "5.1.1", "No such user"),
  reply(554, "", ""),
  reply(354, "", "Go ahead"),
  reply(199, "", "?"),
  reply(600, "9.9.9", "?"),
  reply(452, "4.2.2", "Mailbox full"),
];

/** What an attempt comes to, laid out when it begins. */
interface Course {
  readonly replies: readonly Reply[];
  /** Recipients for whom the message arrives. */
  readonly taken: readonly number[];
  readonly isRouteTrouble: boolean;
  readonly arrivesAfterMs: number;
  readonly answersAfterMs: number;
}

/** All next hops and the names that lead to them. They live on when the program dies. */
export class SimNetwork {
  readonly #time: SimTime;
  readonly #chance: Chance;
  readonly #ledger: Ledger;
  readonly #moods = new Map<string, Mood>();
  /** When one that throttles took a message last. */
  readonly #takenAt = new Map<string, number>();
  #isHealed = false;
  /** How to cut what the program of now has under way. */
  #underWay: ReadonlySet<() => void> = new Set();
  sendings = 0;
  readonly paceWatch = new PaceWatch();

  constructor(time: SimTime, chance: Chance, ledger: Ledger) {
    this.#time = time;
    this.#chance = chance;
    this.#ledger = ledger;
  }

  /** Attempts under way. */
  get underWay(): number {
    return this.#underWay.size;
  }

  setMood(domain: string, mood: Mood): void {
    this.#moods.set(domain, mood);
  }

  /** From now on everybody is well who ever will be. */
  heal(): void {
    this.#moods.clear();
    this.#isHealed = true;
  }

  #moodOf(key: string): Mood {
    const domain = key.slice(key.indexOf(":") + 1).replace(/:\d+$/, "");
    if (domain === DEAD_DOMAIN) return "down";
    if (domain === FULL_DOMAIN) return "full";
    return this.#moods.get(domain) ?? "well";
  }

  // --- names ------------------------------------------------------------------------------------------------------------

  resolver(life: Life): Omit<Resolver, "txt"> {
    const later = <T>(answer: () => T): Promise<T> => {
      const delayMs = this.#chance.delayMs(30, this.#isHealed ? 100 : 10_000);
      return new Promise((resolve) => this.#time.afterIn(life, delayMs, () => resolve(answer())));
    };
    return {
      mx: (domain) => later(() => this.#mx(domain)),
      addresses: (host) => later(() => this.#addresses(host)),
      tlsa: () => later(() => ({ kind: "none" }) as const),
      listed: () => later(() => "not-listed" as const),
    };
  }

  #mx(domain: Domain): MxAnswer {
    if (domain === NULL_MX_DOMAIN) return { kind: "null-mx" };
    if (this.#moodOf(domain) === "lost") return { kind: "trouble", reason: "SERVFAIL" };
    const hosts = [
      { preference: 10, host: `mx1.${domain}` },
      { preference: 20, host: `mx2.${domain}` },
    ];
    return this.#chance.odds(0.1) ? { kind: "no-mx" } : { kind: "mx", hosts, isSecure: false };
  }

  #addresses(host: string): AddressAnswer {
    if (this.#moodOf(host.replace(/^mx\d\./, "")) === "lost") return { kind: "trouble", reason: "timeout" };
    return { kind: "addresses", addresses: [ipv4(0xc6336400 + (host.length % 200))], isSecure: false };
  }

  // --- next hops --------------------------------------------------------------------------------------------------------

  transport(life: Life, spool: Pick<Spool, "readFile">): Transport {
    const underWay = new Set<() => void>();
    this.#underWay = underWay;
    let isClosing = false;
    let whenEmpty: (() => void) | null = null;
    const ended = (cut: () => void): void => {
      underWay.delete(cut);
      if (underWay.size === 0) whenEmpty?.();
    };
    return {
      send: async (hop, message) => {
        if (!life.alive) return await new Promise(() => {});
        this.sendings++;
        if (this.paceWatch.isTooMuch(hop.key, this.#time.elapsed))
          this.#ledger.blame(`${hop.key} gets more than its pace`);
        const sending = this.#ledger.sends(life, message);
        if (isClosing || sending === null) return this.#answer(sending, hop, all(message, SHUTTING_DOWN), true);
        const { content } = message;
        const chunks = content.kind === "memory" ? content.chunks : await collect(spool.readFile(content));
        return await new Promise<TransportResult>((resolve) => {
          const course = this.#lay(hop, message);
          const cut = (): void => {
            answer.cancel();
            if (this.#chance.odds(0.5)) arrival.cancel();
            ended(cut);
            resolve(this.#answer(sending, hop, all(message, CUT), course.isRouteTrouble));
          };
          // What was sent to its end arrives, whether we are still there or not.
          const arrival = this.#time.after(course.arrivesAfterMs, () => {
            if (!life.alive && this.#chance.odds(0.5)) return;
            this.#ledger.delivered(sending, course.taken, chunks);
          });
          const answer = this.#time.afterIn(life, course.answersAfterMs, () => {
            ended(cut);
            resolve(this.#answer(sending, hop, course.replies, course.isRouteTrouble));
          });
          underWay.add(cut);
        });
      },
      connections: () => underWay.size,
      close: async (deadlineMs) => {
        isClosing = true;
        if (underWay.size === 0 || !life.alive) return;
        await new Promise<void>((resolve) => {
          whenEmpty = resolve;
          this.#time.afterIn(life, deadlineMs, resolve);
        });
        for (const cut of [...underWay]) cut();
      },
    };
  }

  #answer(sending: Sending | null, hop: NextHop, replies: readonly Reply[], isRouteTrouble: boolean): TransportResult {
    if (sending) this.#ledger.sent(sending, replies, isRouteTrouble);
    const first = hop.servers[0];
    const server = isRouteTrouble || !first ? "" : `${first.host} [198.51.100.1]`;
    return { server, tls: "", replies, routeTrouble: isRouteTrouble, dsnPassedOn: this.#chance.odds(0.1) };
  }

  #lay(hop: NextHop, message: OutgoingMessage): Course {
    const mood = this.#moodOf(hop.key);
    const calm = this.#isHealed;
    const arrivesAfterMs = this.#chance.delayMs(200, calm ? 2_000 : 600_000);
    const answersAfterMs = arrivesAfterMs + this.#chance.delayMs(100, calm ? 1_000 : 600_000);
    const times = { arrivesAfterMs, answersAfterMs };
    const plain = (replies: readonly Reply[], isRouteTrouble: boolean): Course => ({
      ...times,
      replies,
      isRouteTrouble,
      taken: replies.flatMap((answer, i) => (replyClass(answer) === 2 ? i : [])),
    });
    switch (mood) {
      case "well":
        return plain(all(message, OK), false);
      case "down":
      case "lost":
        return plain(all(message, UNREACHED), true);
      case "full":
        return plain(all(message, reply(452, "4.3.1", "No room")), false);
      case "moody":
        return plain(
          message.recipients.map(() => (this.#chance.odds(0.5) ? OK : this.#chance.pick(GARBAGE))),
          false,
        );
      case "throttling":
        return plain(all(message, this.#throttle(hop.key) ? TOO_MANY : OK), false);
      case "deaf":
        return this.#layCut(message, plain);
    }
  }

  /** Whether it is too soon for another message. */
  #throttle(key: string): boolean {
    const now = this.#time.elapsed;
    if (now - (this.#takenAt.get(key) ?? -Infinity) < 10 * SECOND_MS) return true;
    this.#takenAt.set(key, now);
    return false;
  }

  /** The connection is lost before MAIL, between recipients, or after the dot, when the message may have arrived or not. */
  #layCut(message: OutgoingMessage, plain: (replies: readonly Reply[], trouble: boolean) => Course): Course {
    const kind = this.#chance.below(4);
    if (kind === 0) return plain(all(message, CUT), true);
    if (kind === 1) return plain(all(message, OK), false);
    // A recipient that was refused before the cut stays refused.
    const answers = message.recipients.map(() => (this.#chance.odds(0.2) ? reply(550, "5.1.1", "No such user") : CUT));
    const course = plain(answers, false);
    if (kind === 2) return course;
    const taken = answers.flatMap((answer, i) => (answer === CUT ? i : []));
    return { ...course, taken };
  }
}

function all(message: OutgoingMessage, answer: Reply): Reply[] {
  return message.recipients.map(() => answer);
}

async function collect(blocks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const block of blocks) chunks.push(block);
  return chunks;
}
