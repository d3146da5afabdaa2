import type { Entry } from "../core/policy/policy.ts";
import { HOST_AUTHENTICATION } from "../core/policy/route-rule.ts";

/** The OAuth account that a route or *HOSTAUTH entry names; null where it names none. */
export function accountOf({ value }: Entry): string | null {
  if (value.kind === "host-credentials") return value.account === "" ? null : value.account;
  if (value.kind !== "route" || value.route.auth.method === "none") return null;
  return value.route.auth.account === HOST_AUTHENTICATION ? null : value.route.auth.account;
}

/** `route M365`, `*HOSTAUTH entry smtp.example.net` */
export function nameOfNamer({ value }: Entry): string {
  return value.kind === "host-credentials"
    ? `*HOSTAUTH entry ${value.host}`
    : `route ${value.kind === "route" ? value.route.name : ""}`;
}

export interface NamingPolicy {
  walk(list: "*ROUTE" | "*HOSTAUTH"): Iterable<Entry>;
}

/** Every entry that names an account. */
export function* namersOf(policy: NamingPolicy): Generator<Entry, void> {
  for (const list of ["*ROUTE", "*HOSTAUTH"] as const) {
    for (const entry of policy.walk(list)) if (accountOf(entry) !== null) yield entry;
  }
}

const WARNINGS_MAX = 5;

/** For `status`: what names an account that is not there. */
export function accountWarnings(policy: NamingPolicy, exists: (account: string) => boolean): readonly string[] {
  const missing: string[] = [];
  for (const entry of namersOf(policy)) {
    const account = accountOf(entry) ?? "";
    if (exists(account)) continue;
    missing.push(`${nameOfNamer(entry)} names OAuth account ${account}, and there is none: mail by it waits`);
    if (missing.length === WARNINGS_MAX) break;
  }
  return missing;
}
