import { formatReply } from "../core/mail/reply.ts";
import type { Attributes } from "../core/policy/policy.ts";
import { ehloReply, type Offers } from "../core/smtp/extensions.ts";
import type { ListenerProfile, Offering } from "./reception.ts";

/** What each door offers, in the clear and in TLS: the answer to EHLO is written once for each policy. */
export class Offerings {
  readonly #hostname: string;
  readonly #recipientsMax: number;
  readonly #clear = new WeakMap<ListenerProfile, Offering>();
  readonly #secure = new WeakMap<ListenerProfile, Offering>();

  constructor(hostname: string, recipientsMax: number) {
    this.#hostname = hostname;
    this.#recipientsMax = recipientsMax;
  }

  of(listener: ListenerProfile, tls: boolean, attributes: Attributes): Offering {
    const kept = tls ? this.#secure : this.#clear;
    const known = kept.get(listener);
    if (known !== undefined && known.attributes === attributes) return known;
    const offers: Offers = {
      startTls: listener.tls === "starttls" && !tls,
      auth: authOffer(listener, tls),
      eightBit: attributes.MIME8BIT === "*YES",
      etrn: attributes.ETRNSVR === "*YES",
      requireTls: tls,
      sizeMaxOctets: attributes.MAXEMMSIZE * 1_024,
      recipientsMax: this.#recipientsMax,
    };
    const offering = { attributes, offers, ehlo: formatReply(ehloReply(this.#hostname, offers)) };
    kept.set(listener, offering);
    return offering;
  }
}

/** Whether a session at `listener` is offered AUTH: now, or once it is in TLS. */
export function authOffer(listener: ListenerProfile, tls: boolean): Offers["auth"] {
  if (listener.auth === "off") return "no";
  if (listener.auth === "always" || tls) return "yes";
  return listener.tls === "none" ? "no" : "after-tls";
}
