/** Uploads of many cores: each file of one becomes a job or a refusal. */
import type { BulkCounts, BulkItem, BulkState } from "../contract/bulk.ts";
import type { JobError } from "../contract/job.ts";
import type { Database } from "./database.ts";
import { storable } from "./search-text.ts";

export interface StoredBulk {
  readonly id: string;
  readonly createdAt: string;
  readonly state: BulkState;
  readonly error: JobError | null;
  readonly total: number;
  readonly counts: BulkCounts;
}

export interface NewBulkItem {
  readonly position: number;
  readonly filename: string | null;
  readonly jobId: string | null;
  readonly error: JobError | null;
}

export interface BulkStore {
  begin(projectId: string, id: string, expiresAt: string): Promise<void>;
  add(id: string, items: readonly NewBulkItem[]): Promise<void>;
  end(id: string, error: JobError | null): Promise<void>;
  get(projectId: string, id: string): Promise<StoredBulk | null>;
  /** In the order in which they came, those after a position; `refused`: only those without a job. */
  items(id: string, page: { readonly after: number; readonly limit: number; readonly refused: boolean }): Promise<BulkItem[]>;
}

const errorOf = (text: string | null): JobError | null => {
  const error: JobError | null = JSON.parse(text ?? "null");
  return error;
};

export function createBulkStore({ query }: Pick<Database, "query">): BulkStore {
  return {
    begin: async (projectId, id, expiresAt) => {
      await query
        .insertInto("bulks")
        .values({ id, project_id: projectId, created_at: new Date().toISOString(), expires_at: expiresAt, state: "receiving", error: null })
        .execute();
    },

    add: async (id, items) => {
      if (items.length === 0) return;
      await query
        .insertInto("bulk_items")
        .values(
          items.map(({ position, filename, jobId, error }) => ({
            bulk_id: id,
            position,
            filename: filename === null ? null : storable(filename),
            job_id: jobId,
            error: error === null ? null : storable(JSON.stringify(error)),
          })),
        )
        .execute();
    },

    end: async (id, error) => {
      await query
        .updateTable("bulks")
        .set({ state: error === null ? "complete" : "interrupted", error: error === null ? null : storable(JSON.stringify(error)) })
        .where("id", "=", id)
        .execute();
    },

    get: async (projectId, id) => {
      const row = await query.selectFrom("bulks").selectAll().where("id", "=", id).where("project_id", "=", projectId).executeTakeFirst();
      if (row === undefined) return null;
      const rows = await query
        .selectFrom("bulk_items")
        .leftJoin("jobs", "jobs.id", "bulk_items.job_id")
        .select((of) => ["jobs.status", of("bulk_items.job_id", "is not", null).as("accepted"), of.fn.countAll<number | string>().as("count")])
        .where("bulk_items.bulk_id", "=", id)
        .groupBy(["jobs.status", "accepted"])
        .execute();
      const counts: BulkCounts = { awaiting_binaries: 0, queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, deleted: 0, refused: 0 };
      for (const { status, accepted, count } of rows) counts[status ?? (accepted ? "deleted" : "refused")] += Number(count);
      const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
      return { id, createdAt: row.created_at, state: row.state, error: errorOf(row.error), total, counts };
    },

    items: async (id, { after, limit, refused }) => {
      let some = query
        .selectFrom("bulk_items")
        .leftJoin("jobs", "jobs.id", "bulk_items.job_id")
        .select(["bulk_items.position", "bulk_items.filename", "bulk_items.job_id", "bulk_items.error"])
        .select(["jobs.status", "jobs.error as job_error", "jobs.signature_hash", "jobs.signature_title", "jobs.duplicate_of"])
        .where("bulk_items.bulk_id", "=", id)
        .where("bulk_items.position", ">", after)
        .orderBy("bulk_items.position")
        .limit(limit);
      if (refused) some = some.where("bulk_items.job_id", "is", null);
      return (await some.execute()).map((row) => ({
        position: row.position,
        filename: row.filename,
        job_id: row.job_id,
        status: row.status,
        signature: row.signature_hash === null ? null : { hash: row.signature_hash, title: row.signature_title ?? "" },
        duplicate_of: row.duplicate_of,
        error: errorOf(row.error ?? row.job_error),
      }));
    },
  };
}
