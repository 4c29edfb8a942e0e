/** Uploads a core with its binaries through HTTP, waits for the end and fetches the report: what a user's script does. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Static, TSchema } from "typebox";
import { Value } from "typebox/value";
import { Job } from "../../services/contract/job.ts";
import { Report } from "../../services/contract/report.ts";
import { type FormBody, formBody } from "../../services/client/form-body.ts";

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
  /** Null: logs alone. */
  readonly core: string | null;
  readonly binaries?: readonly (string | NamedFile)[];
  readonly attachments?: readonly NamedFile[];
  readonly labels?: Readonly<Record<string, string>>;
}

/** A service: its address, with the token of a project where it asks for one. */
export type Service = string | { readonly url: string; readonly token: string };

const addressOf = (service: Service) => (typeof service === "string" ? service : service.url);
const authorization = (service: Service): Record<string, string> => (typeof service === "string" ? {} : { authorization: `Bearer ${service.token}` });

/** Streams the form from disk; an answer that comes before the body's end counts. */
async function post(service: Service, path: string, form: FormBody): Promise<{ readonly status: number; readonly body: string }> {
  const headers = { ...authorization(service), "content-type": form.type, ...(form.length === null ? {} : { "content-length": form.length }) };
  const outgoing = request(`${addressOf(service)}${path}`, { method: "POST", headers, agent: false });
  const answered = once(outgoing, "response");
  const source = Readable.fromWeb(form.stream());
  source.pipe(outgoing);
  try {
    const [incoming]: IncomingMessage[] = await answered;
    if (incoming === undefined) throw new Error("no answer");
    // What the service does not read any more may fail to be sent.
    outgoing.on("error", () => source.destroy());
    return { status: incoming.statusCode ?? 0, body: await text(incoming) };
  } finally {
    outgoing.destroy();
    source.destroy();
  }
}

export async function submit(service: Service, { core, binaries = [], attachments = [], labels }: Submission): Promise<Job> {
  const parts = binaries.map((binary) => (typeof binary === "string" ? { path: binary, name: basename(binary) } : binary));
  const form = await formBody(labels === undefined ? {} : { labels: JSON.stringify(labels) }, [
    ...(core === null ? [] : [{ field: "core", path: core, filename: basename(core) }]),
    ...attachments.map(({ path, name }) => ({ field: "attachment", path, filename: name })),
    ...parts.map(({ path, name }) => ({ field: "binary", path, filename: name })),
  ]);
  const { status, body } = await post(service, "/v1/jobs", form);
  if (status !== 202) throw new RefusedUpload(status, body);
  return validated(Job, body);
}

export async function getJob(service: Service, id: string, wait = 0): Promise<Job> {
  const response = await fetch(`${addressOf(service)}/v1/jobs/${id}?wait=${wait}`, { headers: authorization(service) });
  const body = await response.text();
  if (response.status !== 200) throw new Error(`GET job answered ${response.status}: ${body}`);
  return validated(Job, body);
}

const ended = (job: Job) => job.status === "succeeded" || job.status === "failed" || job.status === "cancelled";

/** Polls with ?wait= until the job has ended, at most `seconds`. */
export async function awaitJob(service: Service, id: string, seconds = 120): Promise<Job> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const job = await getJob(service, id, 10);
    if (ended(job)) return job;
    if (Date.now() > deadline) throw new Error(`the job is still ${job.status} at ${job.progress.stage} after ${seconds} s`);
  }
}

export async function getReport(service: Service, id: string): Promise<Report> {
  const response = await fetch(`${addressOf(service)}/v1/jobs/${id}/report`, { headers: { ...authorization(service), accept: "application/json" } });
  const body = await response.text();
  if (response.status !== 200) throw new Error(`GET report answered ${response.status}: ${body}`);
  return validated(Report, body);
}

export async function getText(service: Service, id: string): Promise<string> {
  const response = await fetch(`${addressOf(service)}/v1/jobs/${id}/report`, { headers: { ...authorization(service), accept: "text/plain" } });
  return response.text();
}

/** Uploads, waits, fetches; throws when the job did not succeed. */
export async function analyse(service: Service, submission: Submission): Promise<{ readonly job: Job; readonly report: Report }> {
  const { id } = await submit(service, submission);
  const job = await awaitJob(service, id);
  if (job.status !== "succeeded") throw new Error(`the job ${job.status}: ${JSON.stringify(job.error)}`);
  return { job, report: await getReport(service, id) };
}
