/**
 * Changes of all jobs that filters leave.
 *
 * The jobs are walked from the newest to the oldest, below the id of the change itself: what comes later is not touched, and a
 * job that no longer matches because it was changed shifts nothing. Each step is one short transaction that changes some jobs
 * and notes how far the walk has come, so a process that dies leaves a change that another goes on with. A dry run is the same
 * walk, without the changes.
 */
import { sql, type Transaction } from "kysely";
import { v7 } from "uuid";
import type { BulkAction, BulkChange, BulkChangeState } from "../contract/bulk-change.ts";
import { Failure } from "../contract/failure.ts";
import type { Job, JobError, LabelChange } from "../contract/job.ts";
import type { JobOptions } from "../contract/job-options.ts";
import { changedLabels, type LabelLimits } from "../contract/labels.ts";
import { decoded, sampleOf, toBulkChange } from "./bulk-change-row.ts";
import { holdCores } from "./core-locks.ts";
import type { Database } from "./database.ts";
import { deleteJob, requeueJob, whyNotRequeued } from "./job-control.ts";
import { decodeCursor, encodeCursor } from "./job-cursor.ts";
import { relabel } from "./job-edit.ts";
import { toJob } from "./job-row.ts";
import { jobPage } from "./job-search.ts";
import { jobStats } from "./job-stats.ts";
import type { JobFilters } from "./job-store.ts";
import type { BulkChangeTable, JobTable, Schema } from "./schema.ts";
import { storable } from "./search-text.ts";

export interface NewBulkChange {
  readonly action: BulkAction;
  readonly dryRun: boolean;
  readonly filters: JobFilters;
  /** The filters as the request gave them. */
  readonly query: Readonly<Record<string, string>>;
  readonly labels: LabelChange | null;
  readonly options: JobOptions | null;
  readonly expiresAt: string;
}

/** What a step did, for those who are to be told. */
export interface BulkStep {
  readonly queued: readonly Job[];
  readonly deleted: readonly string[];
  readonly ended: boolean;
}

export interface BulkChangeStore {
  create(projectId: string, change: NewBulkChange): Promise<BulkChange>;
  get(projectId: string, id: string): Promise<BulkChange | null>;
  /** Newest first. A cursor that is not ours rejects with `invalid_cursor`. */
  list(
    projectId: string,
    page: { readonly state: BulkChangeState | null; readonly limit: number; readonly cursor: string | null },
  ): Promise<{ readonly items: BulkChange[]; readonly nextCursor: string | null }>;
  /** One that runs becomes `cancelled`, and touches no job any more; as it is now. Null: no such change. */
  cancel(projectId: string, id: string): Promise<BulkChange | null>;
  /** One that nobody works on, for so long; null when there is none. */
  claim(leaseSeconds: number): Promise<ClaimedChange | null>;
  /** The next jobs of it. Null when another works on it. */
  step(claimed: ClaimedChange, leaseSeconds: number): Promise<{ readonly claimed: ClaimedChange; readonly step: BulkStep } | null>;
  fail(claimed: ClaimedChange, error: JobError): Promise<void>;
}

/** As it was last seen; a step holds only while it still is so. */
export type ClaimedChange = BulkChangeTable;

/** Of one transaction; a dry run writes little. */
const jobsAtOnce = (dryRun: boolean) => (dryRun ? 500 : 25);
const mostSampled = 20;

/** Why the labels cannot be changed so; null when they can. */
function whyNotRelabelled(row: JobTable, change: LabelChange, limits: LabelLimits): string | null {
  const before: Readonly<Record<string, string>> = JSON.parse(row.labels);
  try {
    const after = changedLabels(before, change, limits);
    return Object.keys({ ...before, ...after }).every((name) => before[name] === after[name]) ? "unchanged" : null;
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

interface Outcome {
  readonly skipped: string | null;
  readonly queued?: Job;
}

async function applyTo(transaction: Transaction<Schema>, row: JobTable, change: ClaimedChange, limits: LabelLimits): Promise<Outcome> {
  const { project_id: project } = change;
  if (change.action === "delete") return { skipped: (await deleteJob(transaction, project, row.id)) ? null : "job_not_found" };
  if (change.action === "label") {
    const labels = decoded(change).labels ?? {};
    const revise = (by: 0 | 1) =>
      transaction
        .updateTable("jobs")
        .set((column) => ({ revision: column("revision", "+", by) }))
        .where("id", "=", row.id)
        .returningAll()
        .executeTakeFirst();
    // Changes nothing yet, and holds the row, so that an edit that races is not lost.
    const held = await revise(0);
    if (held === undefined) return { skipped: "job_not_found" };
    const why = whyNotRelabelled(held, labels, limits);
    if (why !== null) return { skipped: why };
    await relabel(transaction, held, labels, limits);
    await revise(1);
    return { skipped: null };
  }
  const queued = await requeueJob(transaction, project, row.id, decoded(change).options, "low");
  if (queued !== null) return { skipped: null, queued: toJob(queued) };
  const now = await transaction.selectFrom("jobs").selectAll().where("id", "=", row.id).executeTakeFirst();
  return { skipped: now === undefined ? "job_not_found" : (whyNotRequeued(now) ?? "core_lost") };
}

function foresee(row: JobTable, change: ClaimedChange, limits: LabelLimits): Outcome {
  if (change.action === "delete") return { skipped: null };
  return { skipped: change.action === "label" ? whyNotRelabelled(row, decoded(change).labels ?? {}, limits) : whyNotRequeued(row) };
}

const leaseUntil = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

export function createBulkChangeStore(database: Database, limits: LabelLimits): BulkChangeStore {
  const { query } = database;

  /** Holds only while nobody else has gone on with it. */
  const update = (transaction: Transaction<Schema> | Database["query"], { id, before_id, leased_until }: ClaimedChange, to: Partial<BulkChangeTable>) =>
    transaction
      .updateTable("bulk_changes")
      .set(to)
      .where("id", "=", id)
      .where("state", "=", "running")
      .where("before_id", "=", before_id)
      .where("leased_until", "=", leased_until)
      .returningAll()
      .executeTakeFirst();

  const one = (projectId: string, id: string) =>
    query.selectFrom("bulk_changes").selectAll().where("id", "=", id).where("project_id", "=", projectId).executeTakeFirst();

  return {
    create: async (projectId, { action, dryRun, filters, query: asked, labels, options, expiresAt }) => {
      const id = v7();
      const { total } = await jobStats(database, projectId, filters, { by: ["status"], interval: null, limit: 1 });
      const row = await query
        .insertInto("bulk_changes")
        .values({
          id,
          project_id: projectId,
          action,
          dry_run: Number(dryRun),
          state: "running",
          query: storable(JSON.stringify(asked)),
          filters: storable(JSON.stringify(filters)),
          labels: labels === null ? null : storable(JSON.stringify(labels)),
          options: options === null ? null : JSON.stringify(options),
          total,
          seen: 0,
          changed: 0,
          skipped: "{}",
          sample: "[]",
          error: null,
          before_id: id,
          leased_until: "",
          created_at: new Date().toISOString(),
          finished_at: null,
          expires_at: expiresAt,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return toBulkChange(row);
    },

    get: async (projectId, id) => {
      const row = await one(projectId, id);
      return row === undefined ? null : toBulkChange(row);
    },

    list: async (projectId, { state, limit, cursor }) => {
      let select = query.selectFrom("bulk_changes").selectAll().where("project_id", "=", projectId);
      if (state !== null) select = select.where(sql<BulkChangeState>`state || ''`, "=", state);
      if (cursor !== null) select = select.where("id", "<", decodeCursor(cursor));
      const rows = await select
        .orderBy("id", "desc")
        .limit(limit + 1)
        .execute();
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      return { items: shown.map(toBulkChange), nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null };
    },

    // A step that is under way holds the row, so this waits for it.
    cancel: async (projectId, id) => {
      await query
        .updateTable("bulk_changes")
        .set({ state: "cancelled", finished_at: new Date().toISOString() })
        .where("id", "=", id)
        .where("project_id", "=", projectId)
        .where("state", "=", "running")
        .execute();
      const row = await one(projectId, id);
      return row === undefined ? null : toBulkChange(row);
    },

    claim: async (leaseSeconds) => {
      const free = await query
        .selectFrom("bulk_changes")
        .selectAll()
        .where("state", "=", "running")
        .where("leased_until", "<=", new Date().toISOString())
        .orderBy("leased_until")
        .limit(1)
        .executeTakeFirst();
      return free === undefined ? null : ((await update(query, free, { leased_until: leaseUntil(leaseSeconds) })) ?? null);
    },

    step: async (claimed, leaseSeconds) => {
      const { filters, skipped: before, sample: shown } = decoded(claimed);
      const most = jobsAtOnce(claimed.dry_run === 1);
      const rows = await jobPage(database, claimed.project_id, filters, claimed.before_id, most);
      return query.transaction().execute(async (transaction) => {
        const queued: Job[] = [];
        const deleted: string[] = [];
        const skipped = { ...before };
        const sample = [...shown];
        let changed = 0;
        // Fewer than asked for tell nothing: one may have been deleted while they were read.
        const ended = rows.length === 0;
        const project = claimed.project_id;
        if (claimed.dry_run === 0 && claimed.action === "delete")
          await holdCores(
            transaction,
            rows.map(({ core_sha256: digest }) => ({ projectId: project, digest })),
          );
        // It holds the change: of two who step, one finds that the other was faster.
        const mine = await update(transaction, claimed, { leased_until: leaseUntil(leaseSeconds) });
        if (mine === undefined) return null;
        for (const row of rows) {
          const outcome = claimed.dry_run === 1 ? foresee(row, claimed, limits) : await applyTo(transaction, row, claimed, limits);
          if (outcome.skipped === null) changed += 1;
          else skipped[outcome.skipped] = (skipped[outcome.skipped] ?? 0) + 1;
          if (outcome.queued !== undefined) queued.push(outcome.queued);
          if (claimed.dry_run === 0 && claimed.action === "delete" && outcome.skipped === null) deleted.push(row.id);
          if (sample.length < mostSampled) sample.push(sampleOf(toJob(row), outcome.skipped));
        }
        const next = await update(transaction, mine, {
          before_id: rows.at(-1)?.id ?? claimed.before_id,
          seen: claimed.seen + rows.length,
          changed: claimed.changed + changed,
          skipped: JSON.stringify(skipped),
          sample: storable(JSON.stringify(sample)),
          ...(ended ? { state: "complete", finished_at: new Date().toISOString() } : {}),
        });
        return next === undefined ? null : { claimed: next, step: { queued, deleted, ended } };
      });
    },

    fail: async (claimed, error) => {
      await update(query, claimed, { state: "failed", error: storable(JSON.stringify(error)), finished_at: new Date().toISOString() });
    },
  };
}
