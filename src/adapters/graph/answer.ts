import { printable } from "../../core/base/printable.ts";
import { parseRetryAfter } from "../../core/base/retry-after.ts";
import { reply, type Reply } from "../../core/mail/reply.ts";

/** What Graph answered to one request. */
export interface GraphAnswer {
  readonly status: number;
  /** As far as it was read. */
  readonly body: string;
  readonly retryAfter: string | undefined;
  readonly requestId: string | undefined;
}

export interface Verdict {
  readonly reply: Reply;
  /** No message would fare better now. */
  readonly routeTrouble: boolean;
  /** For how long Graph wants nothing; 0 where it did not say. */
  readonly retryAfterMs: number;
}

const WORDS_MAX = 500;

/** Codes of Graph that say why, for which its status alone would say too little. Microsoft Graph, "Error responses and resource types". */
const BY_CODE: Readonly<Record<string, readonly [code: number, enhanced: string]>> = {
  ErrorSendAsDenied: [554, "5.7.60"],
  ErrorInvalidRecipients: [554, "5.1.3"],
  ErrorMessageSizeExceeded: [554, "5.3.4"],
  ErrorMimeContentInvalid: [554, "5.6.0"],
  ErrorMimeContentInvalidBase64String: [451, "4.6.0"],
  ErrorExceededMessageLimit: [451, "4.7.0"],
  ErrorMailboxStoreUnavailable: [451, "4.3.0"],
  ErrorQuotaExceeded: [452, "4.2.2"],
};

/**
 * 202 is a 250: Exchange Online has it and answers for it from now on. What is wrong with the message or its sender fails it; what an
 * administrator can put right (403, 401) waits, as all that may pass by itself does.
 */
export function judgeAnswer(answer: GraphAnswer, now: number): Verdict {
  const { status } = answer;
  const id = answer.requestId === undefined ? "" : ` (request ${printable(answer.requestId, 64)})`;
  if (status >= 200 && status < 300) return say(reply(250, "2.0.0", `Microsoft Graph accepted it${id}`));
  const { code, words } = readError(answer.body);
  const text = `Microsoft Graph answered ${status}${code === "" ? "" : ` ${code}`}${words === "" ? "" : `: ${words}`}${id}`;
  const known = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  if (known && status >= 400 && status < 500 && status !== 401) return say(reply(known[0], known[1], text));
  const retryAfterMs = parseRetryAfter(answer.retryAfter, now) ?? 0;
  switch (status) {
    case 400:
      return say(reply(554, "5.6.0", text));
    case 401:
      return { reply: reply(451, "4.7.8", text), routeTrouble: true, retryAfterMs };
    case 403:
      return say(reply(451, "4.7.0", text));
    case 404:
      return say(reply(554, "5.1.8", text));
    case 413:
      return say(reply(554, "5.3.4", text));
    case 429:
      return { reply: reply(451, "4.7.0", text), routeTrouble: false, retryAfterMs };
    case 502:
    case 503:
    case 504:
      return { reply: reply(451, "4.3.2", text), routeTrouble: true, retryAfterMs };
    default:
      return { reply: reply(451, status >= 500 ? "4.3.0" : "4.5.0", text), routeTrouble: false, retryAfterMs };
  }
}

function say(said: Reply): Verdict {
  return { reply: said, routeTrouble: false, retryAfterMs: 0 };
}

/** `{"error":{"code":"…","message":"…"}}`; texts of a stranger, made printable. */
function readError(body: string): { readonly code: string; readonly words: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return { code: "", words: "" };
  }
  const error: unknown = typeof parsed === "object" && parsed !== null && "error" in parsed ? parsed.error : null;
  const part = (name: string): string => {
    const value: unknown = typeof error === "object" && error !== null ? Reflect.get(error, name) : null;
    return typeof value === "string" ? value : "";
  };
  return { code: printable(part("code"), 100), words: printable(part("message"), WORDS_MAX) };
}
