import type { Random } from "../../core/base/time.ts";
import type { Clock } from "../../flows/ports.ts";
import type { NameServer } from "./name-servers.ts";
import { CODES, nameOctets, type DnsRecord, type Question, type QuestionType, type Reply } from "./packet.ts";
import { TcpQuestions } from "./tcp.ts";
import { UdpQuestions, type Asking, type Manner, type Said } from "./udp.ts";

/** Aliases that are followed for one name; more lead nowhere, or round and round. */
const ALIASES_MAX = 8;

/** The records of a name, why there are none, or that nobody knows. */
export type Looked =
  | {
      readonly kind: "records";
      /** The name that has them: where the aliases lead, if there are any. */
      readonly owner: string;
      readonly records: readonly DnsRecord["data"][];
      readonly ttlSeconds: number;
      /** Every answer on the way was validated, by a server that is believed. */
      readonly isSecure: boolean;
    }
  /** For how long that may be kept, by the SOA (RFC 2308 §5); 0 where it does not say. */
  | { readonly kind: "none" | "no-such-domain"; readonly ttlSeconds: number }
  | { readonly kind: "trouble"; readonly reason: string };

export interface LookupOptions {
  /** Asked for before each question, in the order in which they are to be tried. Never empty. */
  readonly servers: () => Promise<readonly NameServer[]>;
  readonly clock: Clock;
  readonly random: Random;
  /** UDP sockets towards one server at once. */
  readonly socketsMax: number;
  /** TCP connections to all servers at once. */
  readonly connectionsMax: number;
}

/** The time of one question, over all servers and tries. */
export interface Patience {
  readonly timeoutMs: number;
  /** At least so many tries share it. */
  readonly tries: number;
}

/** Asks name servers that resolve for us, one after the other, and follows aliases. Never throws, keeps nothing. */
export class Lookup {
  readonly #options: LookupOptions;
  readonly #udp: UdpQuestions;
  readonly #tcp: TcpQuestions;
  /** How many servers to pass over at first: the one that answered last is asked first. */
  #first = 0;
  #isClosed = false;

  constructor(options: LookupOptions) {
    this.#options = options;
    this.#udp = new UdpQuestions(options.socketsMax, options.random);
    this.#tcp = new TcpQuestions(options.connectionsMax, options.random);
  }

  close(): void {
    this.#isClosed = true;
    this.#udp.close();
    this.#tcp.close();
  }

  async find(name: string, type: QuestionType, patience: Patience): Promise<Looked> {
    const servers = await this.#options.servers();
    const time = { isUp: false };
    const timer = this.#options.clock.after(patience.timeoutMs, () => void (time.isUp = true));
    try {
      return await this.#follow({ name, type }, (question) => this.#ask(question, servers, patience, time));
    } finally {
      timer.cancel();
    }
  }

  /** The end of the aliases; servers that resolve give them with the answer, and are asked again where they do not. */
  async #follow(first: Question, ask: (question: Question) => Promise<Answered | string>): Promise<Looked> {
    const seen = new Set([first.name]);
    let question = first;
    let ttlSeconds = Infinity;
    let isSecure = true;
    for (;;) {
      if (nameOctets(question.name) === null) return { kind: "trouble", reason: "it is no name that can be asked for" };
      const answered = await ask(question);
      if (typeof answered === "string") return { kind: "trouble", reason: answered };
      const { reply, isBelieved } = answered;
      isSecure &&= isBelieved && reply.isAuthentic;
      const owner = aliasEnd(reply, question.name, seen);
      if (owner === null) return { kind: "trouble", reason: "its aliases (CNAME) lead nowhere" };
      const found = reply.answers.filter((record) => record.owner === owner && record.data.type === question.type);
      const used = reply.answers.filter((record) => record.data.type === "CNAME").concat(found);
      ttlSeconds = Math.min(ttlSeconds, ...used.map((record) => record.ttlSeconds));
      if (found.length > 0)
        return { kind: "records", owner, records: found.map(({ data }) => data), ttlSeconds, isSecure };
      const kind = reply.code === CODES.NXDOMAIN ? "no-such-domain" : "none";
      const negativeSeconds = negativeTtl(reply);
      const isOpen = kind === "none" && owner !== question.name && negativeSeconds === null;
      if (!isOpen) return { kind, ttlSeconds: Math.min(ttlSeconds, negativeSeconds ?? 0) };
      question = { ...question, name: owner };
    }
  }

  /** What the first server says that has an answer; else what was in the way, of the one that said most. */
  async #ask(
    question: Question,
    servers: readonly NameServer[],
    { timeoutMs, tries }: Patience,
    time: { readonly isUp: boolean },
  ): Promise<Answered | string> {
    let reason = LATE;
    const failed = new Set<number>();
    const triesMax = Math.max(tries, servers.length);
    const first = this.#first;
    for (let i = 0; i < triesMax && !time.isUp && !this.#isClosed; i++) {
      const at = (first + i) % servers.length;
      const server = servers[at];
      if (server === undefined || failed.has(at)) continue;
      const reply = await this.#askServer(server, question, timeoutMs / triesMax);
      if (typeof reply !== "string") {
        this.#first = at;
        return { reply, isBelieved: server.isBelieved };
      }
      if (reply === LATE) continue;
      reason = reply;
      failed.add(at);
    }
    return reason;
  }

  /** A reply that says whether there are records; anything else is trouble, in words. */
  async #askServer(server: NameServer, question: Question, timeoutMs: number): Promise<Reply | string> {
    let manner: Manner = { edns: true, validated: server.isBelieved };
    let said = await this.#try(this.#udp, server, question, manner, timeoutMs);
    // A server from before EDNS (RFC 6891 §7).
    if (isCode(said, CODES.FORMERR) || isCode(said, CODES.NOTIMP)) {
      manner = { edns: false, validated: false };
      said = await this.#try(this.#udp, server, question, manner, timeoutMs);
    }
    if (typeof said !== "string" && said.isTruncated)
      said = await this.#try(this.#tcp, server, question, manner, timeoutMs);
    if (typeof said === "string") return REASONS[said];
    if (said.isTruncated) return REASONS.malformed;
    if (said.code !== CODES.NOERROR && said.code !== CODES.NXDOMAIN) return reasonOf(said.code);
    return isReferral(said) ? "the name server does not resolve for us" : said;
  }

  #try(
    way: UdpQuestions | TcpQuestions,
    server: NameServer,
    question: Question,
    manner: Manner,
    timeoutMs: number,
  ): Promise<Said | "late"> {
    return new Promise((resolve) => {
      let asking: Asking | null = null;
      const timer = this.#options.clock.after(timeoutMs, () => {
        asking?.cancel();
        resolve("late");
      });
      asking = way.ask(server, question, manner, (said) => {
        timer.cancel();
        resolve(said);
      });
    });
  }
}

interface Answered {
  readonly reply: Reply;
  readonly isBelieved: boolean;
}

/** Where the aliases of a reply end that begin at `name`; null where they turn back to one in `seen`, or are too many. */
function aliasEnd({ answers }: Reply, name: string, seen: Set<string>): string | null {
  let owner = name;
  for (;;) {
    const alias = answers.find((record) => record.owner === owner && record.data.type === "CNAME");
    if (alias?.data.type !== "CNAME") return owner;
    owner = alias.data.target;
    if (seen.has(owner) || seen.size > ALIASES_MAX) return null;
    seen.add(owner);
  }
}

/** For how long it may be kept that something is not there (RFC 2308 §5); null without an SOA. */
function negativeTtl({ authorities }: Reply): number | null {
  const [soa] = authorities;
  return soa?.data.type === "SOA" ? Math.min(soa.ttlSeconds, soa.data.minimumSeconds) : null;
}

/** No record, no SOA, and neither RA nor AA: the server names others to ask (RFC 2308 §2.2), which says nothing of the name. */
function isReferral({ code, answers, authorities, isCompetent }: Reply): boolean {
  return code === CODES.NOERROR && answers.length === 0 && authorities.length === 0 && !isCompetent;
}

function isCode(said: Said | "late", code: number): boolean {
  return typeof said !== "string" && said.code === code;
}

export const LATE = "no answer in time";

const REASONS: Readonly<Record<Exclude<Said, Reply> | "late", string>> = {
  late: LATE,
  malformed: "the answer cannot be read",
  unreachable: "no name server can be reached",
  "given-up": "the question was given up",
};

function reasonOf(code: number): string {
  switch (code) {
    case CODES.SERVFAIL:
      return "the name server failed (SERVFAIL)";
    case CODES.REFUSED:
      return "the name server refuses to answer (REFUSED)";
    case CODES.FORMERR:
      return "the name server does not understand the question (FORMERR)";
    default:
      return `the name server failed (code ${code})`;
  }
}
