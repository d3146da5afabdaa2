import type { IpAddress } from "../../src/core/mail/ip.ts";
import type { ReceivingSession } from "../../src/flows/receive-session.ts";
import type { Receiver } from "../../src/flows/receive.ts";
import type { ListenerProfile, Wire } from "../../src/flows/reception.ts";
import type { Chance } from "./chance.ts";
import type { Ledger, Mail, Wish } from "./ledger.ts";
import type { SimTime } from "./time.ts";

/** What a reply answers, in the order in which it was asked. */
type Question =
  | { readonly kind: "greeting" | "hello" | "quit" | "reset" }
  | { readonly kind: "mail" | "data" | "end"; readonly mail: Mail }
  | { readonly kind: "recipient"; readonly mail: Mail; readonly wish: Wish };

export const LISTENER: ListenerProfile = {
  name: "0.0.0.0:25",
  tls: "none",
  auth: "off",
  bareLf: false,
  mustWait: true,
};

export interface ClientOptions {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly ledger: Ledger;
  readonly receiver: Receiver;
  readonly address: IpAddress;
  /** The version of the policy in force at this moment. */
  readonly policyVersion: () => number;
  readonly mails: readonly Mail[];
  /** How likely it is, at each step, that the client vanishes, sends only its end, or falls silent. */
  readonly unrest: number;
  readonly closed: (client: SimClient) => void;
}

/** A client of the server: one session with some messages, in steps or pipelined, until it quits, vanishes or is thrown out. */
export class SimClient implements Wire {
  readonly #options: ClientOptions;
  readonly #mails: Mail[];
  #session: ReceivingSession | null = null;
  /** Asked and not answered yet. */
  #asked: Question[] = [];
  /** Answered by the server; the answer is on its way to us. */
  #answersUnderWay = 0;
  #onWire: Buffer[] = [];
  #isDelivering = false;
  #isPaused = false;
  #isOver = false;
  #isQuitting = false;
  #mail: Mail | null = null;
  #isPipelined = false;
  #wishes: Wish[] = [];
  #isReady = false;
  #mustReset = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#mails = [...options.mails];
  }

  open(): void {
    const { receiver, address } = this.#options;
    this.#asked.push({ kind: "greeting" });
    this.#session = receiver.open(this, { listener: LISTENER, client: address, local: null });
  }

  /** The program died: the connection is reset. */
  lose(): void {
    this.#isOver = true;
  }

  sweep(now: number): void {
    this.#session?.sweep(now);
  }

  // --- what the server does to the wire ---------------------------------------------------------------------------------

  send(text: string): boolean {
    for (const line of text.split("\r\n")) {
      if (line.length < 4 || line[3] === "-") continue;
      this.#hear(Number(line.slice(0, 3)));
    }
    // A client that does not read: the server has to wait before it says more.
    const { chance, time, unrest } = this.#options;
    if (!chance.odds(unrest)) return true;
    time.after(chance.delayMs(500, 10_000), () => {
      if (!this.#isOver) this.#session?.drained();
    });
    return false;
  }

  end(lastWord: string): void {
    this.send(lastWord);
    this.destroy();
  }

  destroy(): void {
    const { time, chance } = this.#options;
    time.after(chance.delayMs(50, 5_000), () => this.#release());
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  startTls(): void {
    this.destroy();
  }

  #release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#session?.released();
    this.#options.closed(this);
  }

  // --- what the server says ---------------------------------------------------------------------------------------------

  #hear(code: number): void {
    const { time, chance, ledger, policyVersion } = this.#options;
    // It takes its leave, whatever was asked.
    if (code === 421) return;
    const question = this.#asked.shift();
    if (!question) return;
    if (question.kind === "mail" && code === 250) ledger.begun(question.mail, policyVersion());
    if (question.kind === "recipient" && question.mail.version >= 0) {
      ledger.judged(question.mail, question.wish, code, time.wall());
    }
    if (question.kind === "end" && code === 250) ledger.answered(question.mail);
    this.#answersUnderWay++;
    time.after(chance.delayMs(30, 5_000), () => this.#take(question, code));
  }

  /** The answer has come. */
  #take(question: Question, code: number): void {
    this.#answersUnderWay--;
    if (this.#isOver) return;
    if (question.kind === "greeting" && code !== 220) return this.#quit();
    if (question.kind === "mail" && code !== 250) this.#mail = null;
    if (question.kind === "data") {
      if (code === 354)
        return this.#ask(`${stuffed(question.mail.content)}.\r\n`, [{ kind: "end", mail: question.mail }]);
      this.#mail = null;
    }
    if (question.kind === "end") this.#mail = null;
    // A transaction that came to nothing is still open.
    if (question.kind === "data" || (question.kind === "end" && code !== 250)) this.#mustReset = true;
    if (question.kind === "reset") this.#mustReset = false;
    if (question.kind === "hello") this.#isReady = true;
    if (this.#asked.length === 0 && this.#answersUnderWay === 0) this.#goOn();
  }

  // --- what we say ------------------------------------------------------------------------------------------------------

  #goOn(): void {
    const { chance, unrest, time } = this.#options;
    if (this.#isQuitting) return;
    if (chance.odds(unrest)) {
      const manner = chance.below(3);
      if (manner === 0) return this.#release();
      if (manner === 1) return; // silent, until the server has had enough
      time.after(1, () => {
        if (!this.#isOver) this.#session?.inputEnded();
      });
      return;
    }
    if (!this.#isReady) return this.#ask("EHLO client.example\r\n", [{ kind: "hello" }]);
    if (this.#mustReset) return this.#ask("RSET\r\n", [{ kind: "reset" }]);
    if (this.#mail === null) this.#begin();
    else this.#continue(this.#mail);
  }

  #begin(): void {
    const { chance } = this.#options;
    const mail = this.#mails.shift();
    if (!mail) return this.#quit();
    this.#mail = mail;
    this.#wishes = [...mail.wishes];
    const from = `MAIL FROM:<${mail.sender ?? ""}>\r\n`;
    this.#isPipelined = chance.odds(0.5);
    if (!this.#isPipelined) return this.#ask(from, [{ kind: "mail", mail }]);
    const recipients = mail.wishes.map((wish): Question => ({ kind: "recipient", mail, wish }));
    const envelope = from + mail.wishes.map(rcpt).join("");
    if (chance.odds(0.5)) {
      return this.#ask(`${envelope}DATA\r\n`, [{ kind: "mail", mail }, ...recipients, { kind: "data", mail }]);
    }
    this.#ask(`${envelope}BDAT ${mail.content.length} LAST\r\n${mail.content.toString("latin1")}`, [
      { kind: "mail", mail },
      ...recipients,
      { kind: "end", mail },
    ]);
  }

  #continue(mail: Mail): void {
    const { chance } = this.#options;
    if (chance.odds(0.01)) {
      this.#mail = null;
      this.#mustReset = true;
      return this.#goOn();
    }
    const wish = this.#wishes.shift();
    if (wish && !this.#isPipelined) return this.#ask(rcpt(wish), [{ kind: "recipient", mail, wish }]);
    this.#ask("DATA\r\n", [{ kind: "data", mail }]);
  }

  #quit(): void {
    if (this.#isQuitting) return;
    this.#isQuitting = true;
    this.#ask("QUIT\r\n", [{ kind: "quit" }]);
  }

  /** Sends octets in some pieces; replies are expected in this order. Sometimes the line goes dead right behind the last one. */
  #ask(text: string, questions: readonly Question[]): void {
    const { chance, unrest } = this.#options;
    this.#asked.push(...questions);
    let rest = Buffer.from(text, "latin1");
    while (rest.length > 0) {
      const length = chance.odds(0.6) ? rest.length : chance.between(1, rest.length);
      // The session owns what it is given.
      this.#onWire.push(Buffer.from(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
    this.#deliver();
    if (chance.odds(unrest / 3)) {
      this.#options.time.after(chance.delayMs(60, 5_000), () => this.#release());
    }
  }

  #deliver(): void {
    if (this.#isDelivering || this.#isPaused || this.#isOver || this.#onWire.length === 0) return;
    this.#isDelivering = true;
    const { time, chance } = this.#options;
    time.after(chance.delayMs(20, 3_000), () => {
      this.#isDelivering = false;
      if (this.#isOver) return;
      const piece = this.#isPaused ? undefined : this.#onWire.shift();
      if (piece) this.#session?.input(piece);
      this.#deliver();
    });
  }
}

function rcpt({ address, notify }: Wish): string {
  return `RCPT TO:<${address}>${notify === null ? "" : ` NOTIFY=${notify}`}\r\n`;
}

/** RFC 5321 §4.5.2. */
function stuffed(content: Buffer): string {
  return content.toString("latin1").replace(/^\./gm, "..");
}
