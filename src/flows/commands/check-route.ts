import { checkRoute } from "../work-routes.ts";
import type { Handler } from "./answer.ts";

/** CHKSMTPRTE */
export const checkRouteCommand: Handler = async ({ operations }, args) => {
  return await checkRoute(operations, {
    route: args.plain("RTE") ?? undefined,
    to: args.plain("RCP") ?? undefined,
    from: args.plain("ORG") ?? undefined,
  });
};
