import { counted } from "../core/base/count.ts";
import { parseName } from "../core/base/names.ts";
import { printable } from "../core/base/printable.ts";
import { formatInstant } from "../core/base/time.ts";
import { table } from "../core/cl/layout.ts";
import { message, type Message } from "../core/cl/messages.ts";
import { accountOf, nameOfNamer, namersOf } from "./named-accounts.ts";
import type { OAuthAccountState, OAuthFault } from "./oauth-operations.ts";
import { done, refused, type CommandResult } from "./command-result.ts";
import type { Operations } from "./operations.ts";
import { readOAuthSecret, readOAuthWords, type OAuthSecretWords, type OAuthWords } from "./read-oauth-words.ts";

type Oauth = Pick<Operations, "oauth" | "now">;

/** oauth add */
export async function addOAuthAccount({ oauth }: Oauth, words: OAuthWords, by: string): Promise<CommandResult> {
  return await named(words.name, async (name) => {
    const wanted = readOAuthWords(name, words);
    if (!wanted.ok) return refused(message("SMR0875", wanted.error));
    const added = await oauth.add(wanted.value, by);
    if (!added.ok) return refused(faultMessage(added.error, name));
    let state = added.value;
    if (words.refreshToken !== undefined && wanted.value.secret.kind !== "refresh-token") {
      const given = await oauth.renew(name, { kind: "refresh-token", token: words.refreshToken }, by);
      if (!given.ok) return refused(faultMessage(given.error, name));
      state = given.value;
    }
    return done(message("SMR0861", name), valueOf(state));
  });
}

/** oauth list */
export function listOAuthAccounts({ oauth }: Oauth): CommandResult {
  return shown(oauth.list());
}

/** oauth show */
export function showOAuthAccount({ oauth }: Oauth, text: string): CommandResult {
  const state = oauth.find(parseName(text) ?? "");
  if (state === null) return refused(message("SMR0872", printable(text)));
  const value = valueOf(state);
  const rows = Object.entries(value).map(([field, one]) => [field, String(one ?? "")]);
  const output = table([{ heading: "Field" }, { heading: "Value", max: 200 }], rows);
  return { ok: true, messages: [message("SMR0864", counted(1, "account"))], output, value };
}

/** oauth secret: rotation while mail flows. */
export async function renewOAuthSecret(
  { oauth }: Oauth,
  text: string,
  words: OAuthSecretWords,
  by: string,
): Promise<CommandResult> {
  return await named(text, async (name) => {
    const secret = readOAuthSecret(words);
    if (!secret.ok) return refused(message("SMR0874", name, secret.error));
    if (secret.value.kind === "none") return refused(message("SMR0874", name, "there is no secret in it"));
    const renewed = await oauth.renew(name, secret.value, by);
    return renewed.ok
      ? done(message("SMR0862", name), valueOf(renewed.value))
      : refused(faultMessage(renewed.error, name));
  });
}

/** oauth remove */
export async function removeOAuthAccount(
  { oauth, policy }: Oauth & Pick<Operations, "policy">,
  text: string,
  confirmed: boolean,
  by: string,
): Promise<CommandResult> {
  return await named(text, async (name) => {
    const namers = [...namersOf(policy)].filter((entry) => accountOf(entry) === name).map(nameOfNamer);
    if (namers.length > 0 && !confirmed && oauth.find(name) !== null) {
      return refused(message("SMR0877", name, printable(namers.join(", "), 400)));
    }
    const removed = await oauth.remove(name, by);
    return removed.ok ? done(message("SMR0863", name), { name }) : refused(faultMessage(removed.error, name));
  });
}

/** oauth check: fetches a token. */
export async function checkOAuthAccount({ oauth }: Oauth, text: string): Promise<CommandResult> {
  return await named(text, async (name) => {
    if (oauth.find(name) === null) return refused(message("SMR0872", name));
    const checked = await oauth.check(name);
    if (!checked.ok) return refused(message("SMR0866", checked.error));
    const goodUntil = formatInstant(checked.value);
    return done(message("SMR0865", name, goodUntil), { name, goodUntil });
  });
}

/** oauth login: what a person is to do. */
export async function beginOAuthLogin({ oauth, now }: Oauth, text: string, by: string): Promise<CommandResult> {
  return await named(text, async (name) => {
    const begun = await oauth.login(name, by);
    if (!begun.ok) return refused(faultMessage(begun.error, name));
    const { verificationUri, userCode, expiresInMs } = begun.value;
    const goodUntil = formatInstant(now() + expiresInMs);
    return done(message("SMR0867", verificationUri, userCode, goodUntil), {
      name,
      verificationUri,
      userCode,
      goodUntil,
    });
  });
}

/** A question for the end of a login is answered after this time at the latest. */
const LOGIN_WAIT_MS = 20_000;

/** How the newest login stands; waits for its end for a while. */
export async function followOAuthLogin({ oauth }: Oauth, text: string): Promise<CommandResult> {
  return await named(text, async (name) => {
    const login = await oauth.loginState(name, LOGIN_WAIT_MS);
    const value = { name, state: login.kind };
    switch (login.kind) {
      case "none":
        return refused(message("SMR0869", name, "none was begun"));
      case "pending":
        return done(message("SMR0876", name), value);
      case "done":
        return done(message("SMR0868", name), value);
      case "failed":
        return refused(message("SMR0869", name, login.why));
    }
  });
}

async function named(text: string, act: (name: string) => Promise<CommandResult>): Promise<CommandResult> {
  const name = parseName(text);
  return name === null ? refused(message("SMR0870", printable(text, 60))) : await act(name);
}

function shown(states: readonly OAuthAccountState[]): CommandResult {
  const rows = states.map((state) => {
    const { account, token } = state;
    return [account.name, account.provider, account.grant, account.user, tokenWords(state), token.words ?? ""];
  });
  const headings = ["Account", "Provider", "Grant", "User", "Token", "Trouble"];
  const output =
    rows.length === 0
      ? ""
      : table(
          headings.map((heading) => ({ heading, max: 80 })),
          rows,
        );
  const messages = [message("SMR0864", counted(states.length, "account"))];
  return { ok: true, messages, output, value: states.map(valueOf) };
}

function tokenWords({ account, token, isLoggedIn }: OAuthAccountState): string {
  if (token.expiresAt !== null) return `until ${formatInstant(token.expiresAt)}`;
  return account.grant === "refresh-token" && !isLoggedIn ? "no login" : "none";
}

function valueOf({ account, token, isLoggedIn, certificateEndsAt }: OAuthAccountState): {
  readonly [name: string]: string | boolean | null;
} {
  const { createdAt, ...fields } = account;
  return {
    ...fields,
    createdAt: formatInstant(createdAt),
    loggedIn: isLoggedIn,
    certificateEndsAt: certificateEndsAt === null ? null : formatInstant(certificateEndsAt),
    tokenGoodUntil: token.expiresAt === null ? null : formatInstant(token.expiresAt),
    trouble: token.words,
  };
}

function faultMessage(fault: OAuthFault, name: string): Message {
  switch (fault.kind) {
    case "exists":
      return message("SMR0871", name);
    case "not-found":
      return message("SMR0872", name);
    case "too-many":
      return message("SMR0873");
    case "wrong-secret":
      return message("SMR0874", name, fault.why);
    case "no-login":
      return message("SMR0869", name, fault.why);
  }
}
