/** A change of all jobs that filters leave: analyse them again, delete them, or change their labels. */
import { type Static, Type } from "typebox";
import { Id, Nullable, Timestamp } from "./common.ts";
import { JobError, JobStatus, LabelChange, SignatureSummary } from "./job.ts";
import { JobOptions } from "./job-options.ts";

export const BulkAction = Type.Enum(["reanalyze", "delete", "label"]);
export type BulkAction = Static<typeof BulkAction>;

export const BulkChangeState = Type.Enum(["running", "complete", "failed", "cancelled"]);
export type BulkChangeState = Static<typeof BulkChangeState>;

export const BulkChangeSample = Type.Object({
  job_id: Id,
  status: JobStatus,
  executable_name: Nullable(Type.String()),
  signature: Nullable(SignatureSummary),
  skipped: Nullable(Type.String({ description: "Why the job is left as it is." })),
});
export type BulkChangeSample = Static<typeof BulkChangeSample>;

export const BulkChange = Type.Object(
  {
    id: Id,
    action: BulkAction,
    dry_run: Type.Boolean({ description: "True: the same walk over the same jobs, which changes none of them." }),
    state: BulkChangeState,
    created_at: Timestamp,
    finished_at: Nullable(Timestamp),
    filters: Type.Record(Type.String(), Type.String()),
    labels: Nullable(LabelChange),
    options: Nullable(JobOptions),
    total: Type.Integer({ description: "Jobs that the filters left when it began; later ones are not touched." }),
    seen: Type.Integer({ description: "Jobs so far, the newest first." }),
    changed: Type.Integer({ description: "Jobs that were changed; of a dry run, that would be." }),
    skipped: Type.Record(Type.String(), Type.Integer(), {
      description:
        "Jobs that are left as they are, by why: `job_running`, `job_cancelled`, `core_lost`, `labels_invalid`, `unchanged`, `job_not_found` (deleted meanwhile).",
    }),
    sample: Type.Array(BulkChangeSample, { description: "The first of the jobs that were seen." }),
    error: Nullable(JobError),
    links: Type.Object({ self: Type.String() }),
  },
  { $id: "BulkChange" },
);
export type BulkChange = Static<typeof BulkChange>;
