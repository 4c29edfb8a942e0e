/** `POST /v1/binaries` and `PUT /v1/binaries/{build_id}`: binaries that serve every later core of the project. */
import { type Static, Type } from "typebox";
import { Binary } from "../../contract/binary.ts";
import { Failure } from "../../contract/failure.ts";
import { acceptUploads } from "../../intake/multipart/accept-uploads.ts";
import { receiveBinaries, receiveBinary } from "../../intake/receive.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { requireUpload } from "../http/early-refusal.ts";
import { ownSilence } from "../http/own-silence.ts";
import { sendContinue } from "../http/unread-body.ts";
import type { Metrics } from "../metrics.ts";
import { answers, json } from "../schema/answers.ts";
import { reference } from "../schema/reference.ts";
import { toBinary } from "../submit/binary-document.ts";
import { keepBinaries } from "../../intake/binary/keep-binaries.ts";
import { binariesArrived } from "../submit/parked-jobs.ts";
import { requireRoom } from "../submit/require-room.ts";
import { BinaryList, BuildIdParameter } from "./binaries.ts";

const multipart = "multipart/form-data";
const raw = "application/octet-stream";

const file = Type.Unsafe<Uint8Array>({ type: "string", contentMediaType: raw });
const Form = Type.Object({ binary: Type.Array(file) });

const uploadFailures = [
  "not_a_binary",
  "archive_malformed",
  "archive_too_large",
  "upload_truncated",
  "upload_aborted",
  "length_required",
  "upload_too_large",
  "unsupported_media_type",
  "store_full",
  "store_unavailable",
] as const;

export function binaryUploadRoutes(app: App, dependencies: Dependencies, metrics: Metrics): void {
  const { blobs, limits } = dependencies;

  // The stream is read by intake, not by Fastify.
  acceptUploads(app);

  app.post(
    "/v1/binaries",
    {
      config: { scope: "submit", largestBody: Number.MAX_SAFE_INTEGER, body: { content: { [multipart]: { schema: Form } } } },
      onRequest: async (request) => requireUpload(request, [multipart], "Send curl -F binary=@PATH -F binary=@PATH …"),
      schema: {
        operationId: "addBinaries",
        summary: "Store binaries",
        description: "Each part is an ELF file, or a tar, tar.gz, tar.zst or zip archive of them: what is no ELF file in an archive is passed over.",
        tags: ["binaries"],
        response: answers(
          { 201: json("What each file is, in the order they came.", BinaryList) },
          "invalid_body",
          "unknown_part",
          "part_not_a_file",
          "multipart_malformed",
          "too_many_parts",
          ...uploadFailures,
        ),
      },
    },
    async (request, reply): Promise<Static<typeof BinaryList>> => {
      await requireRoom(blobs, limits, request.headers);
      sendContinue(request, reply);
      using _working = ownSilence(request.raw);
      await using upload = await receiveBinaries({ request, blobs, limits });
      const kept = await keepBinaries(dependencies, request.caller.project, upload.binaries);
      for (const { writer } of upload.binaries) metrics.uploadBytes.inc({ kind: "binary" }, writer.size);
      const started = await binariesArrived(
        dependencies,
        request.caller.project,
        kept.map(({ binary }) => binary),
      );
      request.log.info({ binaries: kept.length, created: kept.filter(({ created }) => created).length, jobs_started: started }, "binaries_stored");
      reply.code(201);
      return { items: kept.map(({ binary }) => toBinary(binary)) };
    },
  );

  app.put(
    "/v1/binaries/:build_id",
    {
      config: { scope: "submit", largestBody: limits.binary_bytes, body: { content: { [raw]: { schema: file } } } },
      onRequest: async (request) => requireUpload(request, [raw], "Send curl -H 'Content-Type: application/octet-stream' -T PATH …"),
      schema: {
        operationId: "putBinary",
        summary: "Store one binary under its build-id",
        tags: ["binaries"],
        params: BuildIdParameter,
        querystring: Type.Object({ filename: Type.Optional(Type.String({ maxLength: 1_024 })) }, { additionalProperties: false }),
        response: answers(
          { 200: json("It was there.", reference(Binary)), 201: json("It is new.", reference(Binary)) },
          "build_id_mismatch",
          "invalid_parameter",
          ...uploadFailures,
        ),
      },
    },
    async (request, reply): Promise<Binary> => {
      const { build_id: buildId } = request.params;
      await requireRoom(blobs, limits, request.headers);
      sendContinue(request, reply);
      await using upload = await receiveBinary({ request, filename: request.query.filename ?? null, blobs, limits });
      if (upload.binaries.length > 1)
        throw new Failure("not_a_binary", "The body is an archive of several files.", { hint: "Send archives to POST /v1/binaries." });
      const own = upload.binaries[0]?.facts.buildId ?? null;
      if (own !== buildId) throw new Failure("build_id_mismatch", `The path says ${buildId}, the file ${own === null ? "has no build-id" : `says ${own}`}.`);
      const [kept] = await keepBinaries(dependencies, request.caller.project, upload.binaries);
      if (kept === undefined) throw new Failure("internal_error", "The binary was not kept.");
      if (kept.created) metrics.uploadBytes.inc({ kind: "binary" }, kept.binary.size);
      await binariesArrived(dependencies, request.caller.project, [kept.binary]);
      reply.code(kept.created ? 201 : 200);
      return toBinary(kept.binary);
    },
  );
}
