import type { Json } from "../../core/base/json.ts";
import { counted, formatCount } from "../../core/base/count.ts";
import { nearest } from "../../core/base/nearest.ts";
import { printable } from "../../core/base/printable.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import { formatInstant } from "../../core/base/time.ts";
import type { Arguments } from "../../core/cl/arguments.ts";
import { readExpiry } from "../../core/cl/entry-value.ts";
import { cut, PAGE_COLUMNS, pageHeading, wrap } from "../../core/cl/layout.ts";
import { message } from "../../core/cl/messages.ts";
import { changesRoute, readChangedRoute, readNewRoute } from "../../core/cl/route-value.ts";
import { formatEntryId } from "../../core/policy/coverage.ts";
import { formatRoute, namesCredentials } from "../../core/policy/route-fields.ts";
import { DEFAULT_ROUTE, HOST_AUTHENTICATION, type RouteRule } from "../../core/policy/route-rule.ts";
import { RouteTable, type RouteEntry } from "../../core/policy/route-table.ts";
import { describeRoute } from "../../core/policy/route-words.ts";
import { answer, faultsOf, type Answer, type CommandContext, type Handler } from "./answer.ts";
import { changeEntry, describeAdded, entryWithUse } from "./list-entries.ts";

export const addRoute: Handler = async (context, args) => {
  const entry = readNewRoute(args, context.now);
  if (!entry.ok) return faultsOf(entry.error);
  const done = await changeEntry(context, args, { kind: "add-entry", entry: entry.value }, "SMR0101");
  return entry.value.value.kind === "route" ? withWarnings(context, done, entry.value.value.route) : done;
};

/** What is done, with what is odd about credentials of the route. */
function withWarnings({ operations }: CommandContext, done: Answer, route: RouteRule): Answer {
  const { account, method } = route.auth;
  const warnings = [
    ...(route.tls.level === "encrypt" && namesCredentials(route.auth)
      ? [message("SMR0154", `route ${route.name}`)]
      : []),
    ...(account !== HOST_AUTHENTICATION && method !== "none" && operations.oauth.find(account) === null
      ? [message("SMR0155", `Route ${route.name}`, account)]
      : []),
  ];
  return done.messages.some(({ severity }) => severity >= 30)
    ? done
    : { ...done, messages: [...done.messages, ...warnings] };
}

export const removeRoute: Handler = async (context, args) => {
  const found = findRoute(context, args);
  if (!found.ok) return found.error;
  return changeEntry(context, args, { kind: "remove-entry", id: found.value.entry.id }, "SMR0102");
};

export const changeRoute: Handler = async (context, args) => {
  const found = findRoute(context, args);
  if (!found.ok) return found.error;
  const { entry, route } = found.value;
  const expiry = readExpiry(args, context.now);
  if (!expiry.ok && !args.is("EXPDATE", "*SAME")) return faultsOf(expiry.error);
  const changed = changesRoute(args) ? readChangedRoute(args, route) : null;
  if (changed && !changed.ok) return faultsOf(changed.error);
  const change = {
    kind: "change-entry",
    id: entry.id,
    ...(changed ? { value: { kind: "route", route: changed.value } as const } : {}),
    ...(args.is("TEXT", "*SAME") ? {} : { text: args.plain("TEXT") ?? "" }),
    ...(args.is("EXPDATE", "*SAME") || !expiry.ok ? {} : { expiresAt: expiry.value }),
  } as const;
  return withWarnings(context, await changeEntry(context, args, change, "SMR0103"), changed?.value ?? route);
};

function findRoute({ operations }: CommandContext, args: Arguments): Result<RouteEntry, Answer> {
  const name = args.text("RTE")?.toUpperCase() ?? "";
  const entry = operations.policy.find("*ROUTE", { kind: "route", route: { ...DEFAULT_ROUTE, name } });
  if (entry?.value.kind === "route") return ok({ entry, route: entry.value.route });
  const routes = new RouteTable(operations.policy.walk("*ROUTE")).bySpecificity();
  const near = nearest(
    name,
    routes.map(({ route }) => route.name),
  );
  return err(answer([message("SMR0150", name, near === null ? "" : `Did you mean ${near}?`)]));
}

// --- WRKSMTPRTE -------------------------------------------------------------------------------------------------------

export const workWithRoutes: Handler = async (context) => {
  const { policy, server } = context.operations;
  const routes = new RouteTable(policy.walk("*ROUTE")).bySpecificity();
  const title = pageHeading("Work with SMTP Routes", server.status().hostname, context.now);
  const output = [title, ...routes.map((each) => printRoute(context, each))].join("\n\n");
  const value = routes.map((each) => routeRow(context, each));
  return answer([message("SMR0140", counted(routes.length, "route"))], output, value);
};

function printRoute(context: CommandContext, { entry, route }: RouteEntry): string {
  const use = context.operations.policy.use(entry.id);
  const used = use ? `${formatCount(use.hits)} times, last ${formatInstant(use.lastUsedAt)}` : "never";
  return [
    cut(` ${formatEntryId(entry.id).padEnd(6)} ${route.name}`),
    wrap(printable(describeRoute(route), 2_000), PAGE_COLUMNS, "        "),
    cut(`        Used ${used}. ${describeAdded(entry, context.now)}`),
    ...(entry.text === "" ? [] : [`        Text: ${printable(entry.text, 110)}`]),
  ].join("\n");
}

function routeRow(context: CommandContext, { entry, route }: RouteEntry): Json {
  return { ...entryWithUse(context, entry), fields: formatRoute(route) as Json };
}
