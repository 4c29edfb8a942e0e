/**
 * A job's files on their way: in one request on this machine; over a link, resumable, and packed when that is quicker.
 */
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Labels } from "../contract/common.ts";
import type { Job, JobPriority, WhenMissing } from "../contract/job.ts";
import { calls } from "./calls.ts";
import { Refused } from "./client-error.ts";
import { type FormBody, formBody } from "./form-body.ts";
import { isPacked, type Packer, packers, packingIsQuicker } from "./packing.ts";
import type { Requests } from "./requests.ts";
import { ResumableUpload } from "./resumable.ts";

export interface JobUpload {
  /** Null: logs alone, in `attachments`. */
  readonly core: string | null;
  readonly binaries?: readonly string[];
  readonly attachments?: readonly string[];
  readonly labels?: Labels;
  readonly whenMissing?: WhenMissing;
  /** By name, with commas between. */
  readonly options?: string;
  readonly priority?: JobPriority;
  readonly idempotencyKey?: string;
  /** The core on its way. `auto`, the default: by zstd, when that is quicker. */
  readonly pack?: "auto" | "never" | Packer["name"];
  /** Files of so many bytes in all, and more, are sent so that a drop of the link costs only the rest; 8 MiB, and none to this machine. */
  readonly resumeFrom?: number;
  /** Of all files. */
  readonly onProgress?: (sent: number, total: number) => void;
}

export interface SentJob {
  readonly id: string;
  /** Null where the token may submit but not read, and the upload was resumable. */
  readonly job: Job | null;
}

/** What is smaller is not worth packing, measuring or resuming for. */
export const small = 8 << 20;

export const isLocal = (url: string) => /^(?:127\.[0-9.]+|localhost|\[::1\])$/.test(new URL(url).hostname);

async function isPackedFile(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
  return isPacked(buffer.subarray(0, bytesRead));
}

async function formOf(upload: JobUpload, packer: Packer | null): Promise<FormBody> {
  const { core, binaries = [], attachments = [], labels, whenMissing, options, priority } = upload;
  const fields = {
    ...(labels ? { labels: JSON.stringify(labels) } : {}),
    ...(whenMissing ? { when_missing: whenMissing } : {}),
    ...(options ? { options } : {}),
    ...(priority ? { priority } : {}),
  };
  return await formBody(fields, [
    ...(core === null ? [] : [{ field: "core", path: core, filename: basename(core), digestField: "sha256", packer }]),
    ...binaries.map((path) => ({ field: "binary", path, filename: path })),
    ...attachments.map((path) => ({ field: "attachment", path, filename: basename(path) })),
  ]);
}

/** The form, and the upload that was begun with it to learn how fast the link is. */
async function prepare(requests: Requests, upload: JobUpload): Promise<{ readonly form: FormBody; readonly begun: ResumableUpload | null }> {
  const { core, pack = "auto" } = upload;
  if (core === null || pack === "never" || (await isPackedFile(core))) return { form: await formOf(upload, null), begun: null };
  if (pack !== "auto") return { form: await formOf(upload, packers[pack]), begun: null };
  const form = await formOf(upload, null);
  const { size } = await stat(core);
  if (size < small || isLocal(requests.url)) return { form, begun: null };
  const begun = await ResumableUpload.begin(requests, form);
  if (!(await packingIsQuicker(packers.zstd, core, size, await begun.measure()))) return { form, begun };
  await begun.giveUp();
  return { form: await formOf(upload, packers.zstd), begun: null };
}

/** A token that may only submit cannot ask for the job that a resumable upload became. */
async function jobOf(requests: Requests, id: string): Promise<Job | null> {
  try {
    return await requests.document(calls.getJob, { parameters: { id } });
  } catch (error) {
    if (error instanceof Refused && error.problem.status === 403) return null;
    throw error;
  }
}

export async function submitJob(requests: Requests, upload: JobUpload): Promise<SentJob> {
  const { onProgress, idempotencyKey = crypto.randomUUID(), resumeFrom = isLocal(requests.url) ? Number.POSITIVE_INFINITY : small } = upload;
  const { form, begun } = await prepare(requests, upload);
  const sent = (bytes: number) => onProgress?.(bytes, form.total);
  if (begun !== null || form.total >= resumeFrom) {
    const id = await (begun ?? (await ResumableUpload.begin(requests, form))).finish(sent);
    return { id, job: await jobOf(requests, id) };
  }
  const body = { type: form.type, length: form.length, stream: () => form.stream(sent) };
  const job = await requests.document(calls.submitJob, { body, headers: { "idempotency-key": idempotencyKey } });
  return { id: job.id, job };
}
