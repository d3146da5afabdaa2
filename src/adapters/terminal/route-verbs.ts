/** The verbs that ask about routes. */
import { report, type Runner } from "./caller.ts";

export const checkRoute: Runner = async (call, caller, relay) => {
  const body = { route: call.operands[0], to: call.options.text("to"), from: call.options.text("from") };
  return report(await relay.post("/v1/routes/check", body), call, caller);
};

export const testRoute: Runner = async (call, caller, relay) => {
  const { options } = call;
  const body = { to: options.text("to") ?? "", from: options.text("from"), client: options.text("client") };
  return report(await relay.post("/v1/routes/test", body), call, caller);
};

export const listRoutes: Runner = async (call, caller, relay) =>
  report(await relay.post("/v1/cl", { command: "WRKSMTPRTE OUTPUT(*PRINT)" }), call, caller);
