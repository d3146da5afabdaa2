import { replyClass, type Reply } from "../mail/reply.ts";

/** Characters of a reply that are looked at. */
const LOOKED_AT_MAX = 1_000;

/** About one mailbox or address (RFC 3463 §3.2, §3.3), the envelope (§3.6), a connection that was idle: not about how much comes. */
const OF_THE_MESSAGE = /^4\.(?:[1256]\.|4\.2$)/;
/** RFC 6647 §2: the same message will be taken a little later. */
const GREYLISTED = /gr[ea]y-?\s?list/;
/** System not accepting messages, and congestion (RFC 3463 §3.4, §3.5); Google's rate of mail; what Exchange Online says when it is busy. */
const STATUSES = /^4\.(?:3\.2|4\.5|7\.28|7\.[56]\d\d)$/;
const WORDS =
  /too many (?!recipients)|too (?:fast|quickly)|rate[- ]?limit|throttl|(?:sending|message|submission|connection|unusual) rate|(?:limit|quota|rate) (?:has been )?exceeded|exceeded (?:the |your |its )?[a-z ]{0,40}(?:limit|quota|rate)|slow down|server (?:is )?(?:too )?busy|concurrent connections|temporarily deferred/;
/** Said of anything; it is about the server where the status does not say that it is about more. */
const LATER = /try(?: again)? later|temporar(?:y|ily) (?:system|server|unavailable)/;
const OF_ANYTHING = /^4\.3\.0$/;
const CLOSING = 421;

/**
 * Whether the next hop asks us to send less, in what it answered for the recipients of one message: that is not the affair of this
 * message. Where it took the message for anybody it does not.
 */
export function asksForLess(replies: readonly Reply[]): boolean {
  let asks = false;
  for (const reply of replies) {
    const kind = replyClass(reply);
    if (kind === 2) return false;
    if (kind !== 4) continue;
    if (!isAskingForLess(reply)) return false;
    asks = true;
  }
  return asks;
}

function isAskingForLess({ code, enhanced, text }: Reply): boolean {
  if (OF_THE_MESSAGE.test(enhanced)) return false;
  const words = text.join(" ").slice(0, LOOKED_AT_MAX).toLowerCase();
  if (GREYLISTED.test(words)) return false;
  if (code === CLOSING || STATUSES.test(enhanced) || WORDS.test(words)) return true;
  return OF_ANYTHING.test(enhanced) && LATER.test(words);
}
