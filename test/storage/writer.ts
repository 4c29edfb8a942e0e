/** A process that opens the database and creates jobs one after the other, telling each id once it is committed.   usage: writer.ts URL COUNT [PAUSE_MS] */
import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase } from "../../services/storage/database.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { newJob, newReport } from "./sample.ts";

const [url = "", count = "0", pause = "0"] = process.argv.slice(2);
await using database = await openDatabase(url);
const jobs = createJobStore(database);
for (let written = 0; written < Number(count); written += 1) {
  const { job } = await jobs.create(newJob());
  await jobs.start(job.id);
  await jobs.finish(job.id, 1, { report: newReport(job.id), missingBinaries: [] });
  process.stdout.write(`${job.id}\n`);
  if (pause !== "0") await sleep(Number(pause));
}
