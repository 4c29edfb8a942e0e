/**
 * Received uploads become jobs: bytes first, then the rows, and the caller queues them after.
 *
 * A process that dies in between leaves blobs that no row names, never a row whose bytes are missing; an error takes the
 * committed blobs back.
 */
import { v7 as uuid } from "uuid";
import type { CoreSummary, Job } from "../../contract/job.ts";
import type { Labels } from "../../contract/common.ts";
import type { Limits } from "../../contract/limits.ts";
import type { ReceivedCore, ReceivedUpload } from "../../intake/received-upload.ts";
import { binariesArrived, lookAfterParking, type ParkingParts } from "./parked-jobs.ts";
import type { BinaryStore } from "../../storage/binary-store.ts";
import type { BlobKey, BlobStore } from "../../storage/blob-store.ts";
import type { Attachment, CreatedJob, JobStore, NewJob } from "../../storage/job-store.ts";
import { commitBinaries } from "../../intake/binary/keep-binaries.ts";
import { findBinaries } from "../../intake/needs/find-binaries.ts";
import { isAwaited } from "../../intake/needs/missing-binaries.ts";

export interface Keepers extends ParkingParts {
  readonly jobs: Pick<JobStore, "createAll" | "takeOver" | "get" | "parked" | "unpark" | "stillMissing">;
  readonly binaries: BinaryStore;
  readonly blobs: Pick<BlobStore, "remove" | "localFile">;
  readonly limits: Limits;
}

/** The core's own notes win over its file name. */
function summary({ writer, filename, nameLabels, facts }: ReceivedCore): CoreSummary {
  return {
    filename,
    size: writer.size,
    sha256: writer.sha256,
    executable_name: facts.executableName ?? nameLabels.executable_name,
    pid: facts.pid ?? nameLabels.pid,
    signal: facts.signal?.number ?? (facts.processAlive ? null : nameLabels.signal),
    command_line: facts.commandLine === null ? null : [...facts.commandLine],
  };
}

/** What the file name tells of the crashed machine, where the user did not say it. */
function labelsOf({ labels, core }: ReceivedUpload): Labels {
  const host = core?.nameLabels.hostname ?? null;
  return host === null ? labels : { host, ...labels };
}

const after = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

async function commitAttachments(upload: ReceivedUpload, id: string, committed: BlobKey[]): Promise<Attachment[]> {
  const result: Attachment[] = [];
  for (const [index, { writer, filename }] of upload.attachments.entries()) {
    const blob = `attachments/${id}-${index}`;
    await writer.commit(blob);
    committed.push(blob);
    result.push({ filename, size: writer.size, sha256: writer.sha256, blob });
  }
  return result;
}

/** Its bytes become blobs, whose names go to `committed`; the job as it is to be stored. */
async function prepare(keepers: Keepers, project: string, upload: ReceivedUpload, committed: BlobKey[]): Promise<NewJob> {
  const { binaries, limits } = keepers;
  const id = uuid();
  const { core } = upload;
  const coreBlob = core === null ? null : `cores/${id}`;
  if (core !== null && coreBlob !== null) {
    await core.writer.commit(coreBlob);
    committed.push(coreBlob);
  }
  const kept = await commitBinaries(binaries, project, upload.binaries, committed);
  const attachments = await commitAttachments(upload, id, committed);

  const missing = core === null ? [] : (await findBinaries(binaries, project, core.facts, kept)).missing;
  const parked = upload.whenMissing === "wait" && missing.some(isAwaited);
  return {
    id,
    projectId: project,
    idempotencyKey: upload.idempotencyKey,
    status: parked ? "awaiting_binaries" : "queued",
    whenMissing: upload.whenMissing,
    options: upload.options,
    priority: upload.priority,
    waitsUntil: parked ? after(limits.awaiting_binaries_seconds) : null,
    core: core === null ? null : summary(core),
    coreBlob,
    labels: labelsOf(upload),
    missingBinaries: missing,
    binaries: kept,
    attachments,
    expiresAt: after(limits.report_retention_seconds),
    coreExpiresAt: after(limits.core_retention_seconds),
  };
}

/** The files' syncs run side by side, which the disk does in one go; the rows are one commit. */
async function keepAll(keepers: Keepers, project: string, uploads: readonly ReceivedUpload[]): Promise<readonly CreatedJob[]> {
  const committed: BlobKey[] = [];
  try {
    const prepared = await Promise.allSettled(uploads.map((upload) => prepare(keepers, project, upload, committed)));
    const jobs = prepared.map((each) => {
      if (each.status === "rejected") throw each.reason;
      return each.value;
    });
    return await keepers.jobs.createAll(jobs);
  } catch (error) {
    for (const key of committed) await keepers.blobs.remove(key).catch(() => undefined);
    throw error;
  }
}

/** The job as it is when what was there already has been looked at: the binaries that it waits for, the report of an equal core. */
async function settled(keepers: Keepers, project: string, job: Job): Promise<Job> {
  if (job.status === "awaiting_binaries") return await lookAfterParking(keepers, project, job);
  if (job.duplicate_of === null) return job;
  // The job is there whatever happens here; the worker that takes it looks again.
  const known = await keepers.jobs.takeOver(job.id, null).catch(() => false);
  if (!known) return job;
  return (await keepers.jobs.get(project, job.id))?.job ?? job;
}

/** `created` is false when the idempotency key gave the job that was there. Jobs that waited for what came with it start. */
export async function keepUpload(keepers: Keepers, project: string, upload: ReceivedUpload): Promise<CreatedJob> {
  const [kept] = await keepAll(keepers, project, [upload]);
  if (kept === undefined) throw new TypeError("an upload was kept and is not there");
  if (!kept.created) return kept;
  await binariesArrived(
    keepers,
    project,
    upload.binaries.map(({ facts, path, filename }) => ({ build_id: facts.buildId, path, filename })),
  );
  return { ...kept, job: await settled(keepers, project, kept.job) };
}

/** Cores alone, without binaries; the jobs in their order. */
export async function keepUploads(keepers: Keepers, project: string, uploads: readonly ReceivedUpload[]): Promise<readonly Job[]> {
  const jobs: Job[] = [];
  for (const { job } of await keepAll(keepers, project, uploads)) jobs.push(await settled(keepers, project, job));
  return jobs;
}
