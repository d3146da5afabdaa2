/** The part of the API that works OAuth accounts. */
import type { FastifyInstance, HTTPMethods } from "fastify";
import { z } from "zod";
import type { Operations } from "../../flows/operations.ts";
import {
  addOAuthAccount,
  beginOAuthLogin,
  checkOAuthAccount,
  followOAuthLogin,
  listOAuthAccounts,
  removeOAuthAccount,
  renewOAuthSecret,
  showOAuthAccount,
} from "../../flows/work-oauth.ts";
import { answering, reading, textOf, type Handle } from "./routes.ts";

const text = z.string().max(1_000).optional();
const file = z.string().max(65_536).optional();
const secrets = { secret: file, key: file, certificate: file, keyFile: file, refreshToken: file };
const removeQuery = z.strictObject({ confirm: z.enum(["true", "false"]).optional() });
const secretBody = z.strictObject(secrets);
const addBody = z.strictObject({
  name: z.string().max(1_000),
  provider: z.enum(["microsoft", "google", "generic"], "it is microsoft, google or generic"),
  grant: z
    .enum(
      ["client-credentials", "refresh-token", "service-account"],
      "it is client-credentials, refresh-token or service-account",
    )
    .optional(),
  purpose: z.enum(["smtp", "graph"], "it is smtp or graph").optional(),
  user: text,
  tenant: text,
  clientId: text,
  tokenEndpoint: text,
  deviceEndpoint: text,
  scope: text,
  ...secrets,
});

export function addOAuthRoutes(app: FastifyInstance, operations: Operations): void {
  const add = (method: HTTPMethods, url: string, handle: Handle): void =>
    void app.route({ method, url, handler: answering(handle) });
  add("GET", "/v1/oauth", async () => listOAuthAccounts(operations));
  add("POST", "/v1/oauth", async ({ body }, by) => {
    return await reading(addBody, body, async (words) => await addOAuthAccount(operations, words, by));
  });
  add("GET", "/v1/oauth/:name", async ({ params }) => showOAuthAccount(operations, textOf(params, "name")));
  add("POST", "/v1/oauth/:name/secret", async ({ params, body }, by) => {
    return await reading(secretBody, body, async (words) => {
      return await renewOAuthSecret(operations, textOf(params, "name"), words, by);
    });
  });
  add("POST", "/v1/oauth/:name/check", async ({ params }) => {
    return await checkOAuthAccount(operations, textOf(params, "name"));
  });
  add("POST", "/v1/oauth/:name/login", async ({ params }, by) => {
    return await beginOAuthLogin(operations, textOf(params, "name"), by);
  });
  add("GET", "/v1/oauth/:name/login", async ({ params }) => {
    return await followOAuthLogin(operations, textOf(params, "name"));
  });
  add("DELETE", "/v1/oauth/:name", async ({ params, query }, by) => {
    return await reading(removeQuery, query, async ({ confirm }) => {
      return await removeOAuthAccount(operations, textOf(params, "name"), confirm === "true", by);
    });
  });
}
