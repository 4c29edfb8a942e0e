/** Whether a group grows: the last seven days beside the seven before. */
import type { Trend } from "../contract/group.ts";

const dayMilliseconds = 86_400_000;
const span = 7;
/** Fewer crashes than this in both weeks are chance. */
const fewest = 5;

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

function sum(days: ReadonlyMap<string, number>, now: number, from: number): number {
  let total = 0;
  for (let back = from; back < from + span; back += 1) total += days.get(dayOf(now - back * dayMilliseconds)) ?? 0;
  return total;
}

/** `days`: jobs by day (UTC). `firstSeen`: RFC 3339. */
export function trendOf(days: ReadonlyMap<string, number>, firstSeen: string, now: Date): Trend {
  const recent = sum(days, now.getTime(), 0);
  const before = sum(days, now.getTime(), span);
  const isNew = Date.parse(firstSeen) > now.getTime() - span * dayMilliseconds;
  const told = (direction: Trend["direction"]): Trend => ({ last_7_days: recent, previous_7_days: before, direction });
  if (recent === 0) return told("quiet");
  if (isNew) return told("new");
  if (recent + before < fewest) return told("steady");
  if (recent >= before * 1.5) return told("growing");
  return told(recent * 1.5 <= before ? "falling" : "steady");
}
