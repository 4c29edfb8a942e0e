import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { storeContract } from "./store-contract.ts";

describe("on SQLite", () => {
  storeContract(() => openDatabase("sqlite::memory:"));
});

test("a folder that is not there yet is made, for its owner alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "inquest-sqlite-"));
  try {
    await using database = await openDatabase(`sqlite:${folder}/data/inner/inquest.sqlite`);
    await database.ping();
    expect((await stat(join(folder, "data"))).mode & 0o777).toBe(0o700);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
