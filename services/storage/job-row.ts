/** A row of `jobs` as the job that users see. The rows are written by this project alone, so their JSON is trusted. */
import type { Labels } from "../contract/common.ts";
import type { CoreSummary, Job, JobError, MissingBinary } from "../contract/job.ts";
import { storedOptions } from "../contract/job-options.ts";
import type { StoredJob } from "./job-store.ts";
import type { JobTable } from "./schema.ts";

export function toJob(row: JobTable): Job {
  const commandLine: string[] | null = JSON.parse(row.command_line ?? "null");
  const missingBinaries: MissingBinary[] = JSON.parse(row.missing_binaries);
  const labels: Labels = JSON.parse(row.labels);
  const error: JobError | null = JSON.parse(row.error ?? "null");
  const core: CoreSummary | null =
    row.core_sha256 === ""
      ? null
      : {
          filename: row.core_filename,
          size: row.core_size,
          sha256: row.core_sha256,
          executable_name: row.core_executable,
          pid: row.pid,
          signal: row.signal,
          command_line: commandLine,
        };
  const self = `/v1/jobs/${row.id}`;
  return {
    id: row.id,
    status: row.status,
    created_at: row.created_at,
    started_at: row.started_at,
    finished_at: row.finished_at,
    expires_at: row.expires_at,
    progress: { stage: row.stage, percent: row.percent },
    core,
    // Of jobs from before it was told, the core had expired.
    core_gone: core === null || row.core_blob !== null ? null : (row.core_gone ?? "expired"),
    duplicate_of: row.duplicate_of,
    missing_binaries: missingBinaries,
    labels,
    options: storedOptions(row.options),
    priority: row.priority,
    attempts: row.attempts,
    error,
    signature: row.signature_hash === null ? null : { hash: row.signature_hash, title: row.signature_title ?? "" },
    links: { self, report: `${self}/report`, events: `${self}/events`, bundle: `${self}/bundle` },
  };
}

export function toStoredJob(row: JobTable): StoredJob {
  return { job: toJob(row), projectId: row.project_id, whenMissing: row.when_missing, coreBlob: row.core_blob, revision: row.revision };
}
