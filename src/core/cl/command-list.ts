import { nearest } from "../base/nearest.ts";
import { CHGSMTPA, DSPSMTPA } from "./commands/attributes.ts";
import { CHKSMTPRTE } from "./commands/check-route.ts";
import { DSPMSGD, DSPPFM } from "./commands/display.ts";
import { DSPSMTPCHG, EXPSMTPPCY, UNDSMTPCHG } from "./commands/history.ts";
import { DSPSMTPDCN, DSPSMTPJRN } from "./commands/journal.ts";
import { ADDSMTPLE, CHGSMTPLE, RMVSMTPLE, WRKSMTPLE } from "./commands/list-entries.ts";
import { HLDSMTPEMM, RLSSMTPEMM, RMVSMTPEMM, RTYSMTPEMM, WRKSMTPEMM } from "./commands/queue.ts";
import { SNDDST, SNDSMTPEMM } from "./commands/send.ts";
import { ADDSMTPRTE, CHGSMTPRTE, RMVSMTPRTE, WRKSMTPRTE } from "./commands/routes.ts";
import { TSTSMTPRTE } from "./commands/test-route.ts";
import { ENDTCPSVR, STRTCPSVR, WRKACTJOB } from "./commands/server.ts";
import type { CommandDefinition } from "./definition.ts";

/** Every command there is, in the order of the reference. */
export const COMMANDS = [
  ADDSMTPLE,
  CHGSMTPLE,
  RMVSMTPLE,
  WRKSMTPLE,
  ADDSMTPRTE,
  CHGSMTPRTE,
  RMVSMTPRTE,
  WRKSMTPRTE,
  TSTSMTPRTE,
  CHKSMTPRTE,
  CHGSMTPA,
  DSPSMTPA,
  DSPSMTPCHG,
  UNDSMTPCHG,
  EXPSMTPPCY,
  DSPSMTPDCN,
  DSPSMTPJRN,
  WRKSMTPEMM,
  HLDSMTPEMM,
  RLSSMTPEMM,
  RTYSMTPEMM,
  RMVSMTPEMM,
  SNDSMTPEMM,
  SNDDST,
  STRTCPSVR,
  ENDTCPSVR,
  WRKACTJOB,
  DSPPFM,
  DSPMSGD,
] as const satisfies readonly CommandDefinition[];

const BY_NAME: ReadonlyMap<string, CommandDefinition> = new Map(COMMANDS.map((command) => [command.name, command]));

/** Commands of IBM i that people will try, with what to use instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ADDUSRSMTP: "Use relaykeeper user add.",
  CHGUSRSMTP: "Use relaykeeper user add.",
  RMVUSRSMTP: "Use relaykeeper user remove.",
  WRKSMTPUSR: "Use relaykeeper user list.",
  CFGTCPSMTP: "Use CHGSMTPA ? for the attributes and WRKSMTPLE for the lists.",
  STRTCP: "Use STRTCPSVR SERVER(*SMTP).",
  ENDTCP: "Use ENDTCPSVR SERVER(*SMTP).",
  DSPJRN: "Use DSPSMTPJRN.",
  DSPSMTPLE: "Use WRKSMTPLE OUTPUT(*PRINT).",
  DSPSMTPRTE: "Use WRKSMTPRTE OUTPUT(*PRINT).",
};

export function findCommand(name: string): CommandDefinition | null {
  return BY_NAME.get(name) ?? null;
}

/** What to say of a name that is no command: what to use instead, or the command that was probably meant. */
export function adviseCommand(name: string): string {
  const advice = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined;
  if (advice !== undefined) return advice;
  const near = nearest(name, [...BY_NAME.keys()]);
  return near === null ? "" : `Did you mean ${near}?`;
}
