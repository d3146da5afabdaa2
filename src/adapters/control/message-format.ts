/**
 * How a whole message travels to `/v1/send`: the envelope as one line of JSON, LF, then the octets of the message. Neither base64 nor a
 * header field could hold a large message or ten thousand recipients as well.
 */
import { z } from "zod";
import { err, ok, type Result } from "../../core/base/result.ts";
import { RECIPIENTS_MAX, type HandedIn } from "../../flows/hand-in.ts";

export const MESSAGE_TYPE = "application/vnd.relaykeeper.message";

const envelope = z.strictObject({
  from: z.string().max(1_000).nullable(),
  to: z.array(z.string().max(1_000)).max(RECIPIENTS_MAX),
  recipientsFromHeader: z.boolean().default(false),
});

const LF = 0x0a;

export function readMessage(body: unknown): Result<HandedIn, string> {
  if (!(body instanceof Uint8Array)) return err(`the content type is ${MESSAGE_TYPE}`);
  const end = body.indexOf(LF);
  if (end < 0) return err("the first line is the envelope as JSON, then come LF and the message");
  try {
    const read = envelope.safeParse(JSON.parse(Buffer.from(body.subarray(0, end)).toString("utf8")));
    if (read.success) return ok({ ...read.data, octets: body.subarray(end + 1) });
    return err(`the envelope is not valid: ${read.error.issues[0]?.message ?? ""}`);
  } catch {
    return err("the envelope is no JSON");
  }
}
