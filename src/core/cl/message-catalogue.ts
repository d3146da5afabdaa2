import { DKIM } from "./messages/dkim.ts";
import { GRAMMAR } from "./messages/grammar.ts";
import { MAIL } from "./messages/mail.ts";
import { OAUTH } from "./messages/oauth.ts";
import { ROUTE_CHECK } from "./messages/routes-check.ts";
import { TLS_REPORTS } from "./messages/tls-reports.ts";
import { POLICY } from "./messages/policy.ts";

/**
 * Every message of the CL layer. &1 to &9 are filled in. The hundreds tell the subject: 00 grammar, 01 lists, 02 attributes,
 * 03 server, 04 queue, 05 sending, 06 journal and decisions, 07 policy as a whole, 08 and 09 the rest. Ids are never reused.
 */
export const CATALOGUE = { ...GRAMMAR, ...POLICY, ...MAIL, ...DKIM, ...OAUTH, ...ROUTE_CHECK, ...TLS_REPORTS } as const;
