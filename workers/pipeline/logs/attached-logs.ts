/** The attachments of a job, read: what each of them tells. */
import { createReadStream } from "node:fs";
import { Failure } from "../../../services/contract/failure.ts";
import { type ReadLog, readLog } from "../../../services/logs/read-log.ts";
import type { BlobStore } from "../../../services/storage/blob-store.ts";
import type { JobStore } from "../../../services/storage/job-store.ts";

export interface AttachedLog extends ReadLog {
  readonly filename: string | null;
  readonly size: number;
}

/** In the order in which they were sent; one whose bytes are gone is left out. */
export async function attachedLogs(
  { attachments, blobs }: { readonly attachments: JobStore["attachments"]; readonly blobs: Pick<BlobStore, "localFile"> },
  jobId: string,
): Promise<AttachedLog[]> {
  const logs: AttachedLog[] = [];
  for (const { filename, size, blob } of await attachments(jobId)) {
    try {
      await using file = await blobs.localFile(blob);
      logs.push({ filename, size, ...(await readLog(createReadStream(file.path))) });
    } catch (error) {
      if (!(error instanceof Failure && error.code === "blob_not_found")) throw error;
    }
  }
  return logs;
}
