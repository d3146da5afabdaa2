import type { Mailbox } from "../../core/mail/mailbox.ts";
import { describeReply, replyClass, type Reply } from "../../core/mail/reply.ts";
import { formatIpAddress } from "../../core/mail/ip.ts";
import type { NextHop, NextHopServer, ProbeStep, ProbeStepName, RouteProber } from "../../flows/ports.ts";
import { ConnectionTrouble } from "./connection.ts";
import { openConnection, type OpenOptions } from "./open.ts";
import { askMail, askRcpt, questionOptions } from "./question.ts";
import type { TransportOptions } from "./transport.ts";

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
    const walk = new Walk(server, this.#options.clock, steps);
    const options: OpenOptions = {
      ...questionOptions(this.#options, this.#options.limits.probeStepMs),
      onStep: (step, words) => (words === null ? walk.begin(step) : walk.went(words)),
    };
    const { replyTimeoutMs } = options.limits;
    try {
      const { connection, offers } = await openConnection(hop, server, options);
      const dialogue: readonly (readonly [ProbeStepName, string])[] = [
        ["mail", askMail(paths.reversePath, offers)],
        ["rcpt", askRcpt(paths.forwardPath, offers)],
      ];
      try {
        for (const [step, command] of dialogue) {
          walk.begin(step);
          const answer = await connection.ask(command, replyTimeoutMs);
          walk.answered(answer);
          if (replyClass(answer) !== 2) break;
        }
        await connection.ask("RSET\r\n", replyTimeoutMs);
      } finally {
        connection.quit();
      }
    } catch (error) {
      if (!(error instanceof ConnectionTrouble)) throw error;
      walk.failed(error.reply);
    }
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
