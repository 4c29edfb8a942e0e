/** A change of many jobs as its row has it, and as users see it. */
import type { BulkChange, BulkChangeSample } from "../contract/bulk-change.ts";
import type { Job, JobError, LabelChange } from "../contract/job.ts";
import type { JobOptions } from "../contract/job-options.ts";
import type { JobFilters } from "./job-store.ts";
import type { BulkChangeTable } from "./schema.ts";

type Decoded = Pick<BulkChange, "labels" | "options" | "skipped" | "sample" | "error"> & {
  readonly filters: JobFilters;
  readonly query: BulkChange["filters"];
};

export function decoded(row: BulkChangeTable): Decoded {
  const filters: JobFilters = JSON.parse(row.filters);
  const query: BulkChange["filters"] = JSON.parse(row.query);
  const labels: LabelChange | null = JSON.parse(row.labels ?? "null");
  const options: JobOptions | null = JSON.parse(row.options ?? "null");
  const skipped: BulkChange["skipped"] = JSON.parse(row.skipped);
  const sample: BulkChangeSample[] = JSON.parse(row.sample);
  const error: JobError | null = JSON.parse(row.error ?? "null");
  return { filters, query, labels, options, skipped, sample, error };
}

export function toBulkChange(row: BulkChangeTable): BulkChange {
  const { query, labels, options, skipped, sample, error } = decoded(row);
  return {
    id: row.id,
    action: row.action,
    dry_run: row.dry_run === 1,
    state: row.state,
    created_at: row.created_at,
    finished_at: row.finished_at,
    filters: query,
    labels,
    options,
    total: row.total,
    seen: row.seen,
    changed: row.changed,
    skipped,
    sample,
    error,
    links: { self: `/v1/changes/${row.id}` },
  };
}

export const sampleOf = ({ id, status, core, signature }: Job, skipped: string | null): BulkChangeSample => ({
  job_id: id,
  status,
  executable_name: core?.executable_name ?? null,
  signature,
  skipped,
});
