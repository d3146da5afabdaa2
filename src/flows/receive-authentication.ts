import { AUTH_TROUBLE, AUTHENTICATED, TOO_MANY_AUTH_FAILURES } from "../core/smtp/replies.ts";
import type { Reply } from "../core/mail/reply.ts";
import { authenticated, type Action } from "../core/smtp/session.ts";
import type { AuthExchange, AuthStep } from "./credentials.ts";
import type { Dialogue } from "./receive-dialogue.ts";
import type { Caller } from "./receive-transaction.ts";
import type { Reception } from "./reception.ts";

/** The AUTH commands of one session (RFC 4954), one after the other. */
export class Authentication {
  readonly #receiver: Reception;
  readonly #caller: Caller;
  readonly #dialogue: Dialogue;
  readonly #refuse: (answer: Reply) => void;
  #exchange: AuthExchange | null = null;
  #failures = 0;

  /** `refuse` answers a mistake, which the session counts. */
  constructor(receiver: Reception, caller: Caller, dialogue: Dialogue, refuse: (answer: Reply) => void) {
    this.#receiver = receiver;
    this.#caller = caller;
    this.#dialogue = dialogue;
    this.#refuse = refuse;
  }

  begin({ mechanism, initial }: Extract<Action, { do: "authenticate" }>): void {
    this.#exchange = this.#receiver.credentials.exchange(mechanism, this.#caller.client);
    this.#ask(this.#exchange.begin(initial));
  }

  /** The client's answer to a challenge. */
  respond(line: string): void {
    if (this.#exchange !== null) this.#ask(this.#exchange.respond(line));
  }

  /** The client said something that is no answer at all. */
  drop(): void {
    this.#exchange = null;
  }

  #ask(asked: Promise<AuthStep>): void {
    const answer = asked.catch((fault: unknown): AuthStep => {
      this.#receiver.report(fault);
      return { kind: "ended", reply: AUTH_TROUBLE };
    });
    this.#dialogue.await(answer, (next) => {
      if (this.#dialogue.reading !== "closing") this.#take(next);
    });
  }

  #take(next: AuthStep): void {
    const dialogue = this.#dialogue;
    dialogue.awaitCommands();
    if (next.kind === "challenge") {
      dialogue.reading = "authentication";
      dialogue.sayLines(`334 ${next.text}\r\n`);
      return;
    }
    this.#exchange = null;
    if (next.kind === "authenticated") {
      this.#caller.session = authenticated(this.#caller.session, next.user);
      dialogue.say(AUTHENTICATED);
    } else if (next.kind === "denied" && ++this.#failures >= this.#receiver.limits.authFailuresPerSession) {
      dialogue.say(next.reply);
      dialogue.close(TOO_MANY_AUTH_FAILURES);
    } else this.#refuse(next.reply);
  }
}
