import type { CompiledQuery } from "kysely";
import { describe, expect, test } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { groupPage, groupSorts, placesOf } from "../../services/storage/group-list.ts";
import { compareReleases } from "../../services/storage/release-order.ts";
import { groupContract } from "./group-contract.ts";

describe("groups on SQLite", () => {
  groupContract(() => openDatabase("sqlite::memory:"));
});

test.each(groupSorts.flatMap((sort) => [null, "open" as const].map((status) => ({ sort, status }))))(
  "a page of groups by $sort with state $status walks one index in its order and sorts nothing",
  async ({ sort, status }) => {
    await using database = await openDatabase("sqlite::memory:");
    const page = { sort, status, newSince: null, limit: 50, cursor: null };
    const after = { value: sort === "count" ? 3 : "2026", hash: "x" };
    const plan = async (query: CompiledQuery) => {
      const { rows } = await database.query.executeQuery<{ detail: string }>({ ...query, sql: `explain query plan ${query.sql}` });
      return rows.map((row) => row.detail);
    };
    const index = `groups_by_${status === null ? "" : "status_and_"}${sort} \\(project_id=\\?`;
    expect(await plan(groupPage(database, "default", page, after).compile())).toEqual([expect.stringMatching(`^SEARCH groups USING INDEX ${index}`)]);
    expect(await plan(placesOf(database, "default", page, after, 10).compile())).toEqual([
      expect.stringMatching(`^SEARCH groups USING COVERING INDEX ${index}`),
    ]);
  },
);

test.each([
  ["1.9", "1.10", -1],
  ["v2.0", "2.0", 0],
  ["2.0rc1", "2.0", -1],
  ["2.0-rc1", "2.0-rc2", -1],
  ["2024-05-01", "2024-04-30", 1],
  ["1.2.3", "1.2.3", 0],
  ["c0ffee", "c0ffee", 0],
  ["c0ffee", "1.0", null],
])("release %s beside %s: %s", (one, other, expected) => {
  const order = compareReleases(one, other);
  expect(order === null ? null : Math.sign(order)).toBe(expected);
});
