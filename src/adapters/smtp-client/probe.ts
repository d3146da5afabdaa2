import type { Mailbox } from "../../core/mail/mailbox.ts";
import { describeReply, replyClass, type Reply } from "../../core/mail/reply.ts";
import { formatIpAddress } from "../../core/mail/ip.ts";
import { formatMail, formatRcpt } from "../../core/smtp/client-commands.ts";
import type { NextHop, NextHopServer, ProbeStep, ProbeStepName, RouteProber } from "../../flows/ports.ts";
import { ConnectionTrouble } from "./connection.ts";
import { Encryption } from "./encryption.ts";
import { openConnection, type OpenOptions } from "./open.ts";
import { Sweep } from "./sweep.ts";
import type { TransportOptions } from "./transport.ts";

/** SIZE of the message that is not sent. */
const TEST_OCTETS = 1_000;

/** Walks to next hops on connections of its own, by the same steps as mail. */
export class SmtpProber implements RouteProber {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  async probe(hop: NextHop, reversePath: Mailbox, forwardPath: Mailbox): Promise<readonly ProbeStep[]> {
    const steps: ProbeStep[] = [];
    const servers = hop.servers.slice(0, this.#options.limits.probeServers);
    for (const server of servers) {
      await this.#walk(hop, server, { reversePath, forwardPath }, steps);
      const last = steps.at(-1);
      if (last?.reply === null || last?.name !== "connect") break;
    }
    return steps;
  }

  async #walk(
    hop: NextHop,
    server: NextHopServer,
    paths: { readonly reversePath: Mailbox; readonly forwardPath: Mailbox },
    steps: ProbeStep[],
  ): Promise<void> {
    const limits = this.#limits();
    const walk = new Walk(server, this.#options.clock, steps);
    const options: OpenOptions = {
      ...this.#options,
      limits,
      sweep: new Sweep(this.#options.clock),
      encryption: new Encryption(this.#options),
      // A walk is no session that counts.
      tlsResults: { record: () => {} },
      onStep: (step, words) => (words === null ? walk.begin(step) : walk.went(words)),
    };
    try {
      const { connection, offers } = await openConnection(hop, server, options);
      const envelope = { reversePath: paths.reversePath, body: "7BIT", smtpUtf8: false } as const;
      const dialogue: readonly (readonly [ProbeStepName, string])[] = [
        ["mail", formatMail(envelope, TEST_OCTETS, false, offers)],
        ["rcpt", formatRcpt({ forwardPath: paths.forwardPath }, offers, false)],
      ];
      try {
        for (const [step, command] of dialogue) {
          walk.begin(step);
          const answer = await connection.ask(command, limits.replyTimeoutMs);
          walk.answered(answer);
          if (replyClass(answer) !== 2) break;
        }
        await connection.ask("RSET\r\n", limits.replyTimeoutMs);
      } finally {
        connection.quit();
      }
    } catch (error) {
      if (!(error instanceof ConnectionTrouble)) throw error;
      walk.failed(error.reply);
    }
  }

  #limits(): TransportOptions["limits"] {
    const { limits } = this.#options;
    const most = (ms: number): number => Math.min(ms, limits.probeStepMs);
    return {
      ...limits,
      connectTimeoutMs: most(limits.connectTimeoutMs),
      handshakeMs: most(limits.handshakeMs),
      replyTimeoutMs: most(limits.replyTimeoutMs),
    };
  }
}

/** Takes down the steps with their time. What fails after the last of them went well, such as RSET, is no step. */
class Walk {
  readonly #server: string;
  readonly #clock: TransportOptions["clock"];
  readonly #steps: ProbeStep[];
  #name: ProbeStepName = "connect";
  #begunAt = 0;
  #isUnderWay = false;

  constructor({ host, address, port }: NextHopServer, clock: TransportOptions["clock"], steps: ProbeStep[]) {
    this.#server = `${host} [${formatIpAddress(address)}]:${port}`;
    this.#clock = clock;
    this.#steps = steps;
  }

  begin(name: ProbeStepName): void {
    this.#name = name;
    this.#begunAt = this.#clock.now();
    this.#isUnderWay = true;
  }

  went(words: string): void {
    this.#note(words, null);
  }

  answered(answer: Reply): void {
    this.#note(describeReply(answer), replyClass(answer) === 2 ? null : answer);
  }

  failed(trouble: Reply): void {
    if (this.#isUnderWay) this.#note(trouble.text.join(" "), trouble);
  }

  #note(words: string, refusal: Reply | null): void {
    this.#isUnderWay = false;
    const tookMs = Math.max(0, this.#clock.now() - this.#begunAt);
    this.#steps.push({ name: this.#name, server: this.#server, tookMs, words, reply: refusal });
  }
}
