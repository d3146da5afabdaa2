import { parseDomain } from "./domain.ts";
import type { Mailbox } from "./mailbox.ts";

/**
 * Routing that hides in a local-part, as networks before the domain name system had it: `user%host`, `host!user`, and a whole
 * address in quotes. None of it is ever honoured by accident: `percentStep` is the only thing that follows it.
 */
export interface LocalPartRouting {
  /** A `%`, in quotes or not. */
  readonly percent: boolean;
  /** A `!`, in quotes or not. */
  readonly bang: boolean;
  /** An `@`, which stands only in quotes. */
  readonly at: boolean;
  readonly quoted: boolean;
}

export function localPartRouting(localPart: string): LocalPartRouting {
  return {
    percent: localPart.includes("%"),
    bang: localPart.includes("!"),
    at: localPart.includes("@"),
    quoted: localPart.startsWith('"'),
  };
}

/** The mailbox that `user%host` of an unquoted local-part means: `user` at `host`. null where that is none. */
export function percentStep(localPart: string): Mailbox | null {
  const percent = localPart.lastIndexOf("%");
  if (percent < 0) return null;
  const user = localPart.slice(0, percent);
  const host = parseDomain(localPart.slice(percent + 1));
  // The dots of a dot-string stand between atoms (RFC 5321 §4.1.2): cutting it must not leave one at the end.
  if (user === "" || user.endsWith(".") || !host.ok) return null;
  return { localPart: user, host: { kind: "domain", domain: host.value } };
}
