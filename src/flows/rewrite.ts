import type { Limits } from "../core/base/limits.ts";
import type { Content } from "../core/mail/content.ts";
import { editHeader, HeadReader, type Head, type Mending } from "../core/mail/edit-header.ts";
import { formatMailbox, type Mailbox } from "../core/mail/mailbox.ts";
import { reply, type Reply } from "../core/mail/reply.ts";
import { formatMailDate } from "../core/mail/trace-header.ts";
import { isPrintableAscii } from "../core/mail/xtext.ts";
import { DEFAULT_ROUTE, type RouteRule } from "../core/policy/route-rule.ts";
import { formatQueueId, type QueuedMessage } from "../core/queue/message.ts";
import type { OutgoingMessage, Spool } from "./ports.ts";

/** What a route makes of the sender and the header of what takes it: SNDRWT, HDRRWT, HDRFIX. */
export type Rewriting = Pick<RouteRule, "rewrite" | "hygiene">;

/** A message as it goes out by one way, not signed yet. */
export interface Draft extends Pick<OutgoingMessage, "envelope" | "front" | "skipOctets" | "content"> {
  /** Names what became another; "" where nothing did. What is made of a draft is good for all of the same message and edits. */
  readonly edits: string;
}

export interface RewriterOptions {
  readonly hostname: string;
  readonly spool: Pick<Spool, "readFile">;
  readonly limits: Pick<Limits, "editedHeaderOctets">;
}

const NOTHING = new Uint8Array(0);
const TOO_LONG: Reply = reply(
  554,
  "5.6.0",
  "The header is too long to be given another author (limits.edited_header_octets)",
);

/**
 * Rewrites senders and mends headers on the way out: what the spool has stays as it was received, so reports and the queue speak of the
 * original sender. The same message by the same route gives the same draft, attempt after attempt.
 */
export class Rewriter {
  readonly #options: RewriterOptions;

  constructor(options: RewriterOptions) {
    this.#options = options;
  }

  /** `rewriting`: that of the route; null where it has none. A reply says why the message cannot go out by it at all. */
  draft(message: QueuedMessage, content: Content, rewriting: Rewriting | null): Draft | Promise<Draft | Reply> {
    const { rewrite, hygiene } = rewriting ?? DEFAULT_ROUTE;
    const { sender } = rewrite;
    const mend = hygiene === "listed" ? message.origin.mustMend : hygiene === "yes";
    const envelope = sender === null ? message.envelope : withSender(message.envelope, sender);
    const author = rewrite.header ? sender : null;
    const draft: Draft = { envelope, front: NOTHING, skipOctets: 0, content, edits: "" };
    if (mend !== true && author === null) return draft;
    const edited = (head: Head | null): Draft | Reply => {
      if (head === null) return author === null ? draft : TOO_LONG;
      const header = editHeader(head, { author, mending: mend === true ? this.#mending(message) : null });
      if (header === null) return draft;
      const edits = `${author === null ? "" : formatMailbox(author)} ${mend === true}`;
      return { ...draft, front: header.octets, skipOctets: header.replaces, edits };
    };
    return this.#head(content).then(edited);
  }

  async #head(content: Content): Promise<Head | null> {
    const reader = new HeadReader(this.#options.limits.editedHeaderOctets);
    if (content.kind === "memory") content.chunks.some((chunk) => !reader.push(chunk));
    else {
      for await (const block of this.#options.spool.readFile(content)) if (!reader.push(block)) break;
    }
    return reader.end();
  }

  #mending({ id, acceptedAt, envelope }: QueuedMessage): Mending {
    return {
      reversePath: envelope.reversePath,
      date: formatMailDate(acceptedAt),
      messageId: `<${formatQueueId(id)}@${this.#options.hostname}>`,
    };
  }
}

/** The null reverse-path stays: a report must not be answered by another one (RFC 5321 §4.5.5). */
function withSender<Of extends Draft["envelope"]>(envelope: Of, sender: Mailbox): Of {
  if (envelope.reversePath === null) return envelope;
  const needsUtf8 = !isPrintableAscii(formatMailbox(sender));
  return { ...envelope, reversePath: sender, smtpUtf8: envelope.smtpUtf8 || needsUtf8 };
}
