import type { Json } from "../../core/base/json.ts";
import type { Instant } from "../../core/base/time.ts";
import type { Arguments } from "../../core/cl/arguments.ts";
import { message, type Diagnostic, type Message, type MessageId } from "../../core/cl/messages.ts";
import type { Sealing } from "../../core/cl/host-auth-value.ts";
import type { Operations } from "../operations.ts";

/** What a command is done with. */
export interface CommandContext {
  readonly operations: Operations;
  /** Who gave it. */
  readonly by: string;
  /** When it was given: one time for the whole of it. */
  readonly now: Instant;
  /** As typed, without secrets. */
  readonly text: string;
}

/** What came of it. It failed where a message has severity 30 or more. */
export interface Answer {
  readonly messages: readonly Message[];
  readonly output: string;
  readonly value: Json;
}

export type Handler = (context: CommandContext, args: Arguments) => Promise<Answer>;

export function answer(messages: readonly Message[], output = "", value: Json = null): Answer {
  return { messages, output, value };
}

/** An answer of one message. */
export function say(id: MessageId, ...values: readonly string[]): Answer {
  return answer([message(id, ...values)]);
}

export function faultsOf(diagnostics: readonly Diagnostic[]): Answer {
  return answer(
    diagnostics.map(({ id, with: values, at }) => ({ ...message(id, ...values), ...(at === undefined ? {} : { at }) })),
  );
}

/** Passwords are sealed by the key of the data directory. */
export function sealingOf(operations: Operations): Sealing {
  const { cryptography } = operations;
  return {
    seal: (secret) => cryptography.seal(secret),
    isSealed: (text) => cryptography.unseal(text) !== null,
  };
}
