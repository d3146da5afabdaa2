import { printable } from "../base/printable.ts";
import { CATALOGUE } from "./message-catalogue.ts";

export type MessageId = keyof typeof CATALOGUE;

/**
 * What CL answers. Severity as on IBM i: 0 information, 10 warning, 30 diagnostic (a fault of the command), 40 escape (the command
 * was not done). The first-level text is one line; the second level explains cause and recovery.
 */
export interface Message {
  readonly id: MessageId;
  readonly severity: number;
  readonly text: string;
  readonly secondLevel: string;
  /** The offset in the command that it is about, where there is one. */
  readonly at?: number;
}

/** A message of the catalogue before it is text; `at` is the offset in the command that it is about. */
export interface Diagnostic {
  readonly id: MessageId;
  readonly with: readonly string[];
  readonly at?: number;
}

interface Definition {
  readonly severity: 0 | 10 | 30 | 40;
  readonly text: string;
  readonly cause: string;
  readonly recovery?: string;
}

/** Longest substitution value that a message shows; what was typed comes back in messages, and it may be anything. */
const SUBSTITUTION_MAX = 400;

export function message(id: MessageId, ...values: readonly string[]): Message {
  const definition: Definition = CATALOGUE[id];
  const fill = (text: string): string => substitute(text, values);
  return { id, severity: definition.severity, text: fill(definition.text), secondLevel: fill(explanation(definition)) };
}

/** `SMR0101` as the catalogue has it, with &1, &2 where values come; null where there is none. */
export function findMessage(id: string): Message | null {
  const known = id.toUpperCase();
  if (!isMessageId(known)) return null;
  const definition: Definition = CATALOGUE[known];
  return { id: known, severity: definition.severity, text: definition.text, secondLevel: explanation(definition) };
}

export function messageIds(): readonly MessageId[] {
  return Object.keys(CATALOGUE).filter(isMessageId);
}

function isMessageId(id: string): id is MessageId {
  return Object.hasOwn(CATALOGUE, id);
}

function explanation(definition: Definition): string {
  const cause = `Cause . . . . . :   ${definition.cause}`;
  return definition.recovery === undefined ? cause : `${cause}\nRecovery  . . . :   ${definition.recovery}`;
}

/** Puts values in place of &1 to &9. Blanks that an empty value leaves behind are dropped. */
function substitute(text: string, values: readonly string[]): string {
  const filled = text.replaceAll(/ ?&([1-9])/g, (match, digit: string) => {
    const value = printable(values[Number(digit) - 1] ?? "", SUBSTITUTION_MAX);
    return value === "" ? "" : (match.startsWith(" ") ? " " : "") + value;
  });
  return filled.trimStart();
}

/** `SMR0101 Entry …`, with the place in a script where it has one. */
export function formatMessage(message: Message): string {
  return `${message.id} ${message.text}`;
}
