import { setTimeout as sleep } from "node:timers/promises";
import { type RawBuilder, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Database, openDatabase } from "../../../services/storage/database.ts";
import { createJobStore } from "../../../services/storage/create-job-store.ts";
import { type PrivatePostgres, startPrivatePostgres } from "../../support/private-postgres.ts";
import { newJob, newReport } from "../sample.ts";
import { changeContract } from "../change-contract.ts";
import { groupContract } from "../group-contract.ts";
import { searchContract } from "../search-contract.ts";
import { storeContract } from "../store-contract.ts";
import { standInContract } from "../stand-in-contract.ts";
import { webhookContract } from "../webhook-contract.ts";

let postgres: PrivatePostgres;

beforeAll(async () => {
  postgres = await startPrivatePostgres();
});
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

/** Until another connection waits for a lock that this one has. */
async function untilOneWaits({ query }: Database): Promise<void> {
  for (;;) {
    const { rows } = await sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(query);
    if (rows.length > 0) return;
    await sleep(5);
  }
}

/** `work` begins while a transaction holds what `step` takes, and that is committed once `work` waits for it, and `meanwhile` is done. */
async function whileHeld<T>(
  database: Database,
  step: RawBuilder<unknown>,
  work: () => Promise<T>,
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
): Promise<T> {
  const { begun } = await database.query.transaction().execute(async (transaction) => {
    await step.execute(transaction);
    const begun = work();
    begun.catch(() => undefined);
    await untilOneWaits(database);
    await meanwhile();
    return { begun };
  });
  return await begun;
}

describe("on PostgreSQL", () => {
  storeContract(async () => openDatabase(await postgres.createDatabase()));
  searchContract(async () => openDatabase(await postgres.createDatabase()));
  groupContract(async () => openDatabase(await postgres.createDatabase()));
  changeContract(async () => openDatabase(await postgres.createDatabase()));
  standInContract(async () => openDatabase(await postgres.createDatabase()));
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

  describe("a core that expires while its job is asked to be analysed again", () => {
    const expired = new Date("2026-06-01T00:00:00Z");
    async function ended(some: Parameters<typeof newJob>[0] = {}) {
      const database = await openDatabase(await postgres.createDatabase());
      const jobs = createJobStore(database);
      const { job } = await jobs.create(newJob({ coreExpiresAt: "2026-01-01T00:00:00.000Z", ...some }));
      await jobs.finish(job.id, (await jobs.start(job.id))?.run ?? -1, { report: newReport(job.id), missingBinaries: [] });
      return { database, jobs, id: job.id, digest: job.core?.sha256 ?? "", [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
    }
    const blobs = async ({ jobs, id }: Awaited<ReturnType<typeof ended>>) => [
      (await jobs.get("default", id))?.coreBlob ?? null,
      ...(await jobs.attachments(id)).map(({ blob }) => blob),
    ];
    const log = { core: null, coreBlob: null, attachments: [{ filename: "log", size: 1, sha256: "0", blob: "attachments/1" }] };

    test("stays when it was found to be old before that, and is let go after", async () => {
      await using all = await ended();
      const core = sql`select pg_advisory_xact_lock(hashtextextended(${`default ${all.digest}`}, 0))`;
      await whileHeld(
        all.database,
        core,
        () => all.jobs.expire(expired),
        () => all.jobs.requeue("default", all.id),
      );
      expect(await blobs(all)).toEqual([`cores/${all.id}`]);
      expect(await all.jobs.get("default", all.id)).toMatchObject({ job: { status: "queued", core_gone: null } });
    });

    test.each([
      ["a core", {}],
      ["logs alone", log],
    ])("stays when the job's row is held by who asks for it (%s)", async (_what, some) => {
      await using all = await ended(some);
      const before = await blobs(all);
      const queued = sql`update jobs set status = 'queued' where id = ${all.id}`;
      await whileHeld(all.database, queued, () => all.jobs.expire(expired));
      expect(await blobs(all)).toEqual(before);
    });

    test.each([
      ["a core", {}],
      ["logs alone", log],
    ])("is told as lost when it went while that was asked (%s)", async (_what, some) => {
      await using all = await ended(some);
      const gone = sql`with went as (delete from attachments where job_id = ${all.id}) update jobs set core_blob = null, core_gone = 'expired' where id = ${all.id}`;
      await expect(whileHeld(all.database, gone, () => all.jobs.requeue("default", all.id))).rejects.toMatchObject({ code: "core_lost" });
      expect(await all.jobs.get("default", all.id)).toMatchObject({ job: { status: "succeeded" } });
    });
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
