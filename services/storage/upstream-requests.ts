/**
 * Who asks upstream servers for what: one asker at a time among all workers, and no question again soon that nobody could answer.
 * Kept per project, so that one project's questions tell another nothing.
 */
import type { Database } from "./database.ts";

export type UpstreamKind = "executable" | "debuginfo";

export interface UpstreamQuestion {
  readonly projectId: string;
  readonly buildId: string;
  readonly kind: UpstreamKind;
}

/** `mine`: ask now. `asked`: somebody does. `missing`: nobody has it, as far as is known. */
export type Claim = "mine" | "asked" | "missing";

export interface UpstreamRequests {
  claim(question: UpstreamQuestion, lease: string, seconds: number): Promise<Claim>;
  /** Ends a lease; for `missingSeconds` the answer stands that nobody has it, null when it was found. */
  settle(question: UpstreamQuestion, lease: string, missingSeconds: number | null): Promise<void>;
}

const at = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

export function createUpstreamRequests({ query }: Pick<Database, "query">): UpstreamRequests {
  return {
    claim: async ({ projectId, buildId, kind }, lease, seconds) => {
      const now = at(0);
      const mine = { lease, lease_until: at(seconds), missing_until: null };
      const taken = await query
        .insertInto("upstream_requests")
        .values({ project_id: projectId, build_id: buildId, kind, ...mine })
        .onConflict((conflict) =>
          conflict
            .columns(["project_id", "build_id", "kind"])
            .doUpdateSet(mine)
            .where((row) =>
              row.and([
                row.or([row("upstream_requests.lease_until", "is", null), row("upstream_requests.lease_until", "<=", now)]),
                row.or([row("upstream_requests.missing_until", "is", null), row("upstream_requests.missing_until", "<=", now)]),
              ]),
            ),
        )
        .returning("lease")
        .executeTakeFirst();
      if (taken !== undefined) return "mine";
      const row = await query
        .selectFrom("upstream_requests")
        .select("missing_until")
        .where("project_id", "=", projectId)
        .where("build_id", "=", buildId)
        .where("kind", "=", kind)
        .executeTakeFirst();
      return row?.missing_until != null && row.missing_until > now ? "missing" : "asked";
    },

    settle: async ({ projectId, buildId, kind }, lease, missingSeconds) => {
      await query
        .updateTable("upstream_requests")
        .set({ lease: null, lease_until: null, missing_until: missingSeconds === null ? null : at(missingSeconds) })
        .where("project_id", "=", projectId)
        .where("build_id", "=", buildId)
        .where("kind", "=", kind)
        .where("lease", "=", lease)
        .execute();
    },
  };
}
