/** The verbs that work the keys of DKIM. */
import type { Call } from "./arguments.ts";
import { report, reportUsage, type Runner } from "./caller.ts";

function pathOf({ operands }: Call): string {
  return `/v1/dkim/${encodeURIComponent(operands[0] ?? "")}`;
}

export const createKeys: Runner = async (call, caller, relay) => {
  const { options } = call;
  const body = {
    domain: call.operands[0] ?? "",
    selector: options.text("selector"),
    algorithm: options.text("algorithm"),
    subdomains: options.flag("subdomains"),
    now: options.flag("now"),
  };
  return report(await relay.post("/v1/dkim", body), call, caller);
};

export const listKeys: Runner = async (call, caller, relay) => report(await relay.get("/v1/dkim"), call, caller);

export const showKeys: Runner = async (call, caller, relay) => report(await relay.get(pathOf(call)), call, caller);

export const checkKeys: Runner = async (call, caller, relay) => {
  const path = call.operands.length === 0 ? "/v1/dkim/check" : `${pathOf(call)}/check`;
  return report(await relay.post(path, {}), call, caller);
};

export const useKey: Runner = async (call, caller, relay) => {
  const selector = call.options.text("selector");
  if (selector === undefined) return reportUsage("dkim use needs DOMAIN --selector NAME", caller);
  return report(await relay.post(`${pathOf(call)}/use`, { selector }), call, caller);
};

export const removeKeys: Runner = async (call, caller, relay) => {
  const query = new URLSearchParams();
  const selector = call.options.text("selector");
  if (selector !== undefined) query.set("selector", selector);
  if (call.options.flag("confirm")) query.set("confirm", "true");
  return report(await relay.delete(`${pathOf(call)}${query.size === 0 ? "" : `?${query}`}`), call, caller);
};
