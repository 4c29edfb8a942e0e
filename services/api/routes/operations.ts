/** How the service is: alive, ready, and which limits it holds. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Static, Type } from "typebox";
import { Nullable } from "../../contract/common.ts";
import { Failure } from "../../contract/failure.ts";
import { Limits } from "../../contract/limits.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { asFailure } from "../http/fault.ts";
import { problemOf, problemType } from "../http/problem.ts";
import { answers, json, openAnswers } from "../schema/answers.ts";
import { reference } from "../schema/reference.ts";

const checkLimitMs = 2_000;

const Check = Type.Object({ state: Type.Enum(["ok", "failing"]), detail: Nullable(Type.String()) });
type Check = Static<typeof Check>;

const Checks = Type.Object({ database: Check, blob_store: Check, queue: Check, workers: Check });

const Readiness = Type.Object({ status: Type.Enum(["ready", "not_ready"]), checks: Checks });

/** `ask` resolves to a detail worth telling, or rejects. */
async function check(ask: () => Promise<string | null>): Promise<Check> {
  const late = sleep(checkLimitMs, undefined, { ref: false }).then(() => {
    throw new Failure("store_unavailable", `No answer in ${checkLimitMs / 1_000} s.`);
  });
  try {
    return { state: "ok", detail: await Promise.race([ask(), late]) };
  } catch (error) {
    return { state: "failing", detail: asFailure(error).message };
  }
}

async function checkAll({ database, blobs, queue, workers, limits }: Dependencies): Promise<Static<typeof Checks>> {
  const [databaseCheck, blobStore, queueCheck, workerCheck] = await Promise.all([
    check(() => database.ping().then(() => null)),
    check(async () => {
      const free = await blobs.freeBytes();
      if (free !== null && free < limits.free_disk_bytes) throw new Failure("store_full", `${free} bytes are free, ${limits.free_disk_bytes} are kept free.`);
      return free === null ? null : `${free} bytes are free.`;
    }),
    check(() => queue.ping().then(() => null)),
    check(async () => {
      const alive = await workers.alive();
      if (alive.length === 0) throw new Failure("not_ready", "No worker has been heard of in the last seconds.");
      return alive.length === 1 ? "1 worker." : `${alive.length} workers.`;
    }),
  ]);
  return { database: databaseCheck, blob_store: blobStore, queue: queueCheck, workers: workerCheck };
}

export function operationsRoutes(app: App, dependencies: Dependencies): void {
  const Health = Type.Object({ status: Type.Literal("ok"), version: Type.String() });
  app.get(
    "/healthz",
    {
      logLevel: "warn", // asked every moment by whoever watches
      schema: {
        operationId: "health",
        summary: "The process lives",
        tags: ["operations"],
        response: openAnswers({ 200: json("It does.", Health) }),
      },
    },
    async (): Promise<Static<typeof Health>> => ({ status: "ok", version: dependencies.version }),
  );

  app.get(
    "/readyz",
    {
      logLevel: "warn",
      schema: {
        operationId: "readiness",
        summary: "The database, the blob store, the queue and at least one worker answer",
        description: "503 names those that do not, in `checks`.",
        tags: ["operations"],
        response: openAnswers({ 200: json("All of them do.", Readiness) }, "not_ready"),
      },
    },
    async (request, reply) => {
      const checks = await checkAll(dependencies);
      const failing = Object.entries(checks).filter(([, { state }]) => state === "failing");
      if (failing.length === 0) return reply.send({ status: "ready", checks } satisfies Static<typeof Readiness>);
      const failure = new Failure("not_ready", failing.map(([name, { detail }]) => `${name}: ${detail ?? "failing"}`).join(" "));
      return reply
        .code(failure.status)
        .header("retry-after", 2)
        .type(problemType)
        .send(JSON.stringify({ ...problemOf(failure, request.id), checks }));
    },
  );

  app.get(
    "/v1/limits",
    {
      config: { scope: ["read", "submit"] },
      schema: {
        operationId: "limits",
        summary: "Every limit in force",
        tags: ["operations"],
        response: answers({ 200: json("The limits.", reference(Limits)) }),
      },
    },
    async (): Promise<Limits> => dependencies.limits,
  );
}
