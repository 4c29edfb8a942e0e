import { expect, test } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { GroupCounts } from "../../services/storage/group-filter.ts";
import { termIds, termKey } from "../../services/storage/search/dictionary.ts";

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

const hashOf = (at: number) => `s${String(at).padStart(5, "0")}`;

test.each([10, 2_500])("counts of %i groups are told by name and by size, those of merged signatures as their group's", async (size) => {
  await using database = await openDatabase("sqlite::memory:");
  const terms = Array.from({ length: size }, (_, at) => ({ kind: "signature", value: hashOf(at) }));
  const ids = await database.query.transaction().execute((transaction) => termIds(transaction, "default", terms));
  const idOf = (at: number) => ids.get(termKey({ kind: "signature", value: hashOf(at) })) ?? 0;
  // Signature 3 was merged into the group of 4; 5 into one whose founder no job ever had.
  const counts = new Map(terms.map((_, at) => [idOf(at), 1 + (at % 3)]));
  counts.delete(idOf(3));
  const moved = {
    groups: new Map([
      [hashOf(3), hashOf(4)],
      [hashOf(5), "founder"],
    ]),
    standIns: new Map([[idOf(3), idOf(4)]]),
    leading: new Map([
      [hashOf(4), idOf(4)],
      ["founder", idOf(5)],
    ]),
  };
  const groups = new GroupCounts(database, "default", counts, moved);
  const model = terms.map((_, at) => ({ hash: at === 5 ? "founder" : hashOf(at), count: 1 + (at % 3) })).filter(({ hash }) => hash !== hashOf(3));
  const found = await groups.of([hashOf(0), hashOf(3), hashOf(4), hashOf(5), "founder", "unknown"]);
  expect([hashOf(0), hashOf(3), hashOf(4), hashOf(5), "founder", "unknown"].map((hash) => found.get(hash))).toEqual([1, undefined, 2, undefined, 3, undefined]);
  const ordered = model.toSorted((one, other) => other.count - one.count || (one.hash < other.hash ? 1 : -1));
  expect(await all(groups.largest(null))).toEqual(ordered);
  const after = { count: 2, hash: hashOf(4) };
  expect(await all(groups.largest(after))).toEqual(ordered.slice(ordered.findIndex(({ hash }) => hash === after.hash) + 1));
});
