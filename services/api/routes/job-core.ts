/**
 * `GET` and `HEAD /v1/jobs/{id}/core`: the stored core, whole or a range of it.
 *
 * A core holds whatever was in the dead process's memory, passwords and keys included, so `read` is not enough: only `admin` may.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { Failure } from "../../contract/failure.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { byteRange } from "../http/byte-range.ts";
import { type Answer, answers } from "../schema/answers.ts";
import { IdParameter, noSuchJob } from "../schema/id-parameter.ts";
import { coreLost } from "../../storage/job-control.ts";

const raw = "application/octet-stream";
const bytes = Type.Unsafe<Uint8Array>({ type: "string", contentMediaType: raw });

const whole = {
  description: "The core.",
  headers: { etag: Type.String(), "accept-ranges": Type.String() },
  content: { [raw]: { schema: bytes } },
} satisfies Answer;
const part = { description: "The range of it.", headers: { "content-range": Type.String() }, content: { [raw]: { schema: bytes } } } satisfies Answer;
const unchanged: Answer = { description: "The core is the one that If-None-Match names.", type: "null" };

const lists = (header: string | undefined, etag: string) =>
  header !== undefined && (header.trim() === "*" || header.split(",").some((each) => each.trim() === etag));

interface CoreRequest {
  Params: { id: string };
}

export function jobCoreRoute(app: App, { jobs, blobs }: Dependencies): void {
  const answer = async (request: FastifyRequest<CoreRequest>, reply: FastifyReply): Promise<FastifyReply> => {
    const { id } = request.params;
    const stored = await jobs.get(request.caller.project, id);
    if (stored === null) throw noSuchJob(id);
    const { coreBlob, job } = stored;
    const size = coreBlob === null ? null : await blobs.size(coreBlob);
    if (job.core === null) throw new Failure("core_lost", `Job ${id} came without a core.`);
    if (coreBlob === null || size === null) throw coreLost(id, job.core_gone);
    const etag = `"${job.core.sha256}"`;
    reply.header("etag", etag).header("accept-ranges", "bytes");
    const { headers, method } = request;
    if (lists(headers["if-none-match"], etag)) return reply.code(304).send();
    const ifRange = headers["if-range"];
    // A range of a HEAD means nothing. (RFC 9110, 14.2)
    // For the refusal only.
    if (method !== "HEAD") reply.header("content-range", `bytes */${size}`);
    const range = method === "HEAD" || (ifRange !== undefined && ifRange !== etag) ? null : byteRange(headers.range, size);
    reply.removeHeader("content-range");
    reply.type(raw).header("content-disposition", `attachment; filename="core.${id}"`);
    const length = range === null ? size : range.end - range.start + 1;
    reply.header("content-length", length);
    if (range !== null) reply.code(206).header("content-range", `bytes ${range.start}-${range.end}/${size}`);
    if (method === "HEAD") return reply.send();
    return reply.send(await blobs.open(coreBlob, range ?? undefined));
  };

  const schema = {
    tags: ["jobs"],
    params: IdParameter,
    headers: Type.Object({ range: Type.Optional(Type.String({ description: "One range: `bytes=0-1023`." })) }),
  };
  app.head(
    "/v1/jobs/:id/core",
    {
      config: { scope: "admin" },
      schema: {
        ...schema,
        operationId: "statCore",
        summary: "Size and digest of the stored core",
        response: answers({ 200: whole, 304: unchanged }, "job_not_found", "core_lost", "invalid_parameter"),
      },
    },
    answer,
  );
  app.get(
    "/v1/jobs/:id/core",
    {
      config: { scope: "admin" },
      schema: {
        ...schema,
        operationId: "getCore",
        summary: "The stored core",
        description: "It holds the dead process's memory, secrets and all: only for tokens with the scope `admin`.",
        response: answers(
          { 200: whole, 206: part, 304: unchanged },
          "job_not_found",
          "core_lost",
          "range_not_satisfiable",
          "store_unavailable",
          "invalid_parameter",
        ),
      },
    },
    answer,
  );
}
