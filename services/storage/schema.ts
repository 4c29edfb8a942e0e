/** The tables as Kysely sees them. Times are RFC 3339 texts, booleans 0 or 1, documents JSON texts: the same on SQLite and PostgreSQL. */
import type { Generated } from "kysely";
import type { BinaryKind } from "../contract/binary.ts";
import type { BulkState } from "../contract/bulk.ts";
import type { BulkAction, BulkChangeState } from "../contract/bulk-change.ts";
import type { GroupStatus } from "../contract/group.ts";
import type { CoreGone, JobPriority, JobStage, JobStatus, WhenMissing } from "../contract/job.ts";
import type { DeliveryStatus } from "../contract/webhook.ts";

export interface JobTable {
  id: string;
  project_id: string;
  status: JobStatus;
  idempotency_key: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  expires_at: string | null;
  /** When the core alone goes; the report lives on. */
  core_expires_at: string | null;
  stage: JobStage;
  percent: number;
  attempts: number;
  /** Raised at every start: the fencing token that keeps a worker that lost its job from storing a result. */
  run: number;
  when_missing: WhenMissing;
  /** JSON: those that were asked for when it was submitted or last analysed again. */
  options: string;
  /** When a parked job starts without what it waits for. */
  waits_until: string | null;
  core_blob: string | null;
  core_filename: string | null;
  core_size: number;
  /** Empty for a job that came without a core, of logs alone. */
  core_sha256: string;
  pid: number | null;
  signal: number | null;
  /** As the core's notes name it. */
  core_executable: string | null;
  /** The name that the job is found by: of the report's executable, the core's until there is one. */
  executable: string | null;
  command_line: string | null;
  labels: string;
  missing_binaries: string;
  error: string | null;
  python_version: string | null;
  signature_hash: string | null;
  signature_title: string | null;
  /** Its number in the project's search index; null until it was taken in. */
  number: number | null;
  priority: JobPriority;
  /** Raised by every change that people make: the ETag. */
  revision: number;
  /** The first job of the same core in the project. */
  duplicate_of: string | null;
  /** 1: its first run may take over the report of the job that it is a duplicate of. */
  takes_over: number;
  /** Why the core is no longer stored; null while it is. */
  core_gone: CoreGone | null;
}

/** The mutex of a project's search index: whoever changes the index changes this row first. */
export interface SearchHeadTable {
  project_id: string;
  last_block: number;
  changes: number;
}

/** Jobs numbered from `block` × 4096; times in milliseconds since 1970, `first_ms` and `last_ms` of all that ever were in it. */
export interface SearchBlockTable {
  project_id: string;
  block: number;
  /** How many numbers were given out. */
  jobs: number;
  base_ms: number;
  first_ms: number;
  last_ms: number;
  /** How often what is told of its jobs was changed. */
  changes: number;
}

/** What jobs can be found by: kind `status`, `function`, `label.NAME`, `word`, …; see search-terms.ts. */
export interface SearchTermTable {
  id: Generated<number>;
  project_id: string;
  kind: string;
  value: string;
}

export interface SearchPostingTable {
  term: number;
  block: number;
  bits: Uint8Array;
}

export interface SearchColumnTable {
  project_id: string;
  field: string;
  block: number;
  body: Uint8Array;
}

/** Which job has the number, and the ids of the terms that it is found by. */
export interface SearchJobTable {
  project_id: string;
  number: number;
  job_id: string;
  terms: Uint8Array;
}

export interface JobEventTable {
  job_id: string;
  seq: number;
  kind: "status" | "progress";
  data: string;
  created_at: string;
}

export interface ReportTable {
  job_id: string;
  run: number;
  created_at: string;
  /** Of the JSON text, in bytes, before compression. */
  size: number;
  encoding: string;
  body: Uint8Array;
}

export interface BinaryTable {
  project_id: string;
  sha256: string;
  build_id: string | null;
  kind: BinaryKind;
  size: number;
  filename: string | null;
  has_symbols: number;
  has_debug_info: number;
  blob: string;
  created_at: string;
  path: string | null;
  origin: "upload" | "debuginfod";
  debug_link: string | null;
  debug_link_crc: number | null;
  alt_build_id: string | null;
  alt_name: string | null;
  crc: number | null;
  /** SHA-256 of the first page. */
  head: string | null;
  /** Of gdb's index: `running` while a worker makes it, `none` when gdb has nothing to index. Null: not tried. */
  index_state: "running" | "ready" | "failed" | "none" | null;
  index_since: string | null;
  index_blob: string | null;
  index_detail: string | null;
}

/** What was asked of upstream debuginfod servers: one at a time, and not again soon when nobody has it. */
export interface UpstreamRequestTable {
  project_id: string;
  build_id: string;
  kind: "executable" | "debuginfo";
  /** Who asks now; the lease ends when the asker died. */
  lease: string | null;
  lease_until: string | null;
  /** Until then the answer `nobody has it` stands. */
  missing_until: string | null;
}

export interface JobBinaryTable {
  job_id: string;
  project_id: string;
  sha256: string;
  position: number;
  /** The file name of this upload; the same bytes may come under several. */
  filename: string | null;
}

export interface AttachmentTable {
  job_id: string;
  position: number;
  filename: string | null;
  size: number;
  sha256: string;
  blob: string;
}

/** Blobs that no row refers to any more and that are still to be removed. */
export interface BlobTrashTable {
  blob: string;
  since: string;
}

/** Named by the signature that founded it. `count` is of the jobs that exist; the times of all that ever were. */
export interface GroupTable {
  project_id: string;
  hash: string;
  title: string;
  count: number;
  first_seen: string;
  last_seen: string;
  status: GroupStatus;
  resolved_in: string | null;
  resolved_at: string | null;
  regressed_at: string | null;
  note: string | null;
  issue_url: string | null;
  /** Raised by every change of what people may edit: the ETag. */
  revision: number;
}

export interface SignatureTable {
  project_id: string;
  hash: string;
  group_hash: string;
  broad_hash: string;
  partial: number;
  version: number;
  title: string;
  /** JSON: the kept keys, innermost first, the class of the crash before them. */
  keys: string;
  count: number;
  first_seen: string;
  last_seen: string;
  /** Merged or split by people: nothing moves it by itself any more. */
  placed_by_hand: number;
  /** The signature that newer rules gave to its crashes. */
  superseded_by: string | null;
}

export interface SignatureKeyTable {
  project_id: string;
  key: string;
  signature: string;
}

/** What one job added to the counts, to be taken off again. */
export interface CountedJobTable {
  job_id: string;
  project_id: string;
  signature: string;
  /** JSON: [kind, value] pairs. */
  facets: string;
}

/** kind `day` (UTC), `executable`, `python`, `extension` (name and version) or `label.NAME`. */
export interface SignatureFacetTable {
  project_id: string;
  signature: string;
  kind: string;
  value: string;
  count: number;
}

/** Many cores of one request. */
export interface BulkTable {
  id: string;
  project_id: string;
  created_at: string;
  expires_at: string;
  state: BulkState;
  error: string | null;
}

export interface BulkItemTable {
  bulk_id: string;
  position: number;
  filename: string | null;
  job_id: string | null;
  error: string | null;
}

/** A change of all jobs that filters leave, on its way from the newest to the oldest. */
export interface BulkChangeTable {
  id: string;
  project_id: string;
  action: BulkAction;
  dry_run: number;
  state: BulkChangeState;
  /** JSON: the filters as the request gave them, and as the search takes them. */
  query: string;
  filters: string;
  labels: string | null;
  options: string | null;
  total: number;
  seen: number;
  changed: number;
  /** JSON: counts by why. */
  skipped: string;
  /** JSON: the first jobs, with what becomes of them. */
  sample: string;
  error: string | null;
  /** Jobs below this id are still to be seen. */
  before_id: string;
  /** Until then somebody works on it. */
  leased_until: string;
  created_at: string;
  finished_at: string | null;
  expires_at: string;
}

/** How far the stored reports were given signatures of these rules. */
export interface RegroupingTable {
  version: number;
  after_id: string;
  done: number;
}

export interface WebhookTable {
  id: string;
  project_id: string;
  url: string;
  /** Raw key in base64; told to its owner once and to nobody else. */
  secret: string;
  /** JSON: the events that are wanted. */
  events: string;
  description: string | null;
  active: number;
  growing_factor: number;
  growing_at_least: number;
  created_at: string;
  updated_at: string;
}

/** The outbox while `status` is `pending`, the log afterwards. */
export interface WebhookDeliveryTable {
  id: string;
  webhook_id: string;
  event: string;
  /** What is told once has a name here, unique within the webhook. */
  once: string | null;
  /** JSON, as it is sent but for the base of its links. */
  payload: string;
  status: DeliveryStatus;
  created_at: string;
  /** When the next attempt is due; null once it has ended. */
  due_at: string | null;
  finished_at: string | null;
  /** Since it was last asked for: what the pause and the end are counted by. */
  tries: number;
  /** In all. */
  attempts: number;
  /** JSON: the last attempts, oldest first. */
  log: string;
}

export interface Schema {
  jobs: JobTable;
  search_heads: SearchHeadTable;
  search_blocks: SearchBlockTable;
  search_terms: SearchTermTable;
  search_postings: SearchPostingTable;
  search_columns: SearchColumnTable;
  search_jobs: SearchJobTable;
  job_events: JobEventTable;
  reports: ReportTable;
  binaries: BinaryTable;
  job_binaries: JobBinaryTable;
  attachments: AttachmentTable;
  blob_trash: BlobTrashTable;
  upstream_requests: UpstreamRequestTable;
  groups: GroupTable;
  signatures: SignatureTable;
  signature_keys: SignatureKeyTable;
  counted_jobs: CountedJobTable;
  signature_facets: SignatureFacetTable;
  regrouping: RegroupingTable;
  webhooks: WebhookTable;
  webhook_deliveries: WebhookDeliveryTable;
  bulks: BulkTable;
  bulk_items: BulkItemTable;
  bulk_changes: BulkChangeTable;
}
