/**
 * The API of the control socket. Every answer is a `CommandResult` as JSON: 200 where it was done, 422 where it was refused with a
 * message, 400 where the request itself was not valid. docs/api.md describes it for users.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { printable } from "../../core/base/printable.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import { quote } from "../../core/cl/entry-text.ts";
import { counted } from "../../core/base/count.ts";
import { message } from "../../core/cl/messages.ts";
import { addUser, listUsers, removeUser } from "../../flows/manage-users.ts";
import { refused, type CommandResult } from "../../flows/command-result.ts";
import { runCommand, runScript } from "../../flows/operate.ts";
import type { Operations } from "../../flows/operations.ts";
import type { StoreBackup } from "../../flows/ports.ts";
import { applyPolicy, checkPolicyFile, diffPolicyFile } from "../../flows/policy-file.ts";
import { showHops } from "../../flows/show-hops.ts";
import { showMessage } from "../../flows/show-message.ts";
import { showTlsFigures } from "../../flows/show-tls.ts";
import { showStatus } from "../../flows/show-status.ts";
import { jsonBody } from "./json-pieces.ts";

export interface ControlParts {
  readonly operations: Operations;
  /** Reads the whole store; what is wrong with it, nothing where it is sound. */
  checkStore(): Promise<readonly string[]>;
  /** Copies the store and the journal into a folder that is made; the fault is a sentence. */
  backup(directory: string, withKey: boolean): Promise<Result<StoreBackup, string>>;
}

/** Scripts and policy files: two million entries of some hundred octets each. */
export const TEXT_OCTETS_MAX = 256 * 1_048_576;

/** The header in which a client names its system user, for the history of the policy and the journal. */
export const CALLER_HEADER = "relaykeeper-user";
const CALLER_MAX = 64;

export type Handle = (request: FastifyRequest, by: string) => Promise<CommandResult>;

export function addRoutes(app: FastifyInstance, parts: ControlParts): void {
  const { operations } = parts;
  const get = (path: string, handle: Handle): void => void app.get(path, answering(handle));
  const post = (path: string, handle: Handle, bodyLimit?: number): void =>
    void app.post(path, bodyLimit === undefined ? {} : { bodyLimit }, answering(handle));

  get("/v1/tls-report", async ({ query }) => {
    return await reading(dayQuery, query, async ({ day }) => showTlsFigures(operations, day ?? null));
  });
  get("/v1/status", async () => await showStatus(operations));
  post("/v1/cl", async (request, by) => await doCommand(operations, request.body, by), TEXT_OCTETS_MAX);
  post("/v1/explain", async (request, by) => {
    return await reading(
      explainBody,
      request.body,
      async (body) => await runCommand(operations, explainCommand(body), by),
    );
  });
  post("/v1/store/check", async () => await checkWholeStore(parts));
  post("/v1/store/backup", async (request, by) => {
    return await reading(backupBody, request.body, async (body) => await backUp(parts, body, by));
  });
  addPolicyRoutes(operations, get, post);
  addQueueRoutes(operations, get, post);
  get("/v1/users", async () => await listUsers(operations));
  post("/v1/users", async (request, by) => {
    return await reading(
      userBody,
      request.body,
      async ({ name, password }) => await addUser(operations, name, password, by),
    );
  });
  app.delete<{ Params: { name: string } }>(
    "/v1/users/:name",
    answering(async (request, by) => await removeUser(operations, textOf(request.params, "name"), by)),
  );
}

type AddGet = (path: string, handle: Handle) => void;
type AddPost = (path: string, handle: Handle, bodyLimit?: number) => void;

/** One place where results become HTTP. */
export function answering(handle: Handle) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { ok, messages, output, value } = await handle(request, callerOf(request));
    if (!ok) reply.status(messages.some(({ id }) => id === "SMR0831") ? 400 : 422);
    const told = messages.map(({ id, severity, text, secondLevel }) => ({ id, severity, text, secondLevel }));
    return await reply.type("application/json; charset=utf-8").send(jsonBody({ ok, messages: told, output, value }));
  };
}

/** Whoever may open the socket may do everything; the name it gives says who it was, and proves nothing. */
export function callerOf(request: Pick<FastifyRequest, "headers">): string {
  const name = request.headers[CALLER_HEADER];
  const decoded = typeof name === "string" ? decodeName(name) : "";
  return decoded === "" ? "control" : printable(decoded, CALLER_MAX);
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name).trim();
  } catch {
    return "";
  }
}

export function invalid(reason: string): CommandResult {
  return refused(message("SMR0831", reason));
}

export async function reading<T>(
  schema: z.ZodType<T>,
  body: unknown,
  act: (value: T) => Promise<CommandResult>,
): Promise<CommandResult> {
  const read = readAs(schema, body);
  return read.ok ? await act(read.value) : invalid(read.error);
}

export function readAs<T>(schema: z.ZodType<T>, value: unknown): Result<T, string> {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  return err(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}`.replace(/^: /, ""));
}

export function textOf(params: unknown, name: string): string {
  const value: unknown = (params as Readonly<Record<string, unknown>>)[name];
  return typeof value === "string" ? value : "";
}

// --- commands ---------------------------------------------------------------------------------------------------------

const commandBody = z.union([z.strictObject({ command: z.string() }), z.strictObject({ script: z.string() })]);
const explainBody = z.union([
  z.strictObject({ id: z.string().max(40) }),
  z.strictObject({
    client: z.string().max(60),
    from: z.string().max(1_000).optional(),
    to: z.string().max(1_000).optional(),
    user: z.string().max(255).optional(),
    tls: z.boolean().optional(),
  }),
]);
const dayQuery = z.strictObject({ day: z.string().max(40).optional() });
const PATH_SHOWN_MAX = 300;
const backupBody = z.strictObject({ directory: z.string().min(1).max(4_096), withKey: z.boolean().optional() });
const userBody = z.strictObject({ name: z.string().max(1_024), password: z.string().max(4_096) });

async function doCommand(operations: Operations, body: unknown, by: string): Promise<CommandResult> {
  return await reading(commandBody, body, async (given) =>
    "command" in given
      ? await runCommand(operations, given.command, by)
      : await runScript(operations, given.script, by),
  );
}

/** A command from values: `HLDSMTPEMM MSG('Q1Z0G')`. Parameters without a value are left out. */
function formatCommand(
  name: string,
  parameters: Readonly<Record<string, string | readonly string[] | undefined>>,
): string {
  const given = Object.entries(parameters).flatMap(([keyword, value]) => {
    if (value === undefined) return [];
    return [`${keyword}(${typeof value === "string" ? formatValue(value) : value.map(formatValue).join(" ")})`];
  });
  return [name, ...given].join(" ");
}

/** Special values stand as they are; everything else in apostrophes. */
function formatValue(value: string): string {
  return /^\*[A-Z0-9]+$/.test(value) ? value : quote(value);
}

function explainCommand(question: z.output<typeof explainBody>): string {
  if ("id" in question) return formatCommand("DSPSMTPDCN", { ID: question.id });
  return formatCommand("DSPSMTPDCN", {
    CLIENT: question.client,
    RCP: question.to,
    SENDER: question.from,
    USER: question.user,
    TLS: question.tls === true ? "*YES" : "*NO",
  });
}

async function checkWholeStore(parts: ControlParts): Promise<CommandResult> {
  const faults = await parts.checkStore();
  if (faults.length > 0) {
    const messages = faults.map((fault) => message("SMR0822", fault));
    return { ok: false, messages, output: "", value: { sound: false, faults } };
  }
  const { queued, captured } = await parts.operations.queue.summary();
  const holds = counted(queued + captured, "message");
  return { ok: true, messages: [message("SMR0821", holds)], output: "", value: { sound: true, faults: [] } };
}

async function backUp(parts: ControlParts, body: z.output<typeof backupBody>, by: string): Promise<CommandResult> {
  const { directory, withKey } = body;
  const { journal, now } = parts.operations;
  journal.record({ kind: "operation", at: now(), by, text: `backup to ${printable(directory, PATH_SHOWN_MAX)}` });
  const made = await parts.backup(directory, withKey ?? false);
  if (!made.ok) return refused(message("SMR0824", made.error));
  const { messages, damaged } = made.value;
  const told = [message("SMR0823", directory, counted(messages, "message"))];
  if (damaged > 0) told.push(message("SMR0825", counted(damaged, "message")));
  return { ok: true, messages: told, output: "", value: { directory, ...made.value } };
}

// --- policy -----------------------------------------------------------------------------------------------------------

const fileQuery = z.strictObject({ confirm: z.enum(["true", "false"]).optional() });
const undoBody = z.strictObject({ confirm: z.boolean().optional() });
const exportQuery = z.strictObject({ all: z.enum(["true", "false"]).optional() });
const historyQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,6}$/, "it is a number of at most six digits")
    .optional(),
});

function addPolicyRoutes(operations: Operations, get: AddGet, post: AddPost): void {
  get("/v1/policy", async (request, by) => {
    return await reading(exportQuery, request.query, async ({ all }) => {
      return await runCommand(operations, all === "true" ? "EXPSMTPPCY ATR(*ALL)" : "EXPSMTPPCY", by);
    });
  });
  get("/v1/policy/history", async (request, by) => {
    return await reading(historyQuery, request.query, async ({ limit }) => {
      return await runCommand(operations, `DSPSMTPCHG NBRENT(${limit ?? "50"})`, by);
    });
  });
  const file = (path: string, act: (text: string, confirm: boolean, by: string) => Promise<CommandResult>): void =>
    post(
      path,
      async (request, by) =>
        await reading(fileQuery, request.query, async ({ confirm }) => {
          const { body } = request;
          return typeof body === "string"
            ? await act(body, confirm === "true", by)
            : invalid("a policy file is sent as text/plain");
        }),
      TEXT_OCTETS_MAX,
    );
  file("/v1/policy/apply", async (text, confirm, by) => await applyPolicy(operations, text, by, confirm));
  file("/v1/policy/diff", async (text) => await diffPolicyFile(operations, text));
  file("/v1/policy/check", async (text) => await checkPolicyFile(operations, text));
  post("/v1/policy/undo", async (request, by) => {
    return await reading(undoBody, request.body, async ({ confirm }) => {
      return await runCommand(operations, `UNDSMTPCHG${confirm === true ? " CONFIRM(*YES)" : ""}`, by);
    });
  });
}

// --- queue ------------------------------------------------------------------------------------------------------------

const picks = {
  nextHop: z.string().max(300).optional(),
  from: z.string().max(1_000).optional(),
  to: z.string().max(1_000).optional(),
};
const QUEUES = { ready: "*PND", active: "*WRK", deferred: "*RTY", held: "*HLD", captured: "*CAP" } as const;
const listQuery = z.strictObject({
  ...picks,
  state: z
    .enum(["ready", "active", "deferred", "held", "captured"], "it is ready, active, deferred, held or captured")
    .optional(),
  limit: z
    .string()
    .regex(/^\d{1,6}$/, "it is a number of at most six digits")
    .optional(),
});
const showQuery = z.strictObject({
  octets: z
    .string()
    .regex(/^\d{1,9}$/, "it is a number of at most nine digits")
    .optional(),
});
const pickBody = z.strictObject({
  ...picks,
  ids: z.array(z.string().max(20)).max(300).optional(),
  all: z.literal(true).optional(),
});

const ACTS = { hold: "HLDSMTPEMM", release: "RLSSMTPEMM", retry: "RTYSMTPEMM", remove: "RMVSMTPEMM" } as const;
/** Content that `queue show` prints where nobody says how much. */
const SHOWN_OCTETS = 65_536;

function addQueueRoutes(operations: Operations, get: AddGet, post: AddPost): void {
  get("/v1/queue", async (request, by) => {
    return await reading(listQuery, request.query, async ({ nextHop, from, to, state, limit }) => {
      const command = formatCommand("WRKSMTPEMM", {
        NEXTHOP: nextHop,
        ORG: from,
        RCP: to,
        QUEUE: state === undefined ? undefined : QUEUES[state],
        NBRRCD: limit,
        OUTPUT: "*PRINT",
      });
      return await runCommand(operations, command, by);
    });
  });
  get("/v1/queue/hops", async () => await Promise.resolve(showHops(operations)));
  get("/v1/queue/:id", async (request, by) => {
    return await reading(showQuery, request.query, async ({ octets }) => {
      return await showMessage(operations, textOf(request.params, "id"), Number(octets ?? SHOWN_OCTETS), by);
    });
  });
  for (const [act, command] of Object.entries(ACTS)) {
    post(`/v1/queue/${act}`, async (request, by) => {
      return await reading(pickBody, request.body, async ({ ids, all, nextHop, from, to }) => {
        const MSG = ids ?? (all ? "*ALL" : undefined);
        return await runCommand(operations, formatCommand(command, { MSG, NEXTHOP: nextHop, ORG: from, RCP: to }), by);
      });
    });
  }
  post("/v1/queue/flush", async (_request, by) => {
    const count = await operations.queue.retry({}, by);
    return { ok: true, messages: [message("SMR0403", counted(count, "message"))], output: "", value: { count } };
  });
}
