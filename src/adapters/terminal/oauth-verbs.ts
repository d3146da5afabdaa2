/** The verbs that work OAuth accounts. Secrets come from files and standard input; never from arguments. */
import { ask, readLine } from "./add-user.ts";
import type { Call } from "./arguments.ts";
import { EXIT, report, reportUsage, say, type Caller, type RelayAnswer, type Runner } from "./caller.ts";
import { readText } from "./simple-verbs.ts";

function pathOf({ operands }: Call): string {
  return `/v1/oauth/${encodeURIComponent(operands[0] ?? "")}`;
}

type Secrets = Readonly<Record<string, string | undefined>>;

/** Contents of the files that options name; null where one cannot be read, which has been said. */
async function secretsOf({ options }: Call, caller: Caller): Promise<Secrets | null> {
  const secrets: Record<string, string> = {};
  for (const [option, field] of Object.entries(FILES)) {
    const name = options.text(option);
    if (name === undefined) continue;
    const text = await readText(name, caller);
    if (text === null) return null;
    // The newline that editors put behind a secret is none of it.
    secrets[field] = field === "secret" || field === "refreshToken" ? text.replace(/\r?\n$/, "") : text;
  }
  return secrets;
}

const FILES: Readonly<Record<string, string>> = {
  "secret-file": "secret",
  key: "key",
  certificate: "certificate",
  "key-file": "keyFile",
  "refresh-token-file": "refreshToken",
};

/** From the terminal without echo, or the first line of standard input. */
async function askSecret(caller: Caller): Promise<string | null> {
  const secret = caller.input.isTTY === true ? await ask(caller, "Secret: ") : await readLine(caller.input);
  if (secret === null || secret === "") say(caller, "no secret was given");
  return secret === "" ? null : secret;
}

export const addAccount: Runner = async (call, caller, relay) => {
  const { options } = call;
  const provider = options.text("provider");
  if (provider === undefined) return reportUsage("oauth add needs --provider microsoft, google or generic", caller);
  let secrets = await secretsOf(call, caller);
  if (secrets === null) return EXIT.refused;
  const proves = secrets["secret"] ?? secrets["key"] ?? secrets["keyFile"];
  if (proves === undefined && !options.flag("public")) {
    const secret = await askSecret(caller);
    if (secret === null) return EXIT.refused;
    secrets = { ...secrets, secret };
  }
  const body = {
    name: call.operands[0] ?? "",
    provider,
    grant: options.text("grant"),
    purpose: options.text("for"),
    user: options.text("user"),
    tenant: options.text("tenant"),
    clientId: options.text("client-id"),
    tokenEndpoint: options.text("token-endpoint"),
    deviceEndpoint: options.text("device-endpoint"),
    scope: options.text("scope"),
    ...secrets,
  };
  return report(await relay.post("/v1/oauth", body), call, caller);
};

export const renewSecret: Runner = async (call, caller, relay) => {
  let secrets = await secretsOf(call, caller);
  if (secrets === null) return EXIT.refused;
  if (Object.keys(secrets).length === 0) {
    const secret = await askSecret(caller);
    if (secret === null) return EXIT.refused;
    secrets = { secret };
  }
  return report(await relay.post(`${pathOf(call)}/secret`, secrets), call, caller);
};

export const listAccounts: Runner = async (call, caller, relay) => report(await relay.get("/v1/oauth"), call, caller);

export const showAccount: Runner = async (call, caller, relay) => report(await relay.get(pathOf(call)), call, caller);

export const checkAccount: Runner = async (call, caller, relay) => {
  return report(await relay.post(`${pathOf(call)}/check`, {}), call, caller);
};

export const removeAccount: Runner = async (call, caller, relay) => {
  return report(
    await relay.delete(`${pathOf(call)}${call.options.flag("confirm") ? "?confirm=true" : ""}`),
    call,
    caller,
  );
};

/** Says where to enter which code, and waits until somebody has. */
export const logIn: Runner = async (call, caller, relay) => {
  const path = `${pathOf(call)}/login`;
  const begun = await relay.post(path, {});
  if (!begun.ok || !begun.value.ok) return report(begun, call, caller);
  for (const { id, text } of begun.value.messages) say(caller, `${id} ${text}`);
  let answer = await relay.get(path);
  while (answer.ok && isPending(answer.value)) answer = await relay.get(path);
  return report(answer, call, caller);
};

function isPending({ ok, value }: RelayAnswer): boolean {
  return ok && typeof value === "object" && value !== null && "state" in value && value.state === "pending";
}
