import { parseName } from "../base/names.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { EntryValue } from "../policy/policy.ts";
import { parseHostMethod } from "../policy/route-fields.ts";
import type { Arguments } from "./arguments.ts";
import { SEALED_PREFIX } from "./entry-text.ts";
import type { Diagnostic } from "./messages.ts";

/** Seals passwords of *HOSTAUTH; null where there is no key at hand (a file that is only checked). */
export interface Sealing {
  seal(secret: string): string;
  /** Whether the text is one that this key sealed. */
  isSealed(text: string): boolean;
}

export type HostCredentials = EntryValue & { readonly kind: "host-credentials" };

/** The parameters that say who we are at a host. */
export const HOST_AUTH_KEYWORDS = ["USERNAME", "PASSWORD", "OAUACC", "AUTHMTH"];

/** A host of which nothing is said yet. */
export function bareHost(host: string): HostCredentials {
  return { kind: "host-credentials", host, user: "", sealedPassword: "", method: "auto", account: "" };
}

/** User, and password or account, and method as the command makes them of the present ones. A password takes the place of an account, and the other way round. */
export function readHostAuth(
  args: Arguments,
  present: HostCredentials,
  sealing: Sealing | null,
): Result<EntryValue, readonly Diagnostic[]> {
  if (args.given("PASSWORD") && args.given("OAUACC")) {
    const why = "An account has its own secret.";
    return err([
      { id: "SMR0016", with: ["PASSWORD", "OAUACC", args.text("OAUACC") ?? "", why], at: args.at("PASSWORD") },
    ]);
  }
  const account = args.given("OAUACC") ? parseName(args.text("OAUACC") ?? "") : present.account;
  if (account === null) return err([fault(args, "OAUACC", "It is the name of an OAuth account.")]);
  const method =
    args.given("AUTHMTH") && !args.is("AUTHMTH", "*SAME")
      ? parseHostMethod(args.text("AUTHMTH") ?? "")
      : present.method;
  if (method === null) return err([fault(args, "AUTHMTH", "")]);
  const isByPassword = args.given("PASSWORD") || account === "";
  const takesToken = method === "xoauth2" || method === "oauthbearer";
  if (method !== "auto" && takesToken === isByPassword) {
    return err([fault(args, "AUTHMTH", takesToken ? "It needs OAUACC." : "It needs USERNAME and PASSWORD.")]);
  }
  const sealed = args.given("PASSWORD") ? readPassword(args, present.host, sealing) : ok(present.sealedPassword);
  if (!sealed.ok) return sealed;
  return ok({
    ...present,
    user: args.text("USERNAME") ?? present.user,
    sealedPassword: isByPassword ? sealed.value : "",
    method,
    account: isByPassword ? "" : account,
  });
}

function fault(args: Arguments, keyword: string, why: string): Diagnostic {
  return { id: "SMR0153", with: [args.text(keyword) ?? "", keyword, why], at: args.at(keyword) };
}

function readPassword(args: Arguments, host: string, sealing: Sealing | null): Result<string, readonly Diagnostic[]> {
  const password = args.text("PASSWORD") ?? "";
  const at = args.at("PASSWORD");
  if (password.startsWith(SEALED_PREFIX)) {
    const sealed = password.slice(SEALED_PREFIX.length);
    return sealing && !sealing.isSealed(sealed) ? err([{ id: "SMR0127", with: [], at }]) : ok(sealed);
  }
  return sealing ? ok(sealing.seal(password)) : err([{ id: "SMR0711", with: [host], at }]);
}
