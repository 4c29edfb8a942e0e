/**
 * Every way a request or a job can fail, in one table.
 *
 * A failure has a stage (where), a code (stable, scripts match on it), a title, a hint (what to do next), the HTTP
 * status that the API answers with, and whether the queue may try the work again. Throw `new Failure(code, detail)`;
 * the API's error handler and the worker's retry rule both read this table and nothing else.
 */
export type Stage = "request" | "intake" | "storage" | "queue" | "inspect" | "gather" | "debug" | "assemble" | "diagnose" | "start";

interface FailureRow {
  readonly stage: Stage;
  readonly status: number;
  /** Whether the queue tries the job again: only for faults of the infrastructure, never for facts about the input. */
  readonly retry: boolean;
  readonly title: string;
  readonly hint: string;
}

const row = (stage: Stage, status: number, retry: boolean, title: string, hint: string): FailureRow => ({ stage, status, retry, title, hint });

export const failures = {
  // request
  not_found: row("request", 404, false, "Not found", "Check the path and the id; GET /openapi.json lists every route."),
  job_not_found: row("request", 404, false, "No such job", "Check the id; a job is deleted once its retention has passed."),
  binary_not_found: row("request", 404, false, "No such binary", "Upload it: curl -F binary=@PATH …/v1/binaries"),
  group_not_found: row("request", 404, false, "No such group", "Check the hash; GET /v1/groups lists the groups."),
  bulk_not_found: row("request", 404, false, "No such bulk", "Check the id; a bulk is forgotten with the retention of its reports."),
  change_ended: row("request", 409, false, "The change has ended", "GET /v1/changes/{id} tells what it did; only one that runs can be cancelled."),
  change_not_found: row("request", 404, false, "No such change", "Check the id; a change is forgotten with the retention of reports."),
  group_conflict: row("request", 409, false, "The groups cannot be changed so", "Look at the groups' `signatures`, and name those that are to move."),
  webhook_not_found: row("request", 404, false, "No such webhook", "Check the id; GET /v1/webhooks lists the webhooks."),
  delivery_not_found: row("request", 404, false, "No such delivery", "Check the id; deliveries that ended are forgotten after some weeks."),
  webhook_url_refused: row("request", 422, false, "The URL may not be reached", "Send an https URL of a public host."),
  too_many_webhooks: row("request", 409, false, "Too many webhooks", "Delete one that is no longer needed."),
  precondition_failed: row("request", 412, false, "It has changed meanwhile", "Read it again, and send its ETag as If-Match."),
  method_not_allowed: row("request", 405, false, "Method not allowed", "See GET /openapi.json for the methods of this path."),
  not_acceptable: row("request", 406, false, "Not acceptable", "Ask for application/json or text/plain."),
  invalid_parameter: row("request", 422, false, "Invalid parameter", "Correct the named parameter; GET /openapi.json gives its form."),
  invalid_cursor: row("request", 422, false, "The cursor is broken", "Use `next_cursor` of the page before as it is, or leave it out to begin anew."),
  invalid_body: row("request", 422, false, "Invalid body", "Correct the named field; GET /openapi.json gives its form."),
  malformed_json: row("request", 400, false, "Malformed JSON", "Send a JSON document in UTF-8."),
  bad_request: row("request", 400, false, "Bad request", "Correct the request as the detail says."),
  range_not_satisfiable: row("request", 416, false, "Range outside of the file", "Ask for bytes that the file has; HEAD tells its size."),
  job_not_finished: row("request", 409, false, "The job has not finished", "Poll the job with ?wait=30 and ask again when its status is succeeded."),
  job_failed: row("request", 409, false, "The job has no report", "The job's `error` says why; POST /v1/jobs/{id}/reanalyze tries again."),
  job_running: row("request", 409, false, "The job is still being worked on", "Wait until it has ended, or DELETE it."),
  idempotency_conflict: row("request", 409, false, "Idempotency key in use", "A request with this key is still being received; retry shortly."),
  report_expired: row("request", 410, false, "The report has expired", "Upload the core again."),
  unauthorized: row("request", 401, false, "Unauthorized", "Send Authorization: Bearer TOKEN."),
  forbidden: row("request", 403, false, "Forbidden", "The token lacks the scope that this call needs."),
  rate_limited: row("request", 429, false, "Too many requests", "Wait as Retry-After says."),
  not_ready: row("request", 503, false, "Not ready", "`checks` tells which part does not answer; ask again shortly."),
  internal_error: row("request", 500, true, "Internal error", "Try again; if it stays, report the request_id."),
  // intake
  core_missing: row(
    "intake",
    422,
    false,
    "No core in the request",
    "Send exactly one file part named `core`: curl -F core=@core … Without a core, an attachment with a dump of faulthandler or a report of valgrind or AddressSanitizer is taken.",
  ),
  core_repeated: row("intake", 422, false, "More than one core", "Send one core per job."),
  unknown_part: row("intake", 422, false, "Unknown part", "The parts are core, binary, attachment, labels, when_missing, options, priority and sha256."),
  part_not_a_file: row("intake", 422, false, "The part is not a file", "Send the part as a file: curl -F 'core=@PATH'."),
  labels_invalid: row("intake", 422, false, "Invalid labels", 'Send labels as a JSON object of strings: {"host":"web1"}.'),
  when_missing_invalid: row("intake", 422, false, "Invalid when_missing", "Send `analyze` or `wait`."),
  options_invalid: row("intake", 422, false, "Invalid options", "GET /openapi.json lists the options; send their names with commas between."),
  priority_invalid: row("intake", 422, false, "Invalid priority", "Send `high`, `normal` or `low`."),
  not_a_core: row("intake", 415, false, "Not an ELF core dump", "Upload the core file that the kernel, gcore or a debugger wrote."),
  core_empty: row("intake", 422, false, "The core is empty", "Check `ulimit -c` and the disk of the crashed machine; the kernel left an empty file."),
  core_malformed: row("intake", 422, false, "The core's headers cannot be read", "The file is damaged at its start; send it again or look at the original."),
  core_compressed_damaged: row(
    "intake",
    422,
    false,
    "The compressed core is damaged",
    "Test the file where it came from (gzip -t, zstd -t, lz4 -t, xz -t) and send it again.",
  ),
  decompression_bomb: row(
    "intake",
    413,
    false,
    "The core inflates too far",
    "GET /v1/limits tells the limits in force; send the core itself, or have core_inflate_ratio raised.",
  ),
  digest_invalid: row(
    "intake",
    422,
    false,
    "The digest cannot be read",
    "Send Repr-Digest: sha-256=:BASE64:, or the form field sha256 with 64 hex digits, of the file as it is sent.",
  ),
  digest_mismatch: row("intake", 422, false, "The digest differs", "The bytes that arrived are not those that the digest was made of: send the file again."),
  not_a_binary: row("intake", 415, false, "Not an ELF file", "Send the interpreter, a shared library, an extension module or a debug file."),
  build_id_mismatch: row("intake", 422, false, "Another build-id", "The file's own build-id must be the one in the path: file PATH tells it."),
  archive_malformed: row("intake", 422, false, "The archive cannot be read", "Send a tar, tar.gz, tar.zst or zip file, or the files themselves."),
  archive_too_large: row("intake", 413, false, "The archive holds too much", "GET /v1/limits tells the limits in force; send several smaller archives."),
  attachment_not_text: row("intake", 415, false, "The attachment is not text", "Attachments are text logs."),
  upload_truncated: row("intake", 400, false, "The upload ended early", "The body is shorter than announced or lacks its closing boundary; send it again."),
  upload_aborted: row("intake", 400, false, "The client went away", "Send the upload again."),
  upload_not_found: row("intake", 404, false, "No such upload", "Begin a new one: POST /v1/uploads."),
  upload_offset_conflict: row("intake", 409, false, "Another offset", "Ask with HEAD how far the upload has come and go on from there."),
  upload_locked: row("intake", 423, false, "The upload is being sent", "Wait as Retry-After says and ask with HEAD how far it has come."),
  upload_protocol_unsupported: row("intake", 412, false, "Another version of tus", "Send Tus-Resumable: 1.0.0."),
  upload_request_invalid: row(
    "intake",
    400,
    false,
    "Not a request of the tus protocol",
    "The detail names the header; https://tus.io/protocols/resumable-upload tells its form.",
  ),
  multipart_malformed: row("intake", 400, false, "Malformed multipart body", "Send multipart/form-data with a boundary, as curl -F does."),
  length_required: row("intake", 411, false, "Length required", "Send Content-Length or chunked transfer encoding."),
  upload_too_large: row("intake", 413, false, "The upload is too large", "GET /v1/limits tells the limits in force."),
  too_many_parts: row("intake", 413, false, "Too many parts", "GET /v1/limits tells the limits in force; upload the binaries on their own."),
  unsupported_media_type: row("intake", 415, false, "Unsupported media type", "Send multipart/form-data, or the raw core as application/octet-stream."),
  // storage
  store_full: row("storage", 507, true, "The store is full", "Free space or wait for retention; nothing of this upload was kept."),
  store_unavailable: row("storage", 503, true, "The store does not answer", "Try again; the operator should look at the store."),
  database_unavailable: row("storage", 503, true, "The database does not answer", "Try again; the operator should look at the database."),
  blob_not_found: row("storage", 404, false, "Nothing is stored under this name", "It was removed, or its retention has passed."),
  core_lost: row("storage", 410, false, "The core is no longer stored", "Upload the core again."),
  // queue
  queue_unavailable: row("queue", 503, true, "The queue does not answer", "The job is kept and is queued as soon as Redis answers."),
  worker_lost: row("queue", 500, true, "The worker died", "The job is tried again by itself."),
  attempts_exhausted: row("queue", 500, false, "The job failed at every attempt", "POST /v1/jobs/{id}/reanalyze tries again; the detail tells the last cause."),
  job_cancelled: row("queue", 409, false, "The job was cancelled", "Upload the core again."),
  // worker
  debugger_missing: row("debug", 503, true, "gdb cannot be started", "Install gdb on the worker: sh docker/provision.sh"),
  sandbox_unavailable: row("debug", 503, true, "The sandbox cannot be started", "Install bubblewrap and allow user namespaces: sh docker/provision.sh"),
  debugger_died: row("debug", 500, false, "gdb died", "The input crashes gdb at every rung; the report tells what could be had without it."),
  debugger_timeout: row("debug", 500, false, "gdb took too long", "Raise INQUEST_DEBUG_TIMEOUT_SECONDS if the core is very large."),
  debugger_protocol: row("debug", 500, false, "gdb answered what could not be understood", "Report the request; this is a defect of Inquest."),
  debugger_command: row("debug", 500, false, "gdb refused a command", "The detail tells gdb's message."),
  helper_failed: row("debug", 500, false, "A helper script failed", "Report this; it is a defect of Inquest."),
  helper_answer_invalid: row("assemble", 500, false, "A helper's answer breaks its schema", "Report this; it is a defect of Inquest."),
  deadline_exceeded: row("debug", 500, false, "The job's time is up", "Raise INQUEST_JOB_TIMEOUT_SECONDS."),
  // start
  configuration_invalid: row("start", 500, false, "Invalid configuration", "Correct the named environment variable."),
} as const satisfies Record<string, FailureRow>;

export type FailureCode = keyof typeof failures;

export interface FailureOptions {
  readonly cause?: unknown;
  /** Replaces the table's hint where the case knows better. */
  readonly hint?: string;
  /** Seconds, for the `Retry-After` header of 429 and 503. */
  readonly retryAfter?: number;
  /** Replaces the table's HTTP status where the contract asks for another one in this case. */
  readonly status?: number;
}

/** An expected failure. `detail` is written for the user: what was wrong with this request, with name and value; never a server path, never memory contents. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly hint: string;
  readonly retryAfter: number | null;
  readonly status: number;

  constructor(code: FailureCode, detail: string, options: FailureOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "Failure";
    this.code = code;
    this.hint = options.hint ?? failures[code].hint;
    this.retryAfter = options.retryAfter ?? null;
    this.status = options.status ?? failures[code].status;
  }

  get stage(): Stage {
    return failures[this.code].stage;
  }

  get retry(): boolean {
    return failures[this.code].retry;
  }
}
