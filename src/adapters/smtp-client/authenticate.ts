import { createHmac } from "node:crypto";
import { describeReply, replyClass, type Reply } from "../../core/mail/reply.ts";
import type { AuthMethod } from "../../core/mail/next-hop-terms.ts";
import { commandLine } from "../../core/smtp/client-commands.ts";
import type { Offers } from "../../core/smtp/offers.ts";
import {
  AUTH_RESPONSE_OCTETS_MAX,
  authCommand,
  challengeOf,
  chooseMechanism,
  cramMd5Response,
  describeTokenError,
  formsOf,
  loginResponse,
  mechanismsOf,
  oauthBearerResponse,
  plainResponse,
  tokenErrorResponse,
  xoauth2Response,
  type ClientMechanism,
} from "../../core/smtp/sasl-client.ts";
import type { AccessTokens, NextHopCredentials } from "../../flows/ports.ts";
import { ConnectionTrouble, type Connection } from "./connection.ts";

export interface AuthenticateOptions {
  readonly replyTimeoutMs: number;
  readonly tokens: AccessTokens;
}

/**
 * Says who we are (RFC 4954), under TLS only. Throws `ConnectionTrouble`: a refusal is trouble of the route and fails no message. A
 * token that the server would not have is fetched anew once.
 */
export async function authenticate(
  connection: Connection,
  offers: Offers,
  credentials: NextHopCredentials,
  method: AuthMethod,
  options: AuthenticateOptions,
): Promise<void> {
  if (connection.tls === "") {
    throw new ConnectionTrouble("4.7.4", `${connection.name} offers no TLS: credentials are not sent in the clear`);
  }
  const have = credentials.kind;
  const mechanism = chooseMechanism(method, have, offers.auth);
  if (mechanism === null) {
    const offered = offers.auth.length === 0 ? "offers no AUTH" : `offers AUTH ${offers.auth.join(" ")}`;
    throw new ConnectionTrouble("4.7.0", `${connection.name} ${offered} and not ${mechanismsOf(method, have)}`);
  }
  const dialogue = new Dialogue(connection, mechanism, options.replyTimeoutMs);
  if (credentials.kind === "password") {
    dialogue.end(await byPassword(dialogue, credentials.user, credentials.password));
    return;
  }
  const { user, account } = credentials;
  const first = await tokenOf(options.tokens, account);
  const answer = await byToken(dialogue, user, first);
  if (replyClass(answer) !== 5) {
    dialogue.end(answer);
    return;
  }
  options.tokens.refused(account, first);
  const second = await tokenOf(options.tokens, account);
  dialogue.end(second === first ? answer : await byToken(dialogue, user, second));
}

async function tokenOf(tokens: AccessTokens, account: string): Promise<string> {
  const token = await tokens.tokenFor(account);
  if (!token.ok) throw new ConnectionTrouble("4.7.0", token.error);
  return token.value;
}

async function byPassword(dialogue: Dialogue, user: string, password: string): Promise<Reply> {
  dialogue.hide(password, plainResponse(user, password));
  switch (dialogue.mechanism) {
    case "CRAM-MD5": {
      const challenge = await dialogue.begin(null);
      if (challenge.code !== 334) return challenge;
      const digest = createHmac("md5", password).update(dialogue.octetsOf(challenge)).digest();
      return await dialogue.respond(cramMd5Response(user, digest));
    }
    case "LOGIN": {
      const askedName = await dialogue.begin(null);
      if (askedName.code !== 334) return askedName;
      const askedPassword = await dialogue.respond(loginResponse(user));
      return askedPassword.code === 334 ? await dialogue.respond(loginResponse(password)) : askedPassword;
    }
    default:
      return await dialogue.begin(plainResponse(user, password));
  }
}

async function byToken(dialogue: Dialogue, user: string, token: string): Promise<Reply> {
  const { mechanism } = dialogue;
  const { host, port } = dialogue.server;
  const response =
    mechanism === "OAUTHBEARER" ? oauthBearerResponse(user, token, host, port) : xoauth2Response(user, token);
  dialogue.hide(token, response);
  const answer = await dialogue.begin(response);
  if (answer.code !== 334) return answer;
  const reasons = describeTokenError(challengeOf(answer.text));
  const refusal = await dialogue.respond(tokenErrorResponse(mechanism));
  return reasons === "" ? refusal : { ...refusal, text: [...refusal.text, `(${reasons})`] };
}

/** The lines of one AUTH exchange. */
class Dialogue {
  readonly mechanism: ClientMechanism;
  readonly #connection: Connection;
  readonly #timeoutMs: number;

  constructor(connection: Connection, mechanism: ClientMechanism, timeoutMs: number) {
    this.mechanism = mechanism;
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  get server(): { readonly host: string; readonly port: number } {
    return this.#connection.server;
  }

  /** From now on no reply shows them. */
  hide(secret: string, response: string): void {
    this.#connection.hide([response, ...formsOf(secret)]);
  }

  /** AUTH, with the first response in its line, or behind the challenge where it is too long for that. */
  async begin(initial: string | null): Promise<Reply> {
    const command = authCommand(this.mechanism, initial);
    if (initial !== null) this.#checkLength(initial);
    const answer = await this.#ask(command);
    const isLeft = initial !== null && command === authCommand(this.mechanism, null);
    return isLeft && answer.code === 334 ? await this.#ask(initial) : answer;
  }

  async respond(response: string): Promise<Reply> {
    this.#checkLength(response);
    return await this.#ask(response);
  }

  octetsOf(challenge: Reply): Uint8Array {
    const octets = challengeOf(challenge.text);
    if (octets === null) throw this.#trouble("sent a challenge that is no base64 for");
    return octets;
  }

  /** Throws where the answer that ends the exchange is not the one hoped for. */
  end(answer: Reply): void {
    if (answer.code === 235) return;
    throw new ConnectionTrouble(
      replyClass(answer) === 4 ? "4.7.0" : "4.7.8",
      `${this.#connection.name} answered AUTH ${this.mechanism} with: ${describeReply(answer)}`,
    );
  }

  #ask(line: string): Promise<Reply> {
    return this.#connection.ask(commandLine(line), this.#timeoutMs);
  }

  #checkLength(response: string): void {
    if (response.length > AUTH_RESPONSE_OCTETS_MAX) throw this.#trouble("would need too long a line for");
  }

  #trouble(did: string): ConnectionTrouble {
    return new ConnectionTrouble("4.7.0", `${this.#connection.name} ${did} AUTH ${this.mechanism}`);
  }
}
