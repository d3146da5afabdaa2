import { formatCount } from "../../core/base/count.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import { message } from "../../core/cl/messages.ts";
import type { RelayClient } from "./caller.ts";

/** What the relay says of messages that are handed in, before one is. */
export interface HandInTerms {
  readonly hostname: string;
  readonly messageOctetsMax: number;
}

/** The fault is a sentence: there is no relay, or it answers strangely. */
export async function askTerms(relay: RelayClient): Promise<Result<HandInTerms, string>> {
  const answer = await relay.get("/v1/send");
  if (!answer.ok) return answer;
  const { value } = answer.value;
  if (typeof value === "object" && value !== null && "hostname" in value && "messageOctetsMax" in value) {
    const { hostname, messageOctetsMax } = value;
    if (typeof hostname === "string" && typeof messageOctetsMax === "number") return ok({ hostname, messageOctetsMax });
  }
  return err("the relay does not say what may be handed in");
}

/** What a message of more octets is told, before all of it is read. */
export function tooLarge({ messageOctetsMax }: HandInTerms): string {
  return message("SMR0506", formatCount(messageOctetsMax / 1_024)).text;
}
