/** Uploads a core with its binaries through HTTP, waits for the end and fetches the report: what a user's script does. */
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import type { Static, TSchema } from "typebox";
import { Value } from "typebox/value";
import { Job } from "../../services/contract/job.ts";
import { Report } from "../../services/contract/report.ts";

/** The body as a document of the contract; throws, with where and why, when it is none. */
function validated<T extends TSchema>(schema: T, body: string): Static<T> {
  const document: unknown = JSON.parse(body);
  if (Value.Check(schema, document)) return document;
  const errors = Value.Errors(schema, document).slice(0, 5);
  throw new Error(`breaks the contract: ${errors.map((error) => `${error.instancePath} ${error.message}`).join("; ")}`);
}

/** A file that is uploaded under another name than its own. */
export interface NamedFile {
  readonly path: string;
  readonly name: string;
}

/** An upload that was not taken; the message holds the problem document. */
export class RefusedUpload extends Error {
  readonly status: number;

  constructor(status: number, body: string) {
    super(`POST /v1/jobs answered ${status}: ${body}`);
    this.status = status;
  }
}

export interface Submission {
  readonly core: string;
  readonly binaries?: readonly (string | NamedFile)[];
  readonly labels?: Readonly<Record<string, string>>;
}

export async function submit(url: string, { core, binaries = [], labels }: Submission): Promise<Job> {
  const form = new FormData();
  if (labels !== undefined) form.append("labels", JSON.stringify(labels));
  form.append("core", await openAsBlob(core), basename(core));
  for (const binary of binaries) {
    const { path, name } = typeof binary === "string" ? { path: binary, name: basename(binary) } : binary;
    form.append("binary", await openAsBlob(path), name);
  }
  const response = await fetch(`${url}/v1/jobs`, { method: "POST", body: form });
  const body = await response.text();
  if (response.status !== 202) throw new RefusedUpload(response.status, body);
  return validated(Job, body);
}

export async function getJob(url: string, id: string, wait = 0): Promise<Job> {
  const response = await fetch(`${url}/v1/jobs/${id}?wait=${wait}`);
  const body = await response.text();
  if (response.status !== 200) throw new Error(`GET job answered ${response.status}: ${body}`);
  return validated(Job, body);
}

const ended = (job: Job) => job.status === "succeeded" || job.status === "failed" || job.status === "cancelled";

/** Polls with ?wait= until the job has ended, at most `seconds`. */
export async function awaitJob(url: string, id: string, seconds = 120): Promise<Job> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const job = await getJob(url, id, 10);
    if (ended(job)) return job;
    if (Date.now() > deadline) throw new Error(`the job is still ${job.status} at ${job.progress.stage} after ${seconds} s`);
  }
}

export async function getReport(url: string, id: string): Promise<Report> {
  const response = await fetch(`${url}/v1/jobs/${id}/report`, { headers: { accept: "application/json" } });
  const body = await response.text();
  if (response.status !== 200) throw new Error(`GET report answered ${response.status}: ${body}`);
  return validated(Report, body);
}

export async function getText(url: string, id: string): Promise<string> {
  const response = await fetch(`${url}/v1/jobs/${id}/report`, { headers: { accept: "text/plain" } });
  return response.text();
}

/** Uploads, waits, fetches; throws when the job did not succeed. */
export async function analyse(url: string, submission: Submission): Promise<{ readonly job: Job; readonly report: Report }> {
  const { id } = await submit(url, submission);
  const job = await awaitJob(url, id);
  if (job.status !== "succeeded") throw new Error(`the job ${job.status}: ${JSON.stringify(job.error)}`);
  return { job, report: await getReport(url, id) };
}
