/** The part of the API that asks about routes. */
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Operations } from "../../flows/operations.ts";
import { checkRoute } from "../../flows/work-routes.ts";
import { answering, reading } from "./routes.ts";

const text = z.string().max(1_000).optional();
const checkBody = z.strictObject({ route: text, to: text, from: text });

const testBody = z.strictObject({ to: z.string().max(1_000), from: text, client: text });

export function addRouteRoutes(app: FastifyInstance, operations: Operations): void {
  const check = answering(async ({ body }) => {
    return await reading(checkBody, body, async (words) => await checkRoute(operations, words));
  });
  app.route({ method: "POST", url: "/v1/routes/check", handler: check });
  const test = answering(async ({ body }) => {
    return await reading(testBody, body, async (words) => await operations.routes.test(words));
  });
  app.route({ method: "POST", url: "/v1/routes/test", handler: test });
}
