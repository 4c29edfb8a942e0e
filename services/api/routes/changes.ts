/** `/v1/changes`: changes of many jobs, what becomes of them, and putting an end to one. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { BulkChange, BulkChangeState } from "../../contract/bulk-change.ts";
import { Nullable } from "../../contract/common.ts";
import { Failure } from "../../contract/failure.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers, json } from "../schema/answers.ts";
import { nextLink } from "../schema/next-link.ts";
import { reference } from "../schema/reference.ts";
import { waitParameter } from "../schema/wait-parameter.ts";
import { untilGone } from "../waiting.ts";
import { ignoreBodies } from "./job-changes.ts";

export type ChangeParts = Pick<Dependencies, "bulkChanges" | "limits">;

const lookAgainMilliseconds = 100;
const ChangeParameter = Type.Object({ id: Type.String({ maxLength: 200, description: "The change's id." }) });
const ChangePage = Type.Object({ items: Type.Array(reference(BulkChange)), next_cursor: Nullable(Type.String()) });
const tags = ["bulk"];

const noSuchChange = (id: string) => new Failure("change_not_found", `There is no change ${JSON.stringify(id.slice(0, 100))}.`);

/** As it is when it has ended, or when the time is up. */
export async function waitForChange(
  { bulkChanges }: ChangeParts,
  project: string,
  id: string,
  seconds: number,
  reply: FastifyReply,
  closing: AbortSignal,
): Promise<BulkChange> {
  using present = untilGone(reply, closing);
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    const change = await bulkChanges.get(project, id);
    if (change === null) throw noSuchChange(id);
    const left = deadline - Date.now();
    if (change.state === "running") reply.header("retry-after", 1);
    else reply.removeHeader("retry-after");
    if (change.state !== "running" || left <= 0 || present.signal.aborted) return change;
    await sleep(Math.min(lookAgainMilliseconds, left));
  }
}

export function changeRoutes(app: App, parts: ChangeParts, closing: AbortSignal): void {
  const { bulkChanges, limits } = parts;

  app.get(
    "/v1/changes",
    {
      config: { scope: "read" },
      schema: {
        operationId: "listChanges",
        summary: "Changes of many jobs",
        description: "Those that run and those that have ended, dry runs too, until they are forgotten with the retention of reports.",
        tags,
        querystring: Type.Object(
          {
            state: Type.Optional(BulkChangeState),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_items, default: 50 })),
            cursor: Type.Optional(Type.String({ maxLength: 1_000, description: "`next_cursor` of the page before." })),
          },
          { additionalProperties: false },
        ),
        response: answers(
          { 200: json("A page of changes, newest first.", ChangePage, { link: Type.String({ description: '`rel="next"`, while there is a next page.' }) }) },
          "invalid_parameter",
          "invalid_cursor",
        ),
      },
    },
    async (request, reply) => {
      const { state = null, limit = 50, cursor = null } = request.query;
      const { items, nextCursor } = await bulkChanges.list(request.caller.project, { state, limit, cursor });
      if (nextCursor !== null) reply.header("link", nextLink(request.url, nextCursor));
      return { items, next_cursor: nextCursor };
    },
  );

  app.get(
    "/v1/changes/:id",
    {
      config: { scope: "read" },
      schema: {
        operationId: "getChange",
        summary: "What became of a change of many jobs",
        tags,
        params: ChangeParameter,
        querystring: Type.Object({ wait: waitParameter(limits, "it has ended") }, { additionalProperties: false }),
        response: answers({ 200: json("As it is now.", reference(BulkChange), { "retry-after": Type.Integer() }) }, "change_not_found", "invalid_parameter"),
      },
    },
    async (request, reply): Promise<BulkChange> => waitForChange(parts, request.caller.project, request.params.id, request.query.wait ?? 0, reply, closing),
  );

  app.register(async (scope: App) => {
    ignoreBodies(scope);
    scope.post(
      "/v1/changes/:id/cancel",
      {
        config: { scope: "submit" },
        schema: {
          operationId: "cancelChange",
          summary: "Put an end to a change of many jobs that runs",
          description: "Once this has answered no further job is touched. What `changed` counts stays as it was changed.",
          tags,
          params: ChangeParameter,
          response: answers({ 200: json("The change, cancelled.", reference(BulkChange)) }, "change_not_found", "change_ended", "invalid_parameter"),
        },
      },
      async (request): Promise<BulkChange> => {
        const { id } = request.params;
        const change = await bulkChanges.cancel(request.caller.project, id);
        if (change === null) throw noSuchChange(id);
        if (change.state !== "cancelled") throw new Failure("change_ended", `The change ${change.id} is ${change.state}.`);
        return change;
      },
    );
  });
}
