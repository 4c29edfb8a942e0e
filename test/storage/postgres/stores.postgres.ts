import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDatabase } from "../../../services/storage/database.ts";
import { createJobStore } from "../../../services/storage/job-store.ts";
import { type PrivatePostgres, startPrivatePostgres } from "../../support/private-postgres.ts";
import { newJob } from "../sample.ts";
import { changeContract } from "../change-contract.ts";
import { groupContract } from "../group-contract.ts";
import { searchContract } from "../search-contract.ts";
import { storeContract } from "../store-contract.ts";
import { webhookContract } from "../webhook-contract.ts";

let postgres: PrivatePostgres;

beforeAll(async () => {
  postgres = await startPrivatePostgres();
});
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

describe("on PostgreSQL", () => {
  storeContract(async () => openDatabase(await postgres.createDatabase()));
  searchContract(async () => openDatabase(await postgres.createDatabase()));
  groupContract(async () => openDatabase(await postgres.createDatabase()));
  changeContract(async () => openDatabase(await postgres.createDatabase()));
  webhookContract(async () => openDatabase(await postgres.createDatabase()));

  test("migrates once when several processes open a new database together", async () => {
    const url = await postgres.createDatabase();
    const databases = await Promise.all(Array.from({ length: 5 }, () => openDatabase(url)));
    for (const database of databases) {
      await createJobStore(database).create(newJob());
      await database[Symbol.asyncDispose]();
    }
    await using database = await openDatabase(url);
    const { items } = await createJobStore(database).list("default", {}, { limit: 10, cursor: null });
    expect(items).toHaveLength(5);
  });

  test("says that the database does not answer, and goes on when it is back", async () => {
    await using database = await openDatabase(await postgres.createDatabase());
    const jobs = createJobStore(database);
    const { job } = await jobs.create(newJob());
    await postgres.stop();
    await expect(jobs.get("default", job.id)).rejects.toMatchObject({ code: "database_unavailable" });
    await expect(database.ping()).rejects.toMatchObject({ code: "database_unavailable" });
    await postgres.start();
    await expect(jobs.get("default", job.id)).resolves.toMatchObject({ job: { id: job.id } });
  });
});
