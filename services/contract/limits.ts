/** Every limit in force, as `GET /v1/limits` tells it. Sizes in bytes, times in seconds. */
import { type Static, Type } from "typebox";

const count = (description: string) => Type.Integer({ minimum: 0, description });

export const Limits = Type.Object(
  {
    core_bytes: count("largest core, inflated"),
    core_inflate_ratio: count("bytes other than zeros that a compressed core may inflate to, for each byte sent"),
    inflate_memory_bytes: count("address space of a program that inflates"),
    binary_bytes: count("largest single binary"),
    attachment_bytes: count("largest single attachment"),
    unfinished_uploads: count("resumable uploads that may be unfinished at once"),
    upload_expiry_seconds: count("how long a resumable upload may take from its start"),
    binaries_per_job: count("binary parts in one request"),
    archive_entries: count("entries of one archive of binaries"),
    archive_bytes: count("bytes that come out of one archive of binaries"),
    archive_ratio: count("bytes that come out of a compressed archive for each that went in"),
    attachments_per_job: count("attachment parts in one request"),
    labels_per_job: count("labels of one job"),
    label_bytes: count("length of a label's name or value"),
    awaiting_binaries_seconds: count("how long a job with when_missing=wait waits for binaries"),
    wait_seconds: count("longest ?wait="),
    page_items: count("largest ?limit="),
    job_seconds: count("wall time of one analysis, all its rungs together"),
    debug_seconds: count("wall time of one gdb"),
    debug_memory_bytes: count("address space of one gdb"),
    attempts: count("tries after faults of the infrastructure"),
    debuginfod_seconds: count("how long upstream debuginfod servers are asked for one job's files"),
    debuginfod_bytes: count("largest file taken from an upstream debuginfod server"),
    frames_per_thread: count("frames kept of one thread before the middle is left out"),
    threads: count("threads told of one process"),
    free_disk_bytes: count("uploads are refused with 507 when less than this would stay free"),
    webhook_attempts: count("tries of one webhook delivery before it is dead"),
    webhook_seconds: count("how long a webhook's receiver may take to answer"),
    webhook_log_seconds: count("how long deliveries that ended are kept in the log"),
    cores_per_group: count("cores kept of one group, the newest; 0 for all"),
    core_retention_seconds: count("how long a core is kept"),
    report_retention_seconds: count("how long a report is kept"),
  },
  { $id: "Limits" },
);
export type Limits = Static<typeof Limits>;
