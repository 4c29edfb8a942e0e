/** How many jobs there are, over all projects: for the operator's figures. Read from the search index's columns, not from a million rows. */
import type { JobStatus } from "../contract/job.ts";
import type { Database } from "./database.ts";
import { decodeColumn } from "./search/column-block.ts";
import { termsOfIds } from "./search/dictionary.ts";

export async function countJobsByStatus(database: Database): Promise<Record<JobStatus, number>> {
  const counts: Record<string, number> & Record<JobStatus, number> = { awaiting_binaries: 0, queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
  const rows = await database.query.selectFrom("search_columns").select("body").where("field", "=", "status").execute();
  const byTerm = new Map<number, number>();
  for (const { body } of rows) {
    const { values, places } = decodeColumn(body);
    const own = new Uint32Array(values.length);
    for (const place of places) own[place] = (own[place] ?? 0) + 1;
    for (const [place, count] of own.entries()) {
      const term = values[place] ?? 0;
      if (term !== 0) byTerm.set(term, (byTerm.get(term) ?? 0) + count);
    }
  }
  const terms = await termsOfIds(database.query, [...byTerm.keys()]);
  for (const [term, count] of byTerm) {
    const status = terms.get(term)?.value;
    if (status !== undefined && status in counts) counts[status] = (counts[status] ?? 0) + count;
  }
  return counts;
}
