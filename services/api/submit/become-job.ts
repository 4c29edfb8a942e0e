/** A received upload becomes a job that the queue knows of. */
import type { FastifyBaseLogger } from "fastify";
import type { Job } from "../../contract/job.ts";
import type { ReceivedUpload } from "../../intake/received-upload.ts";
import type { Dependencies } from "../dependencies.ts";
import type { Metrics } from "../metrics.ts";
import { keepUpload } from "./keep-upload.ts";

export async function becomeJob(
  dependencies: Dependencies,
  metrics: Metrics,
  project: string,
  upload: ReceivedUpload,
  log: Pick<FastifyBaseLogger, "info">,
): Promise<Job> {
  const { queue, changes } = dependencies;
  const { job, created } = await keepUpload(dependencies, project, upload);
  const coreBytes = upload.core?.writer.size ?? 0;
  metrics.uploadBytes.inc({ kind: "core" }, coreBytes);
  for (const { writer } of upload.binaries) metrics.uploadBytes.inc({ kind: "binary" }, writer.size);
  for (const { writer } of upload.attachments) metrics.uploadBytes.inc({ kind: "attachment" }, writer.size);
  const queued = created && job.status === "queued" ? await queue.add(job.id, coreBytes) : null;
  await changes.announce(job.id);
  log.info({ job_id: job.id, created, queue: queued, core_bytes: coreBytes, binaries: upload.binaries.length }, "job_submitted");
  return job;
}
