/** What the API is built from. The composition root chooses the concrete parts; tests hand in real ones in a temporary folder. */
import type { JobStatus } from "../contract/job.ts";
import type { Limits } from "../contract/limits.ts";
import type { Logger } from "../log/logger.ts";
import type { AnalysisQueue } from "../queue/analysis-queue.ts";
import type { JobChanges } from "../queue/job-changes.ts";
import type { WorkerDirectory } from "../queue/worker-presence.ts";
import type { AddressRules } from "../notify/address-rules.ts";
import type { BinaryStore } from "../storage/binary-store.ts";
import type { BlobStore } from "../storage/blob-store.ts";
import type { BulkChangeStore } from "../storage/bulk-change-store.ts";
import type { BulkStore } from "../storage/bulk-store.ts";
import type { Database } from "../storage/database.ts";
import type { DeliveryStore } from "../storage/delivery-store.ts";
import type { GroupStore } from "../storage/group-store.ts";
import type { JobStore } from "../storage/job-store.ts";
import type { ReportStore } from "../storage/report-store.ts";
import type { WebhookStore } from "../storage/webhook-store.ts";
import type { UploadFiles } from "../intake/resume/upload-files.ts";
import type { Caller } from "./auth/caller.ts";
import type { Authenticate } from "./auth/authenticate.ts";

export interface Dependencies {
  /** Of this code, as package.json bears it. */
  readonly version: string;
  /** Where users reach the API, without a slash at the end; null when the request's own host tells it. */
  readonly publicUrl: string | null;
  readonly logger: Logger;
  readonly limits: Limits;
  readonly authenticate: Authenticate;
  readonly database: Pick<Database, "ping">;
  readonly jobs: JobStore;
  readonly reports: ReportStore;
  readonly groups: GroupStore;
  readonly bulks: BulkStore;
  readonly bulkChanges: BulkChangeStore;
  /** There is a new one: look now. */
  readonly workOnChanges: () => void;
  readonly binaries: BinaryStore;
  readonly blobs: BlobStore;
  /** Resumable uploads on their way. */
  readonly uploads: UploadFiles;
  readonly queue: AnalysisQueue;
  readonly changes: JobChanges;
  readonly workers: WorkerDirectory;
  readonly webhooks: WebhookStore;
  readonly deliveries: DeliveryStore;
  /** What webhooks may reach. */
  readonly addresses: AddressRules;
  /** Deliveries may be due: look now. */
  readonly sendDue: () => void;
  readonly countJobs: () => Promise<Readonly<Record<JobStatus, number>>>;
  /** Removes the bytes that no row names any more. */
  readonly sweepBlobs: () => Promise<unknown>;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; set before any route runs. */
    caller: Caller;
  }
}
