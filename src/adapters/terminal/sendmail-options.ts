import { err, ok, type Result } from "../../core/base/result.ts";

/** What `sendmail` was asked for. */
export interface SendmailOptions {
  readonly mode: "send" | "smtp" | "print-queue" | "flush" | "nothing";
  /** -t */
  readonly recipientsFromHeader: boolean;
  /** -i, -oi: a line of a lone dot is text. */
  readonly ignoreDots: boolean;
  /** -f, -r; null where nothing was said, `""` is the null reverse-path. */
  readonly from: string | null;
  /** -F */
  readonly fullName: string | null;
  readonly recipients: readonly string[];
}

/** Options that take a value, in the same word or the next; the value of `-q` is in the same word only. */
const WITH_VALUE = new Set("ABCFLNORVXbdfhopr");
const FLAGS = new Set("GIUeimnstvx");

/** Reads the options as programs give them that know sendmail or what took its place; what has no meaning here is passed over. */
export function readSendmailOptions(args: readonly string[]): Result<SendmailOptions, string> {
  const reader = new Reader();
  let i = 0;
  for (; i < args.length; i++) {
    const word = args[i] ?? "";
    if (word === "--") {
      i++;
      break;
    }
    if (!word.startsWith("-") || word === "-") break;
    const took = reader.word(word, args[i + 1]);
    if (!took.ok) return took;
    if (took.value === "next") i++;
  }
  return ok(reader.finish(args.slice(i)));
}

class Reader {
  #mode: SendmailOptions["mode"] = "send";
  #recipientsFromHeader = false;
  #ignoreDots = false;
  #from: string | null = null;
  #fullName: string | null = null;

  finish(recipients: readonly string[]): SendmailOptions {
    return {
      mode: this.#mode,
      recipientsFromHeader: this.#recipientsFromHeader,
      ignoreDots: this.#ignoreDots,
      from: this.#from,
      fullName: this.#fullName,
      recipients,
    };
  }

  /** One word, which may hold several options: `-ti`. Tells whether the next word went with it. */
  word(word: string, next: string | undefined): Result<"word" | "next", string> {
    for (let i = 1; i < word.length; i++) {
      const letter = word.charAt(i);
      const rest = word.slice(i + 1);
      if (letter === "q") {
        this.#mode = "flush";
        return ok("word");
      }
      if (WITH_VALUE.has(letter)) {
        const value = rest === "" ? next : rest;
        if (value === undefined) return err(`-${letter} needs a value`);
        const taken = this.#value(letter, value);
        return taken.ok ? ok(rest === "" ? "next" : "word") : taken;
      }
      if (!FLAGS.has(letter)) return err(`there is no option -${letter}`);
      if (letter === "t") this.#recipientsFromHeader = true;
      if (letter === "i") this.#ignoreDots = true;
    }
    return ok("word");
  }

  #value(letter: string, value: string): Result<void, string> {
    if (letter === "b") return this.#setMode(value);
    if (letter === "f" || letter === "r") this.#from = value.replace(/^<(.*)>$/s, "$1");
    if (letter === "F") this.#fullName = value;
    if (letter === "o" && value === "i") this.#ignoreDots = true;
    return ok(undefined);
  }

  #setMode(letter: string): Result<void, string> {
    const mode = MODES[letter];
    if (mode === undefined) return err(`-b${letter} is not available; relaykeeper serve runs the relay`);
    this.#mode = mode;
    return ok(undefined);
  }
}

const MODES: Readonly<Record<string, SendmailOptions["mode"]>> = {
  m: "send",
  s: "smtp",
  p: "print-queue",
  i: "nothing", // newaliases: there are none
};
