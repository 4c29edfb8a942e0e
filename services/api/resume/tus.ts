/**
 * The tus server behind our routes: it sees a request of the web's kind and gives an answer of it, so that authentication,
 * problem details, headers and what becomes of unread bodies stay the API's.
 */
import type { Readable } from "node:stream";
import { Server, type Upload } from "@tus/server";
import type { FastifyRequest } from "fastify";
import { v7 as uuid } from "uuid";
import { Failure } from "../../contract/failure.ts";
import type { Limits } from "../../contract/limits.ts";
import { receiveFinished } from "../../intake/resume/finish-upload.ts";
import { UploadFiles, uploadId } from "../../intake/resume/upload-files.ts";
import { formType, readMetadata } from "../../intake/resume/upload-metadata.ts";
import { digestOfHeaders } from "../../intake/receive/sent-digest.ts";
import type { FormRequest } from "../../intake/multipart/form-parts.ts";
import { requestChunks } from "../../intake/receive/stream-chunks.ts";
import type { Dependencies } from "../dependencies.ts";
import type { Metrics } from "../metrics.ts";
import { becomeJob } from "../submit/become-job.ts";
import { tusFailure } from "./tus-failure.ts";

export const uploadsPath = "/v1/uploads";

export interface TusAnswer {
  readonly status: number;
  readonly headers: Headers;
}

export interface Tus {
  handle(request: FastifyRequest): Promise<TusAnswer>;
}

const jobHeaders = (id: string) => ({ "inquest-job-id": id, "content-location": `/v1/jobs/${id}` });

/** The request's body, asked for chunk by chunk; `release` leaves the rest unread. */
function webRequest(request: FastifyRequest): { readonly web: Request; readonly release: () => void } {
  const { raw, method } = request;
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw.headers)) if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  const url = `http://uploads${request.url.split("?", 1)[0] ?? ""}`;
  if (method !== "PATCH" && method !== "POST") return { web: new Request(url, { method, headers }), release: () => {} };
  const chunks = requestChunks(raw);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await chunks.next();
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
  return { web: new Request(url, { method, headers, body, duplex: "half" }), release: () => chunks.release() };
}

/** Of the bytes around one part of a form: boundary and headers. */
const partOverhead = 64 << 10;

/** The size of a form with as much of everything as one may have. */
function mostOfForm({ core_bytes, binaries_per_job, binary_bytes, attachments_per_job, attachment_bytes, labels_per_job }: Limits): number {
  const around = (binaries_per_job + attachments_per_job + labels_per_job + 16) * partOverhead;
  return Math.min(Number.MAX_SAFE_INTEGER, core_bytes + binaries_per_job * binary_bytes + attachments_per_job * attachment_bytes + around);
}

/** A stored form as the request that it would have been: @fastify/multipart reads it of the request that asked last. */
function formRequest(request: FastifyRequest, body: Readable, contentType: string): FormRequest {
  const headers = { "content-type": contentType };
  const form: FormRequest = Object.create(request, {
    raw: { value: Object.assign(body, { headers }) },
    headers: { value: headers },
    isMultipart: { value: () => true },
  });
  return form;
}

export function createTus(dependencies: Dependencies, metrics: Metrics, files: UploadFiles): Tus {
  const { blobs, limits } = dependencies;
  const asking = new WeakMap<Request, FastifyRequest>();
  const errors = new WeakMap<Request, unknown>();
  const finishing = new Map<string, Promise<string>>();

  function asker(web: Request): FastifyRequest {
    const request = asking.get(web);
    if (request === undefined) throw new TypeError("a request that did not come through the routes");
    return request;
  }

  async function finish(id: string, request: FastifyRequest): Promise<string> {
    const { caller, log, headers } = request;
    const record = await files.record(id);
    if (record === null) throw new Failure("upload_not_found", "there is no such upload; it may have expired");
    if (record.job !== null) return record.job;
    try {
      await using upload = await receiveFinished(
        {
          path: files.bytesPath(id),
          metadata: record.metadata,
          toldAtEnd: digestOfHeaders(headers, false),
          idempotencyKey: `tus-${id.slice(-36)}`,
        },
        { blobs, limits, formRequest: (body, contentType) => formRequest(request, body, contentType) },
      );
      const job = await becomeJob(dependencies, metrics, caller.project, upload, log);
      await files.finish(id, job.id);
      return job.id;
    } catch (error) {
      // What the bytes themselves are refused for will not change; a full store may.
      if (error instanceof Failure && error.stage === "intake") await files.remove(id);
      throw error;
    }
  }

  /** The job of an upload whose bytes are all there; one at a time, whoever asks. */
  function jobOf(id: string, request: FastifyRequest): Promise<string> {
    const running = finishing.get(id) ?? finish(id, request).finally(() => finishing.delete(id));
    finishing.set(id, running);
    return running;
  }

  const beginForms = new WeakSet<Request>();
  const isForm = async (id: string | null) => id !== null && formType((await files.record(id))?.metadata ?? {}) !== null;
  const complete = ({ offset, size }: Upload) => offset === size;

  const server = new Server({
    path: uploadsPath,
    datastore: files,
    relativeLocation: true,
    allowedOrigins: [],
    // A form may hold more than its core; what each part may have is counted when they are read.
    maxSize: async (web, id) => (beginForms.has(web) || (await isForm(id)) ? mostOfForm(limits) : limits.core_bytes),
    namingFunction: (web, metadata = {}) => {
      if (formType(metadata) !== null) beginForms.add(web);
      return uploadId(asker(web).caller.project, uuid());
    },
    getFileIdFromRequest: (web, last) => (last === undefined ? undefined : uploadId(asker(web).caller.project, last)),
    generateUrl: (_web, { path, id }) => `${path}/${id.slice(-36)}`,
    onUploadCreate: async (_web, upload) => {
      readMetadata(upload.metadata ?? {}, limits);
      if (upload.size === 0) throw new Failure("core_empty", "Upload-Length: 0 is neither a core nor a form");
      return {};
    },
    onUploadFinish: async (web, upload) => ({ headers: jobHeaders(await jobOf(upload.id, asker(web))) }),
    onResponseError: (web, error) => {
      errors.set(web, error);
      return undefined;
    },
  });

  return {
    async handle(request) {
      const { web, release } = webRequest(request);
      asking.set(web, request);
      try {
        const { status, headers, ...answer } = await server.handleWeb(web).then(async (response) => ({
          status: response.status,
          headers: response.headers,
          text: response.status >= 400 ? await response.text() : "",
        }));
        if (status >= 400) throw tusFailure(errors.get(web) ?? { status_code: status, body: answer.text });
        // A client that missed the last answer, or a server that was restarted before it: asking is enough.
        if (request.method === "HEAD" && headers.get("upload-offset") === headers.get("upload-length")) {
          const id = uploadId(request.caller.project, request.url.split("?", 1)[0]?.split("/").filter(Boolean).at(-1) ?? "");
          const upload = await files.getUpload(id);
          if (complete(upload)) for (const [name, value] of Object.entries(jobHeaders(await jobOf(id, request)))) headers.set(name, value);
        }
        return { status, headers };
      } finally {
        release();
      }
    },
  };
}
