/**
 * The reports, by job: JSON texts, written by `JobStore.finish` in the transaction that ends the job.
 *
 * They are kept compressed (zstd, about a tenth of the text): a report of many threads has some megabytes, and less
 * written means a shorter time in which the database is locked for others.
 */
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import type { Report } from "../contract/report.ts";
import type { Database } from "./database.ts";
import type { ReportTable } from "./schema.ts";

export interface ReportStore {
  /** Null when there is none (not finished, failed, expired or deleted). */
  get(jobId: string): Promise<Report | null>;
  /** The JSON text as it was stored, for answers that need no parsing. */
  text(jobId: string): Promise<string | null>;
}

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export async function encodeReport(report: Report): Promise<Pick<ReportTable, "size" | "encoding" | "body">> {
  const text = Buffer.from(JSON.stringify(report));
  return { size: text.length, encoding: "zstd", body: await compress(text) };
}

export async function decodeReport({ body, size }: Pick<ReportTable, "body" | "size">): Promise<Report> {
  const report: Report = JSON.parse((await decompress(body, { maxOutputLength: size })).toString());
  return report;
}

export function createReportStore(database: Database): ReportStore {
  const text: ReportStore["text"] = async (jobId) => {
    const row = await database.query.selectFrom("reports").select(["size", "body"]).where("job_id", "=", jobId).executeTakeFirst();
    return row === undefined ? null : (await decompress(row.body, { maxOutputLength: row.size })).toString();
  };
  return {
    text,
    get: async (jobId) => {
      const json = await text(jobId);
      const report: Report | null = json === null ? null : JSON.parse(json);
      return report;
    },
  };
}
