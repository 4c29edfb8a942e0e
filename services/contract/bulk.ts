/** Many cores sent at once. */
import { type Static, Type } from "typebox";
import { Id, Nullable, Timestamp } from "./common.ts";
import { JobError, JobStatus, SignatureSummary } from "./job.ts";

export const BulkState = Type.Enum(["receiving", "complete", "interrupted"]);
export type BulkState = Static<typeof BulkState>;

const count = Type.Integer();

export const BulkCounts = Type.Object({
  awaiting_binaries: count,
  queued: count,
  running: count,
  succeeded: count,
  failed: count,
  cancelled: count,
  /** Jobs that were deleted since. */
  deleted: count,
  /** Files that are no cores or are damaged: they have no job. */
  refused: count,
});
export type BulkCounts = Static<typeof BulkCounts>;

export const BulkItem = Type.Object({
  position: Type.Integer(),
  /** As the request or the archive has it. */
  filename: Nullable(Type.String()),
  job_id: Nullable(Id),
  /** Of the job; null without one, and for one that was deleted. */
  status: Nullable(JobStatus),
  /** Of the job, once it has one. */
  signature: Nullable(SignatureSummary),
  /** The first job of the same core. */
  duplicate_of: Nullable(Id),
  /** Why there is no job, or why it failed. */
  error: Nullable(JobError),
});
export type BulkItem = Static<typeof BulkItem>;

export const Bulk = Type.Object(
  {
    id: Id,
    created_at: Timestamp,
    /** `interrupted`: the upload broke off; what had come before stands. */
    state: BulkState,
    error: Nullable(JobError),
    /** True when all has come and every job has ended. */
    done: Type.Boolean(),
    total: Type.Integer(),
    counts: BulkCounts,
    items: Type.Array(BulkItem),
    next_cursor: Nullable(Type.String()),
    links: Type.Object({ self: Type.String() }),
  },
  { $id: "Bulk" },
);
export type Bulk = Static<typeof Bulk>;
