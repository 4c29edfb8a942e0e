/** Calls for many jobs at once: cores sent together, changes by filters, counts and exports. */
import { basename } from "node:path";
import type { Bulk } from "../contract/bulk.ts";
import type { BulkChange } from "../contract/bulk-change.ts";
import type { Labels } from "../contract/common.ts";
import type { JobPriority, LabelChange, WhenMissing } from "../contract/job.ts";
import type { JobStats } from "../contract/stats.ts";
import { calls, type ChangePage } from "./calls.ts";
import { formBody } from "./form-body.ts";
import type { Requests } from "./requests.ts";

export interface BulkUpload {
  readonly cores?: readonly string[];
  /** tar, tar.gz, tar.zst or zip. */
  readonly archives?: readonly string[];
  readonly labels?: Labels;
  readonly whenMissing?: WhenMissing;
  readonly options?: string;
  readonly priority?: JobPriority;
  readonly onProgress?: (sent: number, total: number) => void;
}

type Filters = Readonly<Record<string, string>>;

export interface ChangeOptions {
  /** Only tells what would be changed. */
  readonly dryRun?: boolean;
}

export interface ManyJobs {
  submitBulk(upload: BulkUpload): Promise<Bulk>;
  /** `query`: `only`, `limit`, `cursor`, `wait`. */
  getBulk(id: string, query?: Filters): Promise<Bulk>;
  /** Until all of its jobs have ended. */
  awaitBulk(id: string, heard?: (bulk: Bulk) => void): Promise<Bulk>;
  /** All jobs that the filters leave; `awaitChange` waits for the end. */
  reanalyzeJobs(filters: Filters, options?: ChangeOptions & { readonly options?: string }): Promise<BulkChange>;
  deleteJobs(filters: Filters, options?: ChangeOptions): Promise<BulkChange>;
  labelJobs(filters: Filters, labels: LabelChange, options?: ChangeOptions): Promise<BulkChange>;
  /** Newest first. `query`: `state`, `limit`, `cursor`. */
  listChanges(query?: Filters): Promise<ChangePage>;
  getChange(id: string, wait?: number): Promise<BulkChange>;
  /** One that runs touches no job any more. */
  cancelChange(id: string): Promise<BulkChange>;
  awaitChange(change: BulkChange, heard?: (change: BulkChange) => void): Promise<BulkChange>;
  /** A JSON document or a CSV row a line; `include=report` for whole reports. */
  exportJobs(filters?: Filters, format?: "ndjson" | "csv"): Promise<ReadableStream<Uint8Array>>;
  /** `by`, `interval`, `limit` beside the filters. */
  stats(query: Filters): Promise<JobStats>;
}

const longestWait = "30";

const dry = ({ dryRun = false }: ChangeOptions): Filters => (dryRun ? { dry_run: "true" } : {});

export function manyJobs({ ask, document }: Requests): ManyJobs {
  const getBulk: ManyJobs["getBulk"] = (id, query = {}) => document(calls.getBulk, { parameters: { id }, query });
  const getChange: ManyJobs["getChange"] = (id, wait = 0) => document(calls.getChange, { parameters: { id }, query: { wait: String(wait) } });
  return {
    async submitBulk({ cores = [], archives = [], labels, whenMissing, options, priority, onProgress }) {
      const fields = {
        ...(labels ? { labels: JSON.stringify(labels) } : {}),
        ...(whenMissing ? { when_missing: whenMissing } : {}),
        ...(options ? { options } : {}),
        ...(priority ? { priority } : {}),
      };
      const parts = [...cores.map((path) => ({ field: "core", path })), ...archives.map((path) => ({ field: "archive", path }))];
      const form = await formBody(
        fields,
        parts.map((part) => ({ ...part, filename: basename(part.path) })),
      );
      const body = { type: form.type, length: form.length, stream: () => form.stream((sent) => onProgress?.(sent, form.total)) };
      // Sent again after a drop, what had come is not taken twice.
      return document(calls.submitBulk, { body, headers: { "idempotency-key": crypto.randomUUID() } });
    },
    getBulk,
    async awaitBulk(id, heard = () => undefined) {
      for (let bulk = await getBulk(id); ; bulk = await getBulk(id, { wait: longestWait })) {
        heard(bulk);
        if (bulk.done) return bulk;
      }
    },
    reanalyzeJobs: (filters, { options, ...more } = {}) =>
      document(calls.reanalyzeJobs, { query: { ...filters, ...dry(more), ...(options === undefined ? {} : { options }) } }),
    deleteJobs: (filters, options = {}) => document(calls.deleteJobs, { query: { ...filters, ...dry(options) } }),
    labelJobs: (filters, labels, options = {}) => document(calls.labelJobs, { query: { ...filters, ...dry(options) }, json: { labels } }),
    listChanges: (query = {}) => document(calls.listChanges, { query }),
    getChange,
    cancelChange: (id) => document(calls.cancelChange, { parameters: { id } }),
    async awaitChange(first, heard = () => undefined) {
      for (let change = first; ; change = await getChange(first.id, Number(longestWait))) {
        heard(change);
        if (change.state !== "running") return change;
      }
    },
    async exportJobs(filters = {}, format = "ndjson") {
      const { body } = await ask(format === "csv" ? calls.exportCsv : calls.exportJobs, { query: { ...filters, format } });
      return body ?? new Blob([]).stream();
    },
    stats: (query) => document(calls.stats, { query }),
  };
}
