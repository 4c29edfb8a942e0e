/** `POST /v1/bulk`, `GET /v1/bulk/{id}`: many cores in one request, each a job of its own, and what became of them. */
import { setTimeout as sleep } from "node:timers/promises";
import { Type } from "typebox";
import { v7 as uuid } from "uuid";
import { Bulk } from "../../contract/bulk.ts";
import { Failure } from "../../contract/failure.ts";
import { type JobError, JobPriority, WhenMissing } from "../../contract/job.ts";
import { acceptUploads } from "../../intake/multipart/accept-uploads.ts";
import { receiveBulk } from "../../intake/receive-bulk.ts";
import type { StoredBulk } from "../../storage/bulk-store.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { requireUpload } from "../http/early-refusal.ts";
import { ownSilence } from "../http/own-silence.ts";
import { sendContinue } from "../http/unread-body.ts";
import type { Metrics } from "../metrics.ts";
import { answers, json } from "../schema/answers.ts";
import { IdempotencyKey } from "../schema/idempotency-key.ts";
import { IdParameter } from "../schema/id-parameter.ts";
import { nextLink } from "../schema/next-link.ts";
import { reference } from "../schema/reference.ts";
import { waitParameter } from "../schema/wait-parameter.ts";
import { becomeJobs } from "../submit/become-job.ts";
import { requireRoom } from "../submit/require-room.ts";
import { untilGone } from "../waiting.ts";

const multipart = "multipart/form-data";
const hint = "Send curl -F archive=@cores.tar.zst …/v1/bulk, or curl -F core=@one -F core=@two …";
const file = (description: string) => Type.Array(Type.Unsafe<Uint8Array>({ type: "string", contentMediaType: "application/octet-stream", description }));

const Form = Type.Object({
  labels: Type.Optional(Type.String({ description: "Of all the jobs: a JSON object of strings. Before the first core." })),
  when_missing: Type.Optional(WhenMissing),
  options: Type.Optional(Type.String({ description: "Of all the jobs. Before the first core." })),
  priority: Type.Optional(JobPriority),
  core: Type.Optional(file("A core; any number of them.")),
  archive: Type.Optional(file("tar, tar.gz, tar.zst or zip; each file in it is taken for a core.")),
});

/** Between two looks while somebody waits. */
const lookAgainMilliseconds = 500;

const errorOf = (failure: Failure): JobError => ({ code: failure.code, stage: failure.stage, detail: failure.message, hint: failure.hint });

const isDone = ({ state, counts }: StoredBulk) => state !== "receiving" && counts.awaiting_binaries + counts.queued + counts.running === 0;

/** Where a page ended, told as the position of its last item. */
function positionOf(cursor: string | undefined): number {
  if (cursor === undefined) return -1;
  if (!/^\d{1,9}$/.test(cursor)) throw new Failure("invalid_cursor", `cursor=${JSON.stringify(cursor.slice(0, 100))} was not given by this service.`);
  return Number(cursor);
}

export function bulkRoutes(app: App, dependencies: Dependencies, metrics: Metrics, closing: AbortSignal): void {
  const { blobs, bulks, limits } = dependencies;
  acceptUploads(app);

  async function documentOf(stored: StoredBulk, after: number, limit: number, refused: boolean): Promise<Bulk> {
    const items = await bulks.items(stored.id, { after, limit: limit + 1, refused });
    const shown = items.slice(0, limit);
    return {
      id: stored.id,
      created_at: stored.createdAt,
      state: stored.state,
      error: stored.error,
      done: isDone(stored),
      total: stored.total,
      counts: stored.counts,
      items: shown,
      next_cursor: items.length > limit ? String(shown.at(-1)?.position ?? 0) : null,
      links: { self: `/v1/bulk/${stored.id}` },
    };
  }

  async function found(project: string, id: string): Promise<StoredBulk> {
    const stored = await bulks.get(project, id);
    if (stored === null) throw new Failure("bulk_not_found", `There is no bulk ${id}.`);
    return stored;
  }

  app.post(
    "/v1/bulk",
    {
      config: { scope: "submit", largestBody: Number.MAX_SAFE_INTEGER, body: { content: { [multipart]: { schema: Form } } } },
      onRequest: async (request) => requireUpload(request, [multipart], hint),
      schema: {
        operationId: "submitBulk",
        summary: "Send many cores",
        description:
          "Each becomes a job; a file that is no core or is damaged is told in the bulk's items, and the others go on. When the upload breaks off, what had come stands; sent again with the same `Idempotency-Key`, in the same order, the cores that had come are the jobs that they were. They are of `priority` `low` unless another one is sent, so that a single core does not wait behind them. Send binaries before, to `POST /v1/binaries`.",
        tags: ["bulk"],
        headers: Type.Object({ "idempotency-key": Type.Optional(IdempotencyKey) }),
        response: answers(
          { 202: json("The bulk, its first items with it.", reference(Bulk), { location: Type.String() }) },
          "core_missing",
          "unknown_part",
          "part_not_a_file",
          "labels_invalid",
          "when_missing_invalid",
          "options_invalid",
          "priority_invalid",
          "invalid_body",
          "upload_truncated",
          "upload_aborted",
          "multipart_malformed",
          "length_required",
          "upload_too_large",
          "too_many_parts",
          "unsupported_media_type",
          "sandbox_unavailable",
          "store_full",
          "store_unavailable",
        ),
      },
    },
    async (request, reply): Promise<Bulk> => {
      const { project } = request.caller;
      await requireRoom(blobs, limits, request.headers);
      sendContinue(request, reply);
      using _working = ownSilence(request.raw);
      const id = uuid();
      let position = 0;
      await bulks.begin(project, id, new Date(Date.now() + limits.report_retention_seconds * 1_000).toISOString());
      try {
        await receiveBulk({ request, blobs, limits }, async (files) => {
          const uploads = files.flatMap((file) => ("upload" in file ? [file.upload] : []));
          const jobs = (await becomeJobs(dependencies, metrics, project, uploads, request.log)).values();
          const items = files.map((file) => {
            const [jobId, error] = "upload" in file ? [jobs.next().value?.id ?? null, null] : [null, errorOf(file.failure)];
            return { position: position++, filename: file.filename, jobId, error };
          });
          await bulks.add(id, items);
        });
        await bulks.end(id, null);
      } catch (error) {
        await bulks.end(id, error instanceof Failure ? errorOf(error) : errorOf(new Failure("internal_error", "The upload failed."))).catch(() => undefined);
        if (error instanceof Failure && position > 0)
          throw new Failure(error.code, `${error.message} (the ${position} files before it stand: GET /v1/bulk/${id})`, {
            hint: error.hint,
            status: error.status,
            cause: error,
          });
        throw error;
      }
      request.log.info({ bulk_id: id, files: position }, "bulk_submitted");
      reply.code(202).header("location", `/v1/bulk/${id}`);
      return documentOf(await found(project, id), -1, limits.page_items, false);
    },
  );

  app.get(
    "/v1/bulk/:id",
    {
      config: { scope: "read" },
      schema: {
        operationId: "getBulk",
        summary: "What became of many cores",
        tags: ["bulk"],
        params: IdParameter,
        querystring: Type.Object(
          {
            wait: waitParameter(limits, "all jobs have ended"),
            only: Type.Optional(Type.Enum(["refused"], { description: "Only the files that became no job." })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_items, default: 50 })),
            cursor: Type.Optional(Type.String({ maxLength: 100, description: "`next_cursor` of the page before." })),
          },
          { additionalProperties: false },
        ),
        response: answers(
          {
            200: json("The bulk and a page of its items.", reference(Bulk), {
              link: Type.String({ description: '`rel="next"`, while there is a next page.' }),
              "retry-after": Type.Integer(),
            }),
          },
          "bulk_not_found",
          "invalid_parameter",
          "invalid_cursor",
        ),
      },
    },
    async (request, reply): Promise<Bulk> => {
      const { project } = request.caller;
      const { wait = 0, only, limit = 50, cursor } = request.query;
      const after = positionOf(cursor);
      using present = untilGone(reply, closing);
      const deadline = Date.now() + wait * 1_000;
      let stored = await found(project, request.params.id);
      while (!isDone(stored) && Date.now() < deadline && !present.signal.aborted) {
        await sleep(Math.min(lookAgainMilliseconds, Math.max(deadline - Date.now(), 1)));
        stored = await found(project, request.params.id);
      }
      if (!isDone(stored)) reply.header("retry-after", 1);
      const document = await documentOf(stored, after, limit, only === "refused");
      if (document.next_cursor !== null) reply.header("link", nextLink(request.url, document.next_cursor));
      return document;
    },
  );
}
