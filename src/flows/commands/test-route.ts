import type { Handler } from "./answer.ts";

/** TSTSMTPRTE */
export const testRouteCommand: Handler = async ({ operations }, args) =>
  await operations.routes.test({
    to: args.text("RCP") ?? "",
    from: args.plain("ORG") ?? undefined,
    client: args.plain("CLTADR") ?? undefined,
  });
