import type { Handler } from "./answer.ts";
import { changeAttributes, displayAttributes } from "./attributes.ts";
import { checkRouteCommand } from "./check-route.ts";
import { testRouteCommand } from "./test-route.ts";
import { displayMember, displayMessageDescription } from "./display.ts";
import { displayChanges, exportPolicyText, undoChange } from "./history.ts";
import { displayDecision, displayJournal } from "./journal.ts";
import { addEntry, changeListEntry, removeEntry, workWithEntries } from "./list-entries.ts";
import { holdMessages, releaseMessages, removeMessages, retryMessages, workWithMessages } from "./queue.ts";
import { addRoute, changeRoute, removeRoute, workWithRoutes } from "./routes.ts";
import { sendDistribution, sendMail } from "./send.ts";
import { endServer, startServer, workWithJobs } from "./server.ts";

/** What does each command. */
export const HANDLERS: Readonly<Record<string, Handler>> = {
  ADDSMTPLE: addEntry,
  CHGSMTPLE: changeListEntry,
  RMVSMTPLE: removeEntry,
  WRKSMTPLE: workWithEntries,
  ADDSMTPRTE: addRoute,
  CHGSMTPRTE: changeRoute,
  RMVSMTPRTE: removeRoute,
  WRKSMTPRTE: workWithRoutes,
  TSTSMTPRTE: testRouteCommand,
  CHKSMTPRTE: checkRouteCommand,
  CHGSMTPA: changeAttributes,
  DSPSMTPA: displayAttributes,
  DSPSMTPCHG: displayChanges,
  UNDSMTPCHG: undoChange,
  EXPSMTPPCY: exportPolicyText,
  DSPSMTPDCN: displayDecision,
  DSPSMTPJRN: displayJournal,
  WRKSMTPEMM: workWithMessages,
  HLDSMTPEMM: holdMessages,
  RLSSMTPEMM: releaseMessages,
  RTYSMTPEMM: retryMessages,
  RMVSMTPEMM: removeMessages,
  SNDSMTPEMM: sendMail,
  SNDDST: sendDistribution,
  STRTCPSVR: startServer,
  ENDTCPSVR: endServer,
  WRKACTJOB: workWithJobs,
  DSPPFM: displayMember,
  DSPMSGD: displayMessageDescription,
};
