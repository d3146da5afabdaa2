import type { Json } from "../core/base/json.ts";
import type { Message } from "../core/cl/messages.ts";

/**
 * What came of a command or script. `messages` are for people (to stderr), `output` is what was printed (to stdout), `value` the same
 * as JSON. Not `ok`: an escape message (severity 40) is among the messages, and the command was not done.
 */
export interface CommandResult {
  readonly ok: boolean;
  readonly messages: readonly Message[];
  readonly output: string;
  readonly value: Json;
}

/** It was done, and printed nothing. */
export function done(told: Message, value: Json): CommandResult {
  return { ok: true, messages: [told], output: "", value };
}

/** It was not done. */
export function refused(why: Message): CommandResult {
  return { ok: false, messages: [why], output: "", value: null };
}
