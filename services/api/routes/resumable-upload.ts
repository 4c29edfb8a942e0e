/** `/v1/uploads`: cores and forms over bad links, by the tus protocol (https://tus.io/protocols/resumable-upload, 1.0.0). A finished upload is a job. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { FailureCode } from "../../contract/failure.ts";
import { acceptUploads } from "../../intake/multipart/accept-uploads.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { sendContinue } from "../http/unread-body.ts";
import type { Metrics } from "../metrics.ts";
import { createTus, uploadsPath } from "../resume/tus.ts";
import { answers, empty } from "../schema/answers.ts";

const UploadParameter = Type.Object({ upload: Type.String({ maxLength: 100, description: "The upload's id, the last part of its `Location`." }) });

const bytes = Type.Unsafe<Uint8Array>({ type: "string", contentMediaType: "application/octet-stream" });

const refusals: readonly FailureCode[] = ["upload_request_invalid", "upload_protocol_unsupported", "upload_not_found", "upload_aborted", "upload_locked"];
const finished: readonly FailureCode[] = [
  "upload_too_large",
  "not_a_core",
  "core_empty",
  "core_missing",
  "core_repeated",
  "core_malformed",
  "core_compressed_damaged",
  "decompression_bomb",
  "digest_invalid",
  "digest_mismatch",
  "labels_invalid",
  "when_missing_invalid",
  "options_invalid",
  "priority_invalid",
  "invalid_parameter",
  "unknown_part",
  "part_not_a_file",
  "not_a_binary",
  "archive_malformed",
  "archive_too_large",
  "attachment_not_text",
  "multipart_malformed",
  "upload_truncated",
  "too_many_parts",
  "sandbox_unavailable",
  "store_full",
  "store_unavailable",
];

const jobHeader = "`Inquest-Job-Id` and `Content-Location` tell the job once all of it has arrived.";

export function resumableUploadRoutes(app: App, dependencies: Dependencies, metrics: Metrics): void {
  const tus = createTus(dependencies, metrics, dependencies.uploads);
  acceptUploads(app);

  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    sendContinue(request, reply);
    reply.header("tus-resumable", "1.0.0");
    const { status, headers } = await tus.handle(request);
    for (const [name, value] of headers) if (!/^(?:content-length|content-type|access-control-.*)$/.test(name)) reply.header(name, value);
    return reply.code(status).send();
  };
  const config = {
    scope: "submit",
    largestBody: Number.MAX_SAFE_INTEGER,
    body: { content: { "application/offset+octet-stream": { schema: bytes } } },
  } as const;

  app.options(
    uploadsPath,
    {
      schema: {
        operationId: "uploadOptions",
        summary: "What of tus is spoken here",
        tags: ["uploads"],
        response: { 204: empty("`Tus-Version`, `Tus-Extension`, `Tus-Max-Size`.") },
      },
    },
    answer,
  );
  app.post(
    uploadsPath,
    {
      config,
      schema: {
        operationId: "createUpload",
        summary: "Begin a resumable upload of a core, or of the whole form of a job",
        description: `tus 1.0.0. \`Upload-Length\` is the size of the core as it is sent; a client that packs on the way sends \`Upload-Defer-Length: 1\` and tells it with its last request. \`Upload-Metadata\` may hold filename, labels (JSON), when_missing, options, priority and sha256. With \`filetype\` set to \`multipart/form-data; boundary=…\` the upload is the form that \`POST /v1/jobs\` takes: core, binaries, attachments, or logs alone. ${jobHeader}`,
        tags: ["uploads"],
        response: answers({ 201: empty("`Location` is where its bytes go.") }, ...refusals, ...finished, "rate_limited"),
      },
    },
    answer,
  );
  app.patch(
    `${uploadsPath}/:upload`,
    {
      config,
      schema: {
        operationId: "continueUpload",
        summary: "Send bytes from where the upload has come to",
        description: `\`Upload-Offset\` and \`Content-Type: application/offset+octet-stream\`. The last request may tell the digest of the whole upload as \`Repr-Digest\`. ${jobHeader}`,
        tags: ["uploads"],
        params: UploadParameter,
        response: answers({ 204: empty("`Upload-Offset` is how far it has come.") }, ...refusals, ...finished, "upload_offset_conflict"),
      },
    },
    answer,
  );
  app.head(
    `${uploadsPath}/:upload`,
    {
      config: { scope: "submit", swagger: { exposeHeadRoute: true } },
      schema: {
        operationId: "uploadProgress",
        summary: "How far the upload has come",
        description: jobHeader,
        tags: ["uploads"],
        params: UploadParameter,
        response: answers({ 200: empty("`Upload-Offset`, `Upload-Length`, `Upload-Expires`.") }, ...refusals, ...finished),
      },
    },
    answer,
  );
  app.delete(
    `${uploadsPath}/:upload`,
    {
      config: { scope: "submit" },
      schema: {
        operationId: "abandonUpload",
        summary: "Give an upload up",
        tags: ["uploads"],
        params: UploadParameter,
        response: answers({ 204: empty("Its bytes are gone.") }, ...refusals, "invalid_parameter"),
      },
    },
    answer,
  );
}
