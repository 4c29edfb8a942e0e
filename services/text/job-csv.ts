/** Jobs as rows of a table; a job's nested fields get columns of their own, labels one as JSON. */
import type { Job } from "../contract/job.ts";
import { csvRow } from "./csv.ts";

const columns: readonly (readonly [string, (job: Job) => string | number | null])[] = [
  ["id", (job) => job.id],
  ["status", (job) => job.status],
  ["created_at", (job) => job.created_at],
  ["started_at", (job) => job.started_at],
  ["finished_at", (job) => job.finished_at],
  ["executable_name", (job) => job.core?.executable_name ?? null],
  ["signal", (job) => job.core?.signal ?? null],
  ["pid", (job) => job.core?.pid ?? null],
  ["signature", (job) => job.signature?.hash ?? null],
  ["title", (job) => job.signature?.title ?? null],
  ["error", (job) => job.error?.code ?? null],
  ["attempts", (job) => job.attempts],
  ["core_filename", (job) => job.core?.filename ?? null],
  ["core_size", (job) => job.core?.size ?? null],
  ["core_sha256", (job) => job.core?.sha256 ?? null],
  ["labels", (job) => JSON.stringify(job.labels)],
];

export const jobCsvHead: string = csvRow(columns.map(([name]) => name));

export const jobCsvRow = (job: Job): string => csvRow(columns.map(([, of]) => of(job)));
