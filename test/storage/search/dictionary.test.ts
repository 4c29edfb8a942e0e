import { describe, expect, test } from "vitest";
import { type Database, openDatabase } from "../../../services/storage/database.ts";
import { termIds, termKey, termsOfIds, termsOfOneKind } from "../../../services/storage/search/dictionary.ts";

const signatures = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => ({ kind: "signature", value: `s${from + at}` }));
const idsOf = (database: Database, terms: ReturnType<typeof signatures>, projectId = "default") =>
  database.query.transaction().execute((transaction) => termIds(transaction, projectId, terms));

async function open() {
  const statements: string[] = [];
  const database = await openDatabase("sqlite::memory:", { observe: ({ sql }) => statements.push(sql) });
  return { database, statements, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

describe("the terms of many ids of a kind", () => {
  test("are read by one range, and remembered", async () => {
    await using all = await open();
    const ids = await idsOf(all.database, signatures(0, 1_200));
    await idsOf(all.database, [{ kind: "file", value: "s1" }]);
    await idsOf(all.database, signatures(0, 3), "other");
    const expected = new Map([...ids].map(([key, id]) => [id, { kind: "signature", value: key.slice("signature\n".length) }]));
    all.statements.length = 0;
    expect(await termsOfOneKind(all.database.query, "default", "signature", [...ids.values()])).toEqual(expected);
    expect(all.statements).toHaveLength(1);
    expect(await termsOfOneKind(all.database.query, "default", "signature", [...ids.values()])).toEqual(expected);
    expect(await termsOfIds(all.database.query, [...ids.values()].slice(0, 2))).toEqual(new Map([...expected].slice(0, 2)));
    expect(all.statements).toHaveLength(1);
  });

  test("are those of terms that came since, too", async () => {
    await using all = await open();
    const before = await idsOf(all.database, signatures(0, 600));
    await termsOfOneKind(all.database.query, "default", "signature", [...before.values()]);
    const since = await idsOf(all.database, signatures(600, 610));
    const values = await termsOfOneKind(all.database.query, "default", "signature", [...before.values(), ...since.values()]);
    expect(values.size).toBe(610);
    for (const term of signatures(600, 610)) expect(values.get(since.get(termKey(term)) ?? -1)).toEqual(term);
  });
});
