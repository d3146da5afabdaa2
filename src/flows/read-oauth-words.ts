import { err, ok, type Result } from "../core/base/result.ts";
import {
  defaultsOf,
  parseEndpoint,
  type OAuthAccount,
  type OAuthGrant,
  type OAuthProvider,
  type OAuthPurpose,
} from "../core/oauth/account.ts";
import type { OAuthCreation, OAuthSecret } from "./oauth-operations.ts";

/** What an operator hands in as a secret: one of these. Contents of files, not their names. */
export interface OAuthSecretWords {
  readonly secret?: string | undefined;
  readonly key?: string | undefined;
  readonly certificate?: string | undefined;
  /** The JSON file of a service account of Google. */
  readonly keyFile?: string | undefined;
  readonly refreshToken?: string | undefined;
}

/** What an operator says of a new account. */
export interface OAuthWords extends OAuthSecretWords {
  readonly name: string;
  readonly provider: OAuthProvider;
  readonly grant?: OAuthGrant | undefined;
  readonly purpose?: OAuthPurpose | undefined;
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  readonly clientId?: string | undefined;
  readonly tokenEndpoint?: string | undefined;
  readonly deviceEndpoint?: string | undefined;
  readonly scope?: string | undefined;
}

/** Printable, without spaces at the ends, and not endless. */
const TEXT = /^[\x21-\x7e](?:[\x20-\x7e]{0,498}[\x21-\x7e])?$/;
const TENANT = /^[A-Za-z0-9.-]{1,253}$/;

/** The account that the words describe; the fault is part of a sentence. `name` is one already. */
export function readOAuthWords(name: string, words: OAuthWords): Result<OAuthCreation, string> {
  const secret = readOAuthSecret(words);
  if (!secret.ok) return secret;
  const { provider } = words;
  const grant = words.grant ?? (words.keyFile === undefined ? "client-credentials" : "service-account");
  const isService = grant === "service-account";
  if (isService !== (words.keyFile !== undefined))
    return err("a service account needs its key file, and nothing else does");
  if (provider === "microsoft" && !TENANT.test(words.tenant ?? ""))
    return err("Microsoft needs a tenant: its id or domain");
  const defaults = defaultsOf(provider, grant, words.purpose ?? "smtp", words.tenant ?? "");
  const ofKey = secret.value.kind === "key" ? secret.value.clientId : null;
  const account = {
    name,
    provider,
    grant,
    proof: proofOf(secret.value),
    user: words.user ?? "",
    clientId: words.clientId ?? ofKey ?? "",
    keyId: "",
    tokenEndpoint: words.tokenEndpoint ?? defaults.tokenEndpoint,
    deviceEndpoint: words.deviceEndpoint ?? defaults.deviceEndpoint,
    scope: words.scope ?? defaults.scope,
  } satisfies OAuthCreation["account"];
  const fault = faultOf(account);
  if (fault !== null) return err(fault);
  if (grant !== "refresh-token") {
    if (words.refreshToken !== undefined) return err("a refresh token belongs to the grant refresh-token");
    if (account.proof === "none") return err("a secret, a key with its certificate, or a key file is needed");
  }
  return ok({ account, secret: secret.value });
}

function proofOf(secret: OAuthSecret): OAuthAccount["proof"] {
  return secret.kind === "key" ? "key" : secret.kind === "secret" ? "secret" : "none";
}

function faultOf(account: OAuthCreation["account"]): string | null {
  if (!TEXT.test(account.user)) return "a user is needed: the mailbox that AUTH names";
  if (!TEXT.test(account.clientId)) return "a client id is needed";
  if (account.scope !== "" && !TEXT.test(account.scope)) return "the scope is not valid";
  return endpointFault("token", account.tokenEndpoint) ?? deviceFault(account.deviceEndpoint);
}

function deviceFault(text: string): string | null {
  return text === "" ? null : endpointFault("device", text);
}

function endpointFault(which: string, text: string): string | null {
  if (text === "") return `a ${which} endpoint is needed`;
  const endpoint = parseEndpoint(text);
  if (endpoint.ok) return null;
  return endpoint.error === "insecure"
    ? `the ${which} endpoint must be HTTPS: secrets go there`
    : `the ${which} endpoint is no address of HTTPS`;
}

/** A refresh token may come with a secret; the account is made with the secret, and given the token then. */
export function readOAuthSecret(words: OAuthSecretWords): Result<OAuthSecret, string> {
  const { secret, key, certificate, keyFile, refreshToken } = words;
  if ([secret, key, keyFile].filter((one) => one !== undefined).length > 1) return err("one secret or key at a time");
  if ((key === undefined) !== (certificate === undefined)) return err("a key and its certificate belong together");
  if (secret !== undefined) return isToken(secret) ? ok({ kind: "secret", secret }) : err("the secret is not valid");
  if (keyFile !== undefined) return readKeyFile(keyFile);
  if (key !== undefined && certificate !== undefined) {
    return ok({ kind: "key", privateKey: key, certificate, keyId: "", clientId: null });
  }
  if (refreshToken === undefined) return ok({ kind: "none" });
  return isToken(refreshToken)
    ? ok({ kind: "refresh-token", token: refreshToken })
    : err("the refresh token is not valid");
}

function isToken(text: string): boolean {
  return /^[\x20-\x7e]{1,16384}$/.test(text);
}

/** The file that Google gives out for a key of a service account. */
function readKeyFile(text: string): Result<OAuthSecret, string> {
  let said: Readonly<Record<string, unknown>>;
  try {
    said = JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return err("the key file is no JSON");
  }
  const field = (name: string): string => {
    const value = said?.[name];
    return typeof value === "string" ? value : "";
  };
  if (field("type") !== "service_account") return err("the key file is none of a service account");
  const [privateKey, keyId, clientId] = [field("private_key"), field("private_key_id"), field("client_email")];
  if (privateKey === "" || !TEXT.test(keyId) || !TEXT.test(clientId)) return err("the key file is not complete");
  return ok({ kind: "key", privateKey, certificate: null, keyId, clientId });
}
