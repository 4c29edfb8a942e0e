/** A worker process that takes one job, says so and never ends it; the test kills it.   usage: holding-worker.ts REDIS-URL DATABASE-URL */
import { openDatabase } from "../../services/storage/database.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { connect, startConsumer } from "./parts.ts";

const [redisUrl = "", databaseUrl = ""] = process.argv.slice(2);
const jobs = createJobStore(await openDatabase(databaseUrl));
await startConsumer(connect(redisUrl), async (job) => {
  const started = await jobs.start(job.data.job_id);
  process.stdout.write(`${started?.job.id}\n`);
  await new Promise(() => undefined);
});
