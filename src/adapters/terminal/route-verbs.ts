/** The verbs that ask about routes. */
import { report, type Runner } from "./caller.ts";

export const checkRoute: Runner = async (call, caller, relay) => {
  const body = { route: call.operands[0], to: call.options.text("to"), from: call.options.text("from") };
  return report(await relay.post("/v1/routes/check", body), call, caller);
};
