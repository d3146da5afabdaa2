import type { Duplex, Readable, Writable } from "node:stream";
import { printable, printableJson } from "../../core/base/printable.ts";
import type { Result } from "../../core/base/result.ts";
import type { Call } from "./arguments.ts";

/** What the relay answered to a request. */
export interface RelayAnswer {
  readonly ok: boolean;
  readonly messages: readonly { readonly id: string; readonly severity: number; readonly text: string }[];
  readonly output: string;
  readonly value: unknown;
}

/** The running relay. A fault is a sentence: it cannot be reached. */
export interface RelayClient {
  get(path: string): Promise<Result<RelayAnswer, string>>;
  post(path: string, body: object): Promise<Result<RelayAnswer, string>>;
  postText(path: string, text: string): Promise<Result<RelayAnswer, string>>;
  delete(path: string): Promise<Result<RelayAnswer, string>>;
  send(
    envelope: {
      readonly from: string | null;
      readonly to: readonly string[];
      readonly recipientsFromHeader?: boolean;
    },
    message: Uint8Array,
  ): Promise<Result<RelayAnswer, string>>;
  openSession(): Promise<Result<Duplex, string>>;
}

/** Standard input of whoever called: a pipe, a file or a terminal. */
export type Input = Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };

/** Who called, and where results and messages go. */
export interface Caller {
  readonly input: Input;
  readonly output: Writable & { readonly isTTY?: boolean };
  readonly errors: Writable;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The working directory: relative names start there. */
  readonly directory: string;
  /** Name of the system user. */
  readonly user: string;
}

/** Does one verb and gives back the exit status. */
export type Runner = (call: Call, caller: Caller, relay: RelayClient) => Promise<number>;

export const EXIT = { done: 0, refused: 1, unreachable: 2, usage: 64 } as const;

/** Prints what the relay answered: messages to standard error, the result to standard output. */
export function report(answer: Result<RelayAnswer, string>, call: Pick<Call, "options">, caller: Caller): number {
  if (!answer.ok) return reportUnreachable(answer.error, caller);
  const { ok, messages, output, value } = answer.value;
  for (const { id, text } of messages) say(caller, `${id} ${text}`);
  if (call.options.flag("json")) print(caller, printableJson(ok || value !== null ? value : { ok, messages }));
  else if (output !== "") print(caller, output);
  return ok ? EXIT.done : EXIT.refused;
}

export function reportUnreachable(fault: string, caller: Caller): number {
  say(caller, fault);
  say(caller, "relaykeeper serve starts a relay; --data-dir DIR (or RELAYKEEPER_DATA_DIR) says where it runs.");
  return EXIT.unreachable;
}

/** A wrong call. */
export function reportUsage(fault: string, caller: Pick<Caller, "errors">): number {
  say(caller, `relaykeeper: ${fault}`);
  return EXIT.usage;
}

/** A line of a result, as the relay made it fit for a terminal. */
export function print(caller: Pick<Caller, "output">, text: string): void {
  caller.output.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** A message for people. */
export function say(caller: Pick<Caller, "errors">, text: string): void {
  caller.errors.write(`${printable(text, 4_000)}\n`);
}

/** Standard input as a whole, at most `octetsMax`; null where there is more. */
export async function readInput(input: Readable, octetsMax: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    const octets = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += octets.length;
    if (size > octetsMax) return null;
    chunks.push(octets);
  }
  return Buffer.concat(chunks);
}
