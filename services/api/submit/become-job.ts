/** Received uploads become jobs that the queue knows of. */
import type { FastifyBaseLogger } from "fastify";
import type { Job } from "../../contract/job.ts";
import type { ReceivedUpload } from "../../intake/received-upload.ts";
import { queuedJob } from "../../queue/queue-settings.ts";
import type { Dependencies } from "../dependencies.ts";
import type { Metrics } from "../metrics.ts";
import { keepUpload, keepUploads } from "./keep-upload.ts";

type Log = Pick<FastifyBaseLogger, "info">;

function measure(metrics: Metrics, { core, binaries, attachments }: ReceivedUpload): number {
  const coreBytes = core?.writer.size ?? 0;
  metrics.uploadBytes.inc({ kind: "core" }, coreBytes);
  for (const { writer } of binaries) metrics.uploadBytes.inc({ kind: "binary" }, writer.size);
  for (const { writer } of attachments) metrics.uploadBytes.inc({ kind: "attachment" }, writer.size);
  return coreBytes;
}

export async function becomeJob(dependencies: Dependencies, metrics: Metrics, project: string, upload: ReceivedUpload, log: Log): Promise<Job> {
  const { queue, changes } = dependencies;
  const { job, created } = await keepUpload(dependencies, project, upload);
  const coreBytes = measure(metrics, upload);
  const queued = created && job.status === "queued" ? await queue.add(queuedJob(job)) : null;
  await changes.announce(job.id);
  log.info({ job_id: job.id, created, queue: queued, core_bytes: coreBytes, binaries: upload.binaries.length }, "job_submitted");
  return job;
}

/** Many at once: one commit and one word to the queue for all of them. In the order of the uploads. */
export async function becomeJobs(
  dependencies: Dependencies,
  metrics: Metrics,
  project: string,
  uploads: readonly ReceivedUpload[],
  log: Log,
): Promise<readonly Job[]> {
  const jobs = await keepUploads(dependencies, project, uploads);
  const bytes = uploads.reduce((sum, upload) => sum + measure(metrics, upload), 0);
  const queued = await dependencies.queue.addNew(jobs.filter(({ status }) => status === "queued").map(queuedJob));
  log.info({ jobs: jobs.length, first_job_id: jobs[0]?.id ?? null, queue: queued, core_bytes: bytes }, "jobs_submitted");
  return jobs;
}
