import https from "node:https";
import type { Limits } from "../../core/base/limits.ts";
import { skipping, type FileContent } from "../../core/mail/content.ts";
import { formatIpAddress } from "../../core/mail/ip.ts";
import { formatMailbox, type Mailbox } from "../../core/mail/mailbox.ts";
import { narrowHeader } from "../../core/mail/narrow-header.ts";
import { reply, type Reply } from "../../core/mail/reply.ts";
import { withoutSecrets } from "../../core/smtp/sasl-client.ts";
import type {
  AccessTokens,
  Clock,
  NextHop,
  NextHopServer,
  OutgoingMessage,
  ProbeStep,
  RouteProber,
  Transport,
  TransportResult,
} from "../../flows/ports.ts";
import { judgeAnswer, type Verdict } from "./answer.ts";
import { GraphTrouble, post, type Exchange } from "./request.ts";

export interface GraphTransportOptions {
  readonly limits: Pick<
    Limits,
    | "connectionIdleMs"
    | "graphAnswerOctets"
    | "graphConnections"
    | "graphMessageOctets"
    | "graphRecipients"
    | "graphTimeoutMs"
  >;
  readonly clock: Clock;
  readonly tokens: AccessTokens;
  /** Content too large for memory: `Spool.readFile`. */
  readonly readFile: (content: FileContent) => AsyncIterable<Uint8Array>;
  /** Certificates that are trusted besides those of the system, PEM. */
  readonly ca?: string | readonly string[];
}

/** One request, and who said what. */
interface Sent extends Verdict {
  readonly server: string;
  readonly tls: string;
}

/**
 * Mail by Microsoft Graph: `POST /v1.0/users/{sender}/sendMail` with MIME, as an application. The header says there who gets it, so it
 * is written to name this attempt's recipients and nobody else (`narrowHeader`). docs/decisions/0012-graph-has-no-envelope.md has the reasons.
 */
export class GraphTransport implements Transport, RouteProber {
  readonly #options: GraphTransportOptions;
  readonly #agent: https.Agent;
  #sending = 0;
  #closing = false;
  #allSent: (() => void) | null = null;

  constructor(options: GraphTransportOptions) {
    this.#options = options;
    this.#agent = new https.Agent({
      keepAlive: true,
      maxSockets: options.limits.graphConnections,
      // Of a connection that rests; a request has its own.
      timeout: options.limits.connectionIdleMs,
    });
  }

  connections(): number {
    const { sockets, freeSockets } = this.#agent;
    return [sockets, freeSockets]
      .flatMap((lists) => Object.values(lists))
      .reduce((sum, list) => sum + (list?.length ?? 0), 0);
  }

  async send(hop: NextHop, message: OutgoingMessage): Promise<TransportResult> {
    this.#sending++;
    try {
      return await this.#send(hop, message);
    } finally {
      this.#sending--;
      if (this.#sending === 0) this.#allSent?.();
    }
  }

  /**
   * A token, and a request whose content is no MIME, which Graph answers with 400 where it would send what is: "user: sendMail". Whether it
   * looks at the permission first is not documented; a refusal for want of one is sure, a 400 is not.
   */
  async probe(hop: NextHop, reversePath: Mailbox): Promise<readonly ProbeStep[]> {
    const { clock, tokens } = this.#options;
    const steps: ProbeStep[] = [];
    const account = accountOf(hop) ?? "";
    let begunAt = clock.now();
    const note = (name: ProbeStep["name"], server: string, words: string, refusal: Reply | null): void => {
      steps.push({ name, server, tookMs: Math.max(0, clock.now() - begunAt), words, reply: refusal });
      begunAt = clock.now();
    };
    const token = await tokens.tokenFor(account);
    if (!token.ok) {
      note("token", "", token.error, reply(451, "4.7.0", token.error));
      return steps;
    }
    note("token", "", `of account ${account}`, null);
    const asked = await this.#askServers(hop, pathOf(reversePath), token.value, "!");
    const words = asked.reply.text.join(" ");
    if (asked.status === 400)
      note("mail", asked.server, `${words} (as it should: nothing was sent) ${asked.tls}`, null);
    else note(asked.status === 0 ? "connect" : "mail", asked.server, words, asked.reply);
    return steps;
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    if (this.#sending > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#options.clock.after(deadlineMs, resolve);
        this.#allSent = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#agent.destroy();
  }

  async #send(hop: NextHop, message: OutgoingMessage): Promise<TransportResult> {
    const refusal = this.#refusalOf(hop, message);
    if (refusal !== null) return resultOf(message, [{ ...refusal, server: "", tls: "" }]);
    const octets = await this.#octetsOf(message);
    const sent: Sent[] = [];
    const { graphRecipients } = this.#options.limits;
    for (let at = 0; at < message.recipients.length; at += graphRecipients) {
      const recipients = message.recipients.slice(at, at + graphRecipients).map(({ forwardPath }) => forwardPath);
      const body = Buffer.from(narrowHeader(octets, recipients)).toString("base64");
      const one = await this.#request(hop, message, body);
      sent.push(...recipients.map(() => one));
    }
    return resultOf(message, sent);
  }

  /** What needs no question to Graph. */
  #refusalOf(hop: NextHop, message: OutgoingMessage): Verdict | null {
    const { graphMessageOctets } = this.#options.limits;
    const sizeOctets = message.front.length + message.content.sizeOctets - message.skipOctets;
    if (sizeOctets > graphMessageOctets) {
      const words = `Microsoft Graph takes messages up to ${graphMessageOctets} octets; this one has ${sizeOctets}`;
      return failed(reply(554, "5.3.4", words));
    }
    if (message.envelope.reversePath === null) {
      const words = "Microsoft Graph sends for a mailbox alone, and this message has the null reverse-path";
      return failed(reply(554, "5.1.7", words));
    }
    if (accountOf(hop) === null) {
      return {
        ...failed(reply(451, "4.7.0", `Route ${hop.route ?? hop.key} has no OAuth account`)),
        routeTrouble: true,
      };
    }
    if (this.#closing) return { ...failed(reply(451, "4.3.2", "The relay is shutting down")), routeTrouble: true };
    return null;
  }

  async #octetsOf({ front, skipOctets, content }: OutgoingMessage): Promise<Uint8Array> {
    const skip = skipping(skipOctets);
    const parts = [front];
    if (content.kind === "memory") parts.push(...content.chunks.flatMap(skip));
    else
      for await (const block of this.#options.readFile(content)) parts.push(...skip(block).map((one) => one.slice()));
    return Buffer.concat(parts);
  }

  /** A token that Graph would not have is fetched anew, once; a kept connection that was dead is replaced, once. */
  async #request(hop: NextHop, message: OutgoingMessage, body: string): Promise<Sent> {
    const { tokens } = this.#options;
    const account = accountOf(hop) ?? "";
    const { reversePath } = message.envelope;
    const path = reversePath === null ? "" : pathOf(reversePath);
    const token = await tokens.tokenFor(account);
    if (!token.ok) {
      return { ...failed(reply(451, "4.7.0", token.error)), routeTrouble: true, server: "", tls: "" };
    }
    const sent = await this.#askServers(hop, path, token.value, body);
    if (sent.status !== 401) return sent;
    tokens.refused(account, token.value);
    const again = await tokens.tokenFor(account);
    if (!again.ok || again.value === token.value) return sent;
    return await this.#askServers(hop, path, again.value, body);
  }

  /** The next server is tried where one cannot be reached: nothing went out to it. */
  async #askServers(
    hop: NextHop,
    path: string,
    token: string,
    body: string,
  ): Promise<Sent & { readonly status: number }> {
    let last: GraphTrouble | null = null;
    for (const server of hop.servers) {
      try {
        const { answer, tls } = await this.#ask({ server, path, token, body });
        const judged = judgeAnswer(answer, this.#options.clock.now());
        return { ...judged, reply: without(judged.reply, token), server: nameOf(server), tls, status: answer.status };
      } catch (error) {
        if (!(error instanceof GraphTrouble)) throw error;
        last = error;
        if (error.isUncertain) break;
      }
    }
    const words = last?.message ?? "no server";
    return last?.isUncertain === true
      ? { ...failed(reply(451, "4.4.2", `${words}, after the message was sent`)), server: "", tls: "", status: 0 }
      : {
          ...failed(reply(451, "4.4.1", `Connecting to ${words}`)),
          routeTrouble: true,
          server: "",
          tls: "",
          status: 0,
        };
  }

  async #ask(request: Parameters<typeof post>[0]): Promise<Exchange> {
    const { limits, clock, ca } = this.#options;
    const options = {
      agent: this.#agent,
      clock,
      timeoutMs: limits.graphTimeoutMs,
      answerOctetsMax: limits.graphAnswerOctets,
      ...(ca === undefined ? {} : { ca }),
    };
    try {
      return await post(request, options);
    } catch (error) {
      // As likely as not it was never heard, and a later attempt would do no other thing.
      if (error instanceof GraphTrouble && error.isStale) return await post(request, options);
      throw error;
    }
  }
}

function failed(said: Reply): Verdict {
  return { reply: said, routeTrouble: false, retryAfterMs: 0 };
}

function pathOf(sender: Mailbox): string {
  return `/v1.0/users/${encodeURIComponent(formatMailbox(sender))}/sendMail`;
}

function nameOf(server: NextHopServer): string {
  return `${server.host} [${formatIpAddress(server.address)}]`;
}

/** Replies stand in logs and reports. */
function without(said: Reply, token: string): Reply {
  return { ...said, text: said.text.map((line) => withoutSecrets(line, [token])) };
}

/** `sent`: one for all recipients, or one for each. */
function resultOf({ recipients }: OutgoingMessage, sent: readonly Sent[]): TransportResult {
  const [first] = sent;
  const last = sent.findLast(({ server }) => server !== "");
  return {
    server: last?.server ?? "",
    tls: last?.tls ?? "",
    replies: recipients.flatMap((_recipient, i) => sent[i]?.reply ?? first?.reply ?? []),
    routeTrouble: sent.length > 0 && sent.every(({ routeTrouble }) => routeTrouble),
    dsnPassedOn: false,
    retryAfterMs: Math.max(0, ...sent.map(({ retryAfterMs }) => retryAfterMs)),
  };
}

/** Every server of the next hop is told the token of the same account. */
function accountOf({ servers }: NextHop): string | null {
  const credentials = servers[0]?.credentials;
  return credentials?.kind === "token" ? credentials.account : null;
}
