import { err, ok, type Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";

/** Who gives the tokens out: sets what an operator need not say. */
export type OAuthProvider = "microsoft" | "google" | "generic";

/**
 * How a token is asked for. `client-credentials`: the relay in its own name (RFC 6749 §4.4). `refresh-token`: in the name of a person
 * who agreed once (RFC 6749 §6). `service-account`: Google's, by a signed assertion (RFC 7523 §2.1).
 */
export type OAuthGrant = "client-credentials" | "refresh-token" | "service-account";

/** How the relay proves to be the client: by a secret, by an assertion signed with a key (RFC 7523 §2.2), or not at all (a public client). */
export type OAuthProof = "secret" | "key" | "none";

/** An account at a provider of tokens, without what is secret of it. */
export interface OAuthAccount {
  readonly name: string;
  readonly provider: OAuthProvider;
  readonly grant: OAuthGrant;
  readonly proof: OAuthProof;
  /** The mailbox that AUTH names, and that a service account acts for. */
  readonly user: string;
  readonly clientId: string;
  /** Of the key: `x5t#S256` of its certificate (RFC 7515 §4.1.8), or what Google calls it. "" without a key. */
  readonly keyId: string;
  readonly tokenEndpoint: string;
  /** RFC 8628; "" where people cannot log in. */
  readonly deviceEndpoint: string;
  readonly scope: string;
  readonly createdAt: Instant;
  readonly createdBy: string;
}

const ENDPOINT = /^(https?):\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?(\/[\x21\x24-\x7e]*)?$/i;
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\])$/i;
const ENDPOINT_MAX = 500;

/** The address of an endpoint as it is; `insecure`: secrets go by HTTPS alone, and by HTTP within this machine. */
export function parseEndpoint(text: string): Result<string, "syntax" | "insecure"> {
  const [, scheme = "", host = ""] = ENDPOINT.exec(text) ?? [];
  if (host === "" || text.length > ENDPOINT_MAX) return err("syntax");
  return scheme.toLowerCase() === "https" || LOOPBACK.test(host) ? ok(text) : err("insecure");
}

export interface ProviderDefaults {
  readonly tokenEndpoint: string;
  readonly deviceEndpoint: string;
  readonly scope: string;
}

/** What a token is to be good for. */
export type OAuthPurpose = "smtp" | "graph";

/** What the providers document; "" is what must be said. `tenant` is of Microsoft alone. */
export function defaultsOf(
  provider: OAuthProvider,
  grant: OAuthGrant,
  purpose: OAuthPurpose,
  tenant: string,
): ProviderDefaults {
  switch (provider) {
    case "microsoft": {
      const base = `https://login.microsoftonline.com/${tenant}/oauth2/v2.0`;
      const ofPerson =
        purpose === "smtp" ? "https://outlook.office.com/SMTP.Send" : "https://graph.microsoft.com/Mail.Send";
      const ofRelay =
        purpose === "smtp" ? "https://outlook.office365.com/.default" : "https://graph.microsoft.com/.default";
      return {
        tokenEndpoint: `${base}/token`,
        deviceEndpoint: `${base}/devicecode`,
        scope: grant === "refresh-token" ? `${ofPerson} offline_access` : ofRelay,
      };
    }
    case "google":
      return {
        tokenEndpoint: "https://oauth2.googleapis.com/token",
        deviceEndpoint: "https://oauth2.googleapis.com/device/code",
        scope: "https://mail.google.com/",
      };
    case "generic":
      return { tokenEndpoint: "", deviceEndpoint: "", scope: "" };
  }
}
