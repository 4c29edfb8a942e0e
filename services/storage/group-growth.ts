/** Whether a group grows today: beside the daily mean of the seven days before, days without a crash included. */
import type { Transaction } from "kysely";
import type { Growing } from "../contract/webhook.ts";
import type { Schema } from "./schema.ts";

const daysBefore = 7;
const dayMilliseconds = 86_400_000;

export interface Growth {
  readonly today: number;
  readonly dailyMean: number;
}

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

export const grows = ({ today, dailyMean }: Growth, { factor, at_least }: Growing): boolean => today >= at_least && today >= factor * dailyMean;

/** `counts`: jobs by day (UTC). */
export function growthOn(counts: ReadonlyMap<string, number>, now: Date): Growth {
  let before = 0;
  for (let back = 1; back <= daysBefore; back += 1) before += counts.get(dayOf(now.getTime() - back * dayMilliseconds)) ?? 0;
  return { today: counts.get(dayOf(now.getTime())) ?? 0, dailyMean: Math.round((before / daysBefore) * 100) / 100 };
}

export async function growthOf(transaction: Transaction<Schema>, projectId: string, group: string, now: Date): Promise<Growth> {
  const rows = await transaction
    .selectFrom("signatures")
    .innerJoin("signature_facets as facet", (join) =>
      join.onRef("facet.project_id", "=", "signatures.project_id").onRef("facet.signature", "=", "signatures.hash"),
    )
    .select((query) => ["facet.value", query.fn.sum<number | string>("facet.count").as("count")])
    .where("signatures.project_id", "=", projectId)
    .where("signatures.group_hash", "=", group)
    .where("facet.kind", "=", "day")
    .where("facet.value", ">=", dayOf(now.getTime() - daysBefore * dayMilliseconds))
    .groupBy("facet.value")
    .execute();
  return growthOn(new Map(rows.map(({ value, count }) => [value, Number(count)])), now);
}
