/** The part of the API that works the keys of DKIM. */
import type { FastifyInstance, HTTPMethods } from "fastify";
import { z } from "zod";
import {
  checkDkimKeys,
  createDkimKeys,
  listDkimKeys,
  removeDkimKeys,
  showDkimKeys,
  useDkimKey,
} from "../../flows/work-dkim.ts";
import type { Operations } from "../../flows/operations.ts";
import { answering, reading, textOf, type Handle } from "./routes.ts";

const NAME_MAX = 300;
const createBody = z.strictObject({
  domain: z.string().max(NAME_MAX),
  selector: z.string().max(NAME_MAX).optional(),
  algorithm: z.enum(["rsa", "ed25519", "both"], "it is rsa, ed25519 or both").optional(),
  subdomains: z.boolean().optional(),
  now: z.boolean().optional(),
});
const useBody = z.strictObject({ selector: z.string().max(NAME_MAX) });
const removeQuery = z.strictObject({
  selector: z.string().max(NAME_MAX).optional(),
  confirm: z.enum(["true", "false"]).optional(),
});

export function addDkimRoutes(app: FastifyInstance, operations: Operations): void {
  const add = (method: HTTPMethods, url: string, handle: Handle): void =>
    void app.route({ method, url, handler: answering(handle) });
  add("GET", "/v1/dkim", async () => listDkimKeys(operations));
  add("POST", "/v1/dkim", async (request, by) => {
    return await reading(createBody, request.body, async (body) => await createDkimKeys(operations, body, by));
  });
  add("POST", "/v1/dkim/check", async (_request, by) => await checkDkimKeys(operations, null, by));
  add("GET", "/v1/dkim/:domain", async ({ params }) => showDkimKeys(operations, textOf(params, "domain")));
  add("POST", "/v1/dkim/:domain/check", async ({ params }, by) => {
    return await checkDkimKeys(operations, textOf(params, "domain"), by);
  });
  add("POST", "/v1/dkim/:domain/use", async ({ params, body }, by) => {
    return await reading(useBody, body, async ({ selector }) => {
      return await useDkimKey(operations, textOf(params, "domain"), selector, by);
    });
  });
  add("DELETE", "/v1/dkim/:domain", async ({ params, query }, by) => {
    return await reading(removeQuery, query, async ({ selector, confirm }) => {
      return await removeDkimKeys(operations, textOf(params, "domain"), selector ?? null, confirm === "true", by);
    });
  });
}
