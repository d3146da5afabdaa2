/** What an operator can do with OAuth accounts; a part of `Operations`. */
import type { Result } from "../core/base/result.ts";
import type { Instant } from "../core/base/time.ts";
import type { OAuthAccount } from "../core/oauth/account.ts";
import type { DevicePrompt } from "../core/oauth/token-answer.ts";
import type { TokenState } from "./keep-access-tokens.ts";

export type OAuthSecret =
  | { readonly kind: "none" }
  | { readonly kind: "secret"; readonly secret: string }
  | { readonly kind: "refresh-token"; readonly token: string }
  /** Without a certificate the key has a name that the provider gave it, and may be of another client of it. */
  | {
      readonly kind: "key";
      readonly privateKey: string;
      readonly certificate: string | null;
      readonly keyId: string;
      readonly clientId: string | null;
    };

export interface OAuthCreation {
  readonly account: Omit<OAuthAccount, "createdAt" | "createdBy">;
  readonly secret: OAuthSecret;
}

/** An account as displays show it: nothing of it is secret. */
export interface OAuthAccountState {
  readonly account: OAuthAccount;
  /** There is a refresh token. */
  readonly isLoggedIn: boolean;
  readonly certificateEndsAt: Instant | null;
  readonly token: TokenState;
}

export type OAuthFault =
  | { readonly kind: "exists" | "not-found" | "too-many" }
  | { readonly kind: "wrong-secret"; readonly why: string }
  | { readonly kind: "no-login"; readonly why: string };

export type OAuthLogin =
  { readonly kind: "none" | "pending" | "done" } | { readonly kind: "failed"; readonly why: string };

/** The accounts by which routes get tokens. What is secret of them never comes out. */
export interface OAuthOperations {
  /** By name. */
  list(): readonly OAuthAccountState[];
  find(name: string): OAuthAccountState | null;
  add(wanted: OAuthCreation, by: string): Promise<Result<OAuthAccountState, OAuthFault>>;
  renew(name: string, secret: OAuthSecret, by: string): Promise<Result<OAuthAccountState, OAuthFault>>;
  remove(name: string, by: string): Promise<Result<void, OAuthFault>>;
  /** Fetches a token now: when it ends, or in a sentence why there is none. */
  check(name: string): Promise<Result<Instant, string>>;
  /** Begins a login: what a person is to be shown. */
  login(name: string, by: string): Promise<Result<DevicePrompt, OAuthFault>>;
  /** How the newest login stands, at the latest after `waitMs`. */
  loginState(name: string, waitMs: number): Promise<OAuthLogin>;
}
