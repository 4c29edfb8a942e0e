/** The API as functions, over fetch. What the service refuses is thrown as Refused, what does not reach it as Unreachable. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Static } from "typebox";
import type { Binary, BinaryKind, NamelessFile } from "../contract/binary.ts";
import type { Group, GroupChange } from "../contract/group.ts";
import type { Job, JobChange } from "../contract/job.ts";
import type { Limits } from "../contract/limits.ts";
import type { Report } from "../contract/report.ts";
import { type Call, calls, type GroupPage, type Health, type JobPage, type KnownBinaries } from "./calls.ts";
import { type ServerEvent, serverEvents } from "./event-lines.ts";
import { formBody } from "./form-body.ts";
import { type ManyJobs, manyJobs } from "./many-jobs.ts";
import { createRequests } from "./requests.ts";
import { type JobUpload, type SentJob, submitJob } from "./submit-job.ts";
import { type Webhooks, webhooks } from "./webhooks.ts";

export interface ClientOptions {
  readonly url: string;
  readonly token?: string | null;
  /** Tries after the first, where trying again can help. */
  readonly retries?: number;
}

/** `status`, `signal`, …, `label.NAME`, `limit`, `cursor`; of groups also `sort` and `new_since`. */
export type JobFilters = Readonly<Record<string, string>>;

export interface Client extends ManyJobs, Webhooks {
  readonly url: string;
  submitJob(upload: JobUpload): Promise<SentJob>;
  getJob(id: string, wait?: number): Promise<Job>;
  /** Until it has ended. */
  awaitJob(id: string, heard?: (job: Job) => void): Promise<Job>;
  listJobs(filters?: JobFilters): Promise<JobPage>;
  /** `etag`: only while the job's is this one; else refused as `precondition_failed`. Answers with that of the change. */
  changeJob(id: string, change: JobChange, etag?: string): Promise<{ readonly job: Job; readonly etag: string }>;
  /** The job with its ETag, for `changeJob`. */
  readJob(id: string): Promise<{ readonly job: Job; readonly etag: string }>;
  /** The stored core; takes the scope `admin`. */
  getCore(id: string): Promise<ReadableStream<Uint8Array>>;
  getReport(id: string): Promise<Report>;
  getReportText(id: string): Promise<string>;
  watchJob(id: string): AsyncGenerator<ServerEvent>;
  getBundle(id: string): Promise<ReadableStream<Uint8Array>>;
  /** `options` by name, with commas between; those of before when none are given. */
  reanalyzeJob(id: string, options?: string): Promise<Job>;
  deleteJob(id: string): Promise<void>;
  addBinaries(paths: readonly string[], onProgress?: (sent: number, total: number) => void): Promise<readonly Binary[]>;
  /** Files that bear the build-id, newest first. */
  getBinary(buildId: string): Promise<KnownBinaries>;
  /** One file under its build-id. */
  putBinary(buildId: string, path: string): Promise<Binary>;
  missingBinaries(buildIds: readonly string[], kinds?: readonly BinaryKind[]): Promise<readonly string[]>;
  /** The same for files without a build-id. */
  missingFiles(files: readonly NamelessFile[]): Promise<readonly NamelessFile[]>;
  listGroups(filters?: JobFilters): Promise<GroupPage>;
  getGroup(hash: string): Promise<Group>;
  changeGroup(hash: string, change: GroupChange): Promise<Group>;
  /** The others come to this one. */
  mergeGroups(hash: string, others: readonly string[]): Promise<Group>;
  /** The signatures leave, each for a group of its own. */
  splitGroup(hash: string, signatures: readonly string[]): Promise<Group>;
  limits(): Promise<Limits>;
  health(): Promise<Static<typeof Health>>;
}

export const hasEnded = ({ status }: Pick<Job, "status">) => status === "succeeded" || status === "failed" || status === "cancelled";

const longestWait = 30;

export function createClient({ url, token = null, retries = 4 }: ClientOptions): Client {
  const requests = createRequests(url, token, retries);
  const { ask, document } = requests;

  const getJob = (id: string, wait = 0) => document(calls.getJob, { parameters: { id }, query: { wait: String(wait) } });

  async function tagged(response: Response): Promise<{ readonly job: Job; readonly etag: string }> {
    const job: Job = JSON.parse(await response.text());
    return { job, etag: response.headers.get("etag") ?? "" };
  }

  async function streamed(call: Call, id: string): Promise<ReadableStream<Uint8Array>> {
    const { body } = await ask(call, { parameters: { id } });
    return body ?? new Blob([]).stream();
  }

  return {
    url: requests.url,
    ...manyJobs(requests),
    ...webhooks(requests),
    submitJob: (upload) => submitJob(requests, upload),
    getJob,
    async awaitJob(id, heard = () => undefined) {
      for (let job = await getJob(id); ; job = await getJob(id, longestWait)) {
        heard(job);
        if (hasEnded(job)) return job;
      }
    },
    listJobs: (query = {}) => document(calls.listJobs, { query }),
    getReport: (id) => document(calls.getReport, { parameters: { id } }),
    getReportText: async (id) => (await ask(calls.getReportText, { parameters: { id } })).text(),
    async *watchJob(id) {
      const response = await ask(calls.watchJob, { parameters: { id } });
      if (response.body !== null) yield* serverEvents(response.body);
    },
    changeJob: async (id, json, etag) =>
      tagged(await ask(calls.changeJob, { parameters: { id }, json, headers: etag === undefined ? {} : { "if-match": etag } })),
    readJob: async (id) => tagged(await ask(calls.getJob, { parameters: { id } })),
    getCore: (id) => streamed(calls.getCore, id),
    getBundle: (id) => streamed(calls.getBundle, id),
    reanalyzeJob: (id, options) => document(calls.reanalyzeJob, { parameters: { id }, query: options === undefined ? {} : { options } }),
    async deleteJob(id) {
      await ask(calls.deleteJob, { parameters: { id } });
    },
    async addBinaries(paths, onProgress) {
      const form = await formBody(
        {},
        paths.map((path) => ({ field: "binary", path, filename: path })),
      );
      const body = { type: form.type, length: form.length, stream: () => form.stream((sent) => onProgress?.(sent, form.total)) };
      return (await document(calls.addBinaries, { body })).items;
    },
    getBinary: (buildId) => document(calls.getBinary, { parameters: { build_id: buildId } }),
    async putBinary(buildId, path) {
      const { size } = await stat(path);
      const stream = () => Readable.toWeb(createReadStream(path));
      const body = { type: "application/octet-stream", length: size, stream };
      return document(calls.putBinary, { parameters: { build_id: buildId }, query: { filename: path }, body });
    },
    async missingBinaries(buildIds, kinds) {
      const json = { build_ids: buildIds, ...(kinds ? { kinds } : {}) };
      return (await document(calls.missingBinaries, { json })).missing;
    },
    missingFiles: async (files) => (await document(calls.missingBinaries, { json: { build_ids: [], files } })).missing_files,
    listGroups: (query = {}) => document(calls.listGroups, { query }),
    getGroup: (hash) => document(calls.getGroup, { parameters: { hash } }),
    changeGroup: (hash, json) => document(calls.changeGroup, { parameters: { hash }, json }),
    mergeGroups: (hash, groups) => document(calls.mergeGroups, { parameters: { hash }, json: { groups } }),
    splitGroup: (hash, signatures) => document(calls.splitGroup, { parameters: { hash }, json: { signatures } }),
    limits: () => document(calls.limits),
    health: () => document(calls.health),
  };
}
