/**
 * `POST /v1/jobs`: a core, with what belongs to it, becomes a job.
 *
 * Everything that the request's head tells is checked before its body is asked for; the body then streams to the blob
 * store, and the first bytes of each part decide whether it is taken.
 */
import { Type } from "typebox";
import { Failure } from "../../contract/failure.ts";
import { Job, JobPriority, WhenMissing } from "../../contract/job.ts";
import { OptionList } from "../../contract/job-options.ts";
import { acceptUploads } from "../../intake/multipart/accept-uploads.ts";
import { receiveUpload } from "../../intake/receive.ts";
import { readFields } from "../../intake/receive/submission-fields.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { requireUpload } from "../http/early-refusal.ts";
import { sendContinue } from "../http/unread-body.ts";
import type { Metrics } from "../metrics.ts";
import { answers, json } from "../schema/answers.ts";
import { IdempotencyKey } from "../schema/idempotency-key.ts";
import { reference } from "../schema/reference.ts";
import { becomeJob } from "../submit/become-job.ts";
import { KeyClaims } from "../submit/key-claims.ts";
import { requireRoom } from "../submit/require-room.ts";

const multipart = "multipart/form-data";
const raw = "application/octet-stream";
const hint = "Send curl -F core=@core …, or the raw core with curl -H 'Content-Type: application/octet-stream' -T core …?filename=core";

const file = (description: string) => Type.Unsafe<Uint8Array>({ type: "string", contentMediaType: raw, description });

const Form = Type.Object({
  core: Type.Optional(
    file(
      "The core; exactly one. As it is, or as gzip, zstd, lz4, xz, or inside an apport crash report. It may be left out where an attachment holds a dump of faulthandler or a report of valgrind or AddressSanitizer: the report is then made of that alone.",
    ),
  ),
  binary: Type.Optional(Type.Array(file("The interpreter, shared libraries, extension modules, separate debug files; any number."))),
  attachment: Type.Optional(Type.Array(file("Text logs, such as the standard error with a faulthandler dump; any number."))),
  labels: Type.Optional(Type.String({ description: "A JSON object of strings.", examples: ['{"host":"web1","release":"2026.11"}'] })),
  when_missing: Type.Optional(WhenMissing),
  options: Type.Optional(OptionList),
  priority: Type.Optional(JobPriority),
  sha256: Type.Optional(
    Type.String({ description: "Of the core as it is sent: 64 hex digits. The upload is refused when the bytes that arrive have another one." }),
  ),
});

export function submitJobRoute(app: App, dependencies: Dependencies, metrics: Metrics): void {
  const { jobs, blobs, limits } = dependencies;
  const claims = new KeyClaims();

  // The stream is read by intake, not by Fastify.
  acceptUploads(app);

  app.post(
    "/v1/jobs",
    {
      config: {
        scope: "submit",
        largestBody: Number.MAX_SAFE_INTEGER,
        body: { content: { [multipart]: { schema: Form }, [raw]: { schema: file("The core itself.") } } },
      },
      onRequest: async (request) => {
        requireUpload(request, [multipart, raw], hint);
        const length = Number(request.headers["content-length"] ?? 0);
        if (request.headers["content-type"]?.startsWith(raw) && length > limits.core_bytes) {
          throw new Failure("upload_too_large", `Content-Length: ${length} is more than the ${limits.core_bytes} bytes that a core may have.`);
        }
      },
      schema: {
        operationId: "submitJob",
        summary: "Send a core for analysis",
        description: "As `multipart/form-data`, parts in any order, or as the raw core. With `Idempotency-Key`, the same key gives the same job.",
        tags: ["jobs"],
        querystring: Type.Object(
          {
            filename: Type.Optional(Type.String({ maxLength: 1_024, description: "Of a raw core: its name, such as `core.python3.4711`." })),
            options: Type.Optional(OptionList),
            priority: Type.Optional(JobPriority),
          },
          { additionalProperties: false },
        ),
        headers: Type.Object({
          "idempotency-key": Type.Optional(IdempotencyKey),
          "repr-digest": Type.Optional(
            Type.String({ description: "Of a raw core as it is sent, `sha-256=:BASE64:` (RFC 9530); `Content-Digest` does as well." }),
          ),
        }),
        response: answers(
          { 202: json("The job.", reference(Job), { location: Type.String(), "retry-after": Type.Integer() }) },
          "invalid_parameter",
          "core_missing",
          "core_repeated",
          "unknown_part",
          "part_not_a_file",
          "labels_invalid",
          "when_missing_invalid",
          "options_invalid",
          "priority_invalid",
          "not_a_core",
          "core_empty",
          "core_malformed",
          "core_compressed_damaged",
          "decompression_bomb",
          "digest_invalid",
          "digest_mismatch",
          "sandbox_unavailable",
          "not_a_binary",
          "archive_malformed",
          "archive_too_large",
          "attachment_not_text",
          "upload_truncated",
          "upload_aborted",
          "multipart_malformed",
          "length_required",
          "upload_too_large",
          "too_many_parts",
          "unsupported_media_type",
          "idempotency_conflict",
          "store_full",
          "store_unavailable",
        ),
      },
    },
    async (request, reply): Promise<Job> => {
      const { project } = request.caller;
      const key = request.headers["idempotency-key"] ?? null;
      const accepted = (job: Job) => {
        reply.code(202).header("location", job.links.self).header("retry-after", 1);
        return job;
      };

      const earlier = key === null ? null : await jobs.byIdempotencyKey(project, key);
      if (earlier !== null) return accepted(earlier);
      using _claim = key === null ? null : claims.take(project, key, request.raw);
      const fields = readFields({ options: request.query.options, priority: request.query.priority }, limits);
      await requireRoom(blobs, limits, request.headers);
      sendContinue(request, reply);
      await using upload = await receiveUpload({ request, filename: request.query.filename ?? null, fields, blobs, limits });
      const job = await becomeJob(dependencies, metrics, project, upload, request.log);
      return accepted(job);
    },
  );
}
