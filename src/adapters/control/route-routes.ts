/** The part of the API that asks about routes. */
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Operations } from "../../flows/operations.ts";
import { checkRoute } from "../../flows/work-routes.ts";
import { answering, reading } from "./routes.ts";

const text = z.string().max(1_000).optional();
const checkBody = z.strictObject({ route: text, to: text, from: text });

export function addRouteRoutes(app: FastifyInstance, operations: Operations): void {
  const check = answering(async ({ body }) => {
    return await reading(checkBody, body, async (words) => await checkRoute(operations, words));
  });
  app.route({ method: "POST", url: "/v1/routes/check", handler: check });
}
