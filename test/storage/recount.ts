/**
 * Counts a project's jobs anew, from their rows and reports, beside what the database keeps counted. A job whose report has
 * expired still counts, by what was told of it when it was counted.
 */
import type { Database } from "../../services/storage/database.ts";
import { type Facet, facetsOf } from "../../services/storage/group-facets.ts";
import { decodeReport } from "../../services/storage/report-store.ts";

interface Counts {
  readonly signatures: ReadonlyMap<string, number>;
  readonly groups: ReadonlyMap<string, number>;
  /** By signature, kind and value. */
  readonly facets: ReadonlyMap<string, number>;
}

export interface Recount {
  readonly kept: Counts;
  readonly counted: Counts;
  /** Jobs by group, all and those with the label `host`. */
  readonly stats: ReadonlyMap<string, number>;
  readonly hosts: ReadonlyMap<string, number>;
  /** All jobs, by group, the label `host` and the day. */
  readonly pairs: ReadonlyMap<string, number>;
}

const raise = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
export const nameOf = (...parts: readonly (string | null | undefined)[]) => parts.map((part) => part ?? "none").join(" | ");

export async function recount(database: Database, projectId: string, host: string): Promise<Recount> {
  const { query } = database;
  const own = await query.selectFrom("signatures").selectAll().where("project_id", "=", projectId).execute();
  const groups = await query.selectFrom("groups").selectAll().where("project_id", "=", projectId).execute();
  const facets = await query.selectFrom("signature_facets").selectAll().where("project_id", "=", projectId).execute();
  const jobs = await query
    .selectFrom("jobs")
    .leftJoin("reports", "reports.job_id", "jobs.id")
    .selectAll("jobs")
    .leftJoin("counted_jobs", "counted_jobs.job_id", "jobs.id")
    .select(["reports.body", "reports.size", "counted_jobs.facets"])
    .where("jobs.project_id", "=", projectId)
    .execute();
  const groupOf = new Map(own.map(({ hash, group_hash }) => [hash, group_hash]));
  const [bySignature, byGroup, byFacet, byHost] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  const byPair = new Map<string, number>();
  for (const { body, size, facets: told, ...row } of jobs) {
    const { signature_hash: hash } = row;
    const group = groupOf.get(hash ?? "") ?? "none";
    const labels: Readonly<Record<string, string>> = JSON.parse(row.labels);
    raise(byPair, nameOf(group, labels["host"], row.created_at.slice(0, 10)));
    if (hash === null) continue;
    raise(bySignature, hash);
    raise(byGroup, group);
    if (row.labels.includes(`"${host}"`)) raise(byHost, group);
    const expired: Facet[] = JSON.parse(told ?? "[]");
    for (const [kind, value] of body === null || size === null ? expired : facetsOf(row, await decodeReport({ body, size })))
      raise(byFacet, nameOf(hash, kind, value));
  }
  const some = (rows: readonly { readonly hash: string; readonly count: number }[]) =>
    new Map(rows.filter(({ count }) => count !== 0).map(({ hash, count }) => [hash, count]));
  return {
    kept: {
      signatures: some(own),
      groups: some(groups),
      facets: new Map(facets.map(({ signature, kind, value, count }) => [nameOf(signature, kind, value), count])),
    },
    counted: { signatures: bySignature, groups: byGroup, facets: byFacet },
    stats: byGroup,
    hosts: byHost,
    pairs: byPair,
  };
}
