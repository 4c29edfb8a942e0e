/** What a memory checker said, held against the core. */
import type { LogSummary } from "../../../services/contract/report.ts";
import type { MemoryReport } from "../../../services/logs/memory-report.ts";

export interface JudgedReport {
  readonly filename: string | null;
  readonly report: MemoryReport;
  readonly agreement: LogSummary["agreement"];
}
