/** Brings right what earlier versions left of equal cores: duplicates of a job that is gone, and crashes that nobody counts since the first job failed. */
import type { Transaction } from "kysely";
import { holdCores } from "./core-locks.ts";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";
import { giveWay, passOn } from "./stand-in.ts";

const firstsAtOnce = 200;

async function mendOne(transaction: Transaction<Schema>, first: string): Promise<void> {
  const core = await transaction
    .selectFrom("jobs")
    .select(["project_id as projectId", "core_sha256 as digest"])
    .where("duplicate_of", "=", first)
    .executeTakeFirst();
  if (core === undefined) return;
  await holdCores(transaction, [core]);
  const found = await transaction.selectFrom("jobs").select("status").where("id", "=", first).executeTakeFirst();
  if (found === undefined) await passOn(transaction, first);
  else if (found.status === "failed") await giveWay(transaction, first);
}

/** How many first jobs were looked at more closely; ends early when `stop` is aborted. */
export async function mendDuplicates({ query }: Pick<Database, "query">, stop: AbortSignal): Promise<number> {
  let mended = 0;
  for (let after = ""; !stop.aborted; ) {
    const firsts = await query
      .selectFrom("jobs")
      .select("duplicate_of as id")
      .distinct()
      .where("duplicate_of", ">", after)
      .orderBy("duplicate_of")
      .limit(firstsAtOnce)
      .execute();
    const ids = firsts.flatMap(({ id }) => id ?? []);
    const last = ids.at(-1);
    if (last === undefined) return mended;
    const known = await query.selectFrom("jobs").select(["id", "status"]).where("id", "in", ids).execute();
    const well = new Set(known.filter(({ status }) => status !== "failed").map(({ id }) => id));
    for (const id of ids.filter((each) => !well.has(each))) {
      await query.transaction().execute((transaction) => mendOne(transaction, id));
      mended += 1;
    }
    after = last;
  }
  return mended;
}
