/** Verbs that are one request to the relay. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Call } from "./arguments.ts";
import { EXIT, readInput, report, reportUsage, say, type Caller, type Runner } from "./caller.ts";

/** The longest policy file or script that is read: what the relay takes. */
export const TEXT_OCTETS_MAX = 256 * 1_048_576;

export const showStatus: Runner = async (call, caller, relay) => report(await relay.get("/v1/status"), call, caller);

export const explain: Runner = async (call, caller, relay) => {
  const { options } = call;
  const [id] = call.operands;
  const client = options.text("client");
  if ((id === undefined) === (client === undefined)) {
    return reportUsage("explain needs --client IP, or the id of a decision such as D-7F3K2", caller);
  }
  const question = { client, from: options.text("from"), to: options.text("to"), user: options.text("user") };
  return report(
    await relay.post("/v1/explain", id === undefined ? { ...question, tls: options.flag("tls") } : { id }),
    call,
    caller,
  );
};

// --- policy -----------------------------------------------------------------------------------------------------------

export const exportPolicy: Runner = async (call, caller, relay) => {
  return report(await relay.get(`/v1/policy?all=${call.options.flag("all")}`), call, caller);
};

export const applyPolicy = policyFile("apply");
export const diffPolicy = policyFile("diff");
export const checkPolicy = policyFile("check");

function policyFile(act: "apply" | "diff" | "check"): Runner {
  return async (call, caller, relay) => {
    const text = await readText(call.operands[0] ?? "-", caller);
    if (text === null) return EXIT.refused;
    const confirm = call.options.flag("confirm") ? "?confirm=true" : "";
    return report(await relay.postText(`/v1/policy/${act}${confirm}`, text), call, caller);
  };
}

/** A file, or standard input for `-`; null where it cannot be read, which has been said. */
export async function readText(name: string, caller: Caller): Promise<string | null> {
  try {
    if (name !== "-") return await readFile(resolve(caller.directory, name), "utf8");
    const octets = await readInput(caller.input, TEXT_OCTETS_MAX);
    if (octets !== null) return octets.toString("utf8");
    say(caller, `standard input has more than ${TEXT_OCTETS_MAX} octets`);
  } catch (fault) {
    say(caller, `${name} cannot be read: ${describeFileFault(fault)}`);
  }
  return null;
}

function describeFileFault(fault: unknown): string {
  const { code, message } = fault as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
      return "you may not read it";
    case "EISDIR":
      return "it is a directory";
    default:
      return message;
  }
}

export const undoPolicy: Runner = async (call, caller, relay) => {
  return report(await relay.post("/v1/policy/undo", { confirm: call.options.flag("confirm") }), call, caller);
};

export const showHistory: Runner = async (call, caller, relay) => {
  return report(await relay.get(`/v1/policy/history${query({ limit: call.options.text("limit") })}`), call, caller);
};

// --- queue ------------------------------------------------------------------------------------------------------------

function picksOf({ options }: Call): Record<string, string | undefined> {
  return { nextHop: options.text("next-hop"), from: options.text("from"), to: options.text("to") };
}

function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) given.set(name, value);
  return given.size === 0 ? "" : `?${given}`;
}

export const listQueue: Runner = async (call, caller, relay) => {
  const { options } = call;
  const asked = query({ ...picksOf(call), state: options.text("state"), limit: options.text("limit") });
  return report(await relay.get(`/v1/queue${asked}`), call, caller);
};

export const showHops: Runner = async (call, caller, relay) => {
  return report(await relay.get("/v1/queue/hops"), call, caller);
};

export const showMessage: Runner = async (call, caller, relay) => {
  const id = encodeURIComponent(call.operands[0] ?? "");
  return report(await relay.get(`/v1/queue/${id}${query({ octets: call.options.text("octets") })}`), call, caller);
};

export const holdMessages = queueAct("hold");
export const releaseMessages = queueAct("release");
export const retryMessages = queueAct("retry");
export const removeMessages = queueAct("remove");

function queueAct(act: "hold" | "release" | "retry" | "remove"): Runner {
  return async (call, caller, relay) => {
    const all = call.options.flag("all");
    const picks = Object.fromEntries(Object.entries(picksOf(call)).filter(([, value]) => value !== undefined));
    if (!all && call.operands.length === 0 && Object.keys(picks).length === 0) {
      return reportUsage(`${call.verb.name}: say which messages: ID, --next-hop, --from, --to, or --all`, caller);
    }
    const ids = call.operands.length > 0 ? { ids: call.operands } : {};
    return report(await relay.post(`/v1/queue/${act}`, { ...ids, ...picks, ...(all ? { all } : {}) }), call, caller);
  };
}

export const showTlsFigures: Runner = async (call, caller, relay) => {
  return report(await relay.get(`/v1/tls-report${query({ day: call.options.text("day") })}`), call, caller);
};

export const flushQueue: Runner = async (call, caller, relay) => {
  return report(await relay.post("/v1/queue/flush", {}), call, caller);
};

// --- users and store --------------------------------------------------------------------------------------------------

export const removeUser: Runner = async (call, caller, relay) => {
  return report(await relay.delete(`/v1/users/${encodeURIComponent(call.operands[0] ?? "")}`), call, caller);
};

export const listUsers: Runner = async (call, caller, relay) => report(await relay.get("/v1/users"), call, caller);

export const checkStore: Runner = async (call, caller, relay) => {
  return report(await relay.post("/v1/store/check", {}), call, caller);
};

/** The relay makes the folder: a name is completed here, where the caller stands. */
export const backUp: Runner = async (call, caller, relay) => {
  const directory = resolve(caller.directory, call.operands[0] ?? "");
  return report(
    await relay.post("/v1/store/backup", { directory, withKey: call.options.flag("with-key") }),
    call,
    caller,
  );
};

// --- the printed form of screens --------------------------------------------------------------------------------------

export const printScreen: Runner = async (call, caller, relay) => {
  const command = SCREENS[call.verb.name] ?? "";
  const given = call.operands.join(" ");
  const print = /\bOUTPUT\(/i.test(given) ? "" : " OUTPUT(*PRINT)";
  return report(await relay.post("/v1/cl", { command: `${command} ${given}${print}`.trim() }), call, caller);
};

const SCREENS: Readonly<Record<string, string>> = {
  wrksmtple: "WRKSMTPLE",
  wrkactjob: "WRKACTJOB",
  wrksmtpq: "WRKSMTPEMM",
  dspsmtpjrn: "DSPSMTPJRN",
};
