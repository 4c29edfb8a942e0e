/** The reports, by job: JSON texts, kept compressed. They are written by `JobStore.finish`, together with the job's end. */
import type { Report } from "../contract/report.ts";

export interface ReportStore {
  /** Null when there is none (not finished, failed, expired or deleted). */
  get(jobId: string): Promise<Report | null>;
  /** The JSON text as it was stored, for answers that need no parsing. */
  text(jobId: string): Promise<string | null>;
}
