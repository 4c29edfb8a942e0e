/** The job document: what a user polls. */
import { type Static, Type } from "typebox";
import { BuildId, Id, Labels, Nullable, NullableText, Timestamp } from "./common.ts";
import { JobOptions } from "./job-options.ts";

export const JobStatus = Type.Enum(["awaiting_binaries", "queued", "running", "succeeded", "failed", "cancelled"]);
export type JobStatus = Static<typeof JobStatus>;

export const JobStage = Type.Enum(["queued", "inspect", "gather", "debug", "assemble", "diagnose", "done"]);
export type JobStage = Static<typeof JobStage>;

export const Progress = Type.Object({ stage: JobStage, percent: Type.Integer({ minimum: 0, maximum: 100 }) });
export type Progress = Static<typeof Progress>;

export const MissingBinary = Type.Object({
  build_id: Nullable(BuildId),
  path: Type.String(),
  needed_for: Type.Enum(["interpreter", "unwinding", "symbols"]),
});
export type MissingBinary = Static<typeof MissingBinary>;

export const CoreSummary = Type.Object({
  filename: Nullable(Type.String()),
  size: Type.Integer(),
  sha256: Type.String(),
  executable_name: Nullable(Type.String()),
  pid: Nullable(Type.Integer()),
  signal: Nullable(Type.Integer()),
  command_line: Nullable(Type.Array(Type.String())),
});
export type CoreSummary = Static<typeof CoreSummary>;

export const JobError = Type.Object({
  code: Type.String(),
  stage: Type.String(),
  detail: Type.String(),
  hint: Type.String(),
});
export type JobError = Static<typeof JobError>;

export const SignatureSummary = Type.Object({ hash: Type.String(), title: Type.String() });
export type SignatureSummary = Static<typeof SignatureSummary>;

/** `high` goes first and `low`, which many cores sent at once are, last; among equals small cores go first. */
export const jobPriorities = ["high", "normal", "low"] as const;
export const JobPriority = Type.Enum([...jobPriorities]);
export type JobPriority = Static<typeof JobPriority>;

/** `surplus`: its group has as many cores as are kept of one. */
export const CoreGone = Type.Enum(["expired", "surplus", "cancelled"]);
export type CoreGone = Static<typeof CoreGone>;

export const Job = Type.Object(
  {
    id: Id,
    status: JobStatus,
    created_at: Timestamp,
    started_at: Nullable(Timestamp),
    finished_at: Nullable(Timestamp),
    expires_at: Nullable(Timestamp),
    progress: Progress,
    /** Null for a job of logs alone. */
    core: Nullable(CoreSummary),
    core_gone: Nullable(CoreGone, "Why the core is no longer stored; null while it is, and for a job of logs alone."),
    duplicate_of: Nullable(
      Id,
      "The first job of the same core in the project. Its report is taken over unless something differs that the report depends on, and the crash is counted once.",
    ),
    missing_binaries: Type.Array(MissingBinary),
    labels: Labels,
    options: JobOptions,
    priority: JobPriority,
    attempts: Type.Integer(),
    error: Nullable(JobError),
    signature: Nullable(SignatureSummary),
    links: Type.Object({ self: Type.String(), report: Type.String(), events: Type.String(), bundle: Type.String() }),
  },
  { $id: "Job" },
);
export type Job = Static<typeof Job>;

/** Labels to set, and those to take away as null; the others stay. */
export const LabelChange = Type.Record(Type.String({ minLength: 1 }), NullableText());
export type LabelChange = Static<typeof LabelChange>;

export const JobChange = Type.Object(
  {
    labels: Type.Optional(LabelChange),
    priority: Type.Optional(JobPriority),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type JobChange = Static<typeof JobChange>;

export const WhenMissing = Type.Enum(["analyze", "wait"]);
export type WhenMissing = Static<typeof WhenMissing>;
