/** The API as functions, over fetch. What the service refuses is thrown as Refused, what does not reach it as Unreachable. */
import type { Static } from "typebox";
import type { Binary, BinaryKind, NamelessFile } from "../contract/binary.ts";
import type { Group, GroupChange } from "../contract/group.ts";
import type { Job } from "../contract/job.ts";
import type { Limits } from "../contract/limits.ts";
import type { Report } from "../contract/report.ts";
import { calls, type GroupPage, type Health, type JobPage } from "./calls.ts";
import { type ServerEvent, serverEvents } from "./event-lines.ts";
import { formBody } from "./form-body.ts";
import { createRequests } from "./requests.ts";
import { type JobUpload, type SentJob, submitJob } from "./submit-job.ts";

export interface ClientOptions {
  readonly url: string;
  readonly token?: string | null;
  /** Tries after the first, where trying again can help. */
  readonly retries?: number;
}

/** `status`, `signal`, …, `label.NAME`, `limit`, `cursor`; of groups also `sort` and `new_since`. */
export type JobFilters = Readonly<Record<string, string>>;

export interface Client {
  readonly url: string;
  submitJob(upload: JobUpload): Promise<SentJob>;
  getJob(id: string, wait?: number): Promise<Job>;
  /** Until it has ended. */
  awaitJob(id: string, heard?: (job: Job) => void): Promise<Job>;
  listJobs(filters?: JobFilters): Promise<JobPage>;
  getReport(id: string): Promise<Report>;
  getReportText(id: string): Promise<string>;
  watchJob(id: string): AsyncGenerator<ServerEvent>;
  getBundle(id: string): Promise<ReadableStream<Uint8Array>>;
  /** `options` by name, with commas between; those of before when none are given. */
  reanalyzeJob(id: string, options?: string): Promise<Job>;
  deleteJob(id: string): Promise<void>;
  addBinaries(paths: readonly string[], onProgress?: (sent: number, total: number) => void): Promise<readonly Binary[]>;
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

  return {
    url: requests.url,
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
    async getBundle(id) {
      const { body } = await ask(calls.getBundle, { parameters: { id } });
      return body ?? new Blob([]).stream();
    },
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
