/** The API as functions, over fetch. What the service refuses is thrown as Refused, what does not reach it as Unreachable. */
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Static, TSchema } from "typebox";
import type { Binary, BinaryKind, NamelessFile } from "../contract/binary.ts";
import type { Group, GroupChange } from "../contract/group.ts";
import type { Labels } from "../contract/common.ts";
import type { Job, WhenMissing } from "../contract/job.ts";
import type { Limits } from "../contract/limits.ts";
import type { Report } from "../contract/report.ts";
import { type Call, calls, type GroupPage, type Health, type JobPage } from "./calls.ts";
import { FileChanged, type FormBody, formBody } from "./form-body.ts";
import { refusalOf, Unreachable } from "./client-error.ts";
import { type ServerEvent, serverEvents } from "./event-lines.ts";

export interface ClientOptions {
  readonly url: string;
  readonly token?: string | null;
  /** Tries after the first, where trying again can help. */
  readonly retries?: number;
}

export interface JobUpload {
  /** Null: logs alone, in `attachments`. */
  readonly core: string | null;
  readonly binaries?: readonly string[];
  readonly attachments?: readonly string[];
  readonly labels?: Labels;
  readonly whenMissing?: WhenMissing;
  /** By name, with commas between. */
  readonly options?: string;
  readonly idempotencyKey?: string;
  /** Of the whole body. */
  readonly onProgress?: (sent: number, total: number) => void;
}

/** `status`, `signal`, …, `label.NAME`, `limit`, `cursor`; of groups also `sort` and `new_since`. */
export type JobFilters = Readonly<Record<string, string>>;

export interface Client {
  readonly url: string;
  submitJob(upload: JobUpload): Promise<Job>;
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

const passing = new Set([408, 429, 502, 503, 504]);
const longestWait = 30;

interface Request {
  readonly parameters?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly form?: FormBody;
  readonly onProgress?: ((sent: number, total: number) => void) | undefined;
}

const filled = (path: string, parameters: Readonly<Record<string, string>>) =>
  path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(parameters[name] ?? ""));

function changedFile(error: unknown): FileChanged | null {
  for (let each = error; each instanceof Error; each = each.cause) if (each instanceof FileChanged) return each;
  return null;
}

export function createClient({ url, token = null, retries = 4 }: ClientOptions): Client {
  const base = url.replace(/\/+$/, "");

  async function once(call: Call, { parameters = {}, query = {}, headers = {}, json, form, onProgress }: Request): Promise<Response> {
    const search = new URLSearchParams(query).toString();
    const sent = (bytes: number) => onProgress?.(bytes, form?.length ?? 0);
    const content = form
      ? { "content-type": form.type, "content-length": String(form.length) }
      : json === undefined
        ? {}
        : { "content-type": "application/json" };
    const body = form ? { body: form.stream(sent), duplex: "half" as const } : json === undefined ? {} : { body: JSON.stringify(json) };
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
    try {
      return await fetch(`${base}${filled(call.path, parameters)}${search === "" ? "" : `?${search}`}`, {
        method: call.method,
        headers: { accept: call.type ?? "*/*", ...content, ...authorization, ...headers },
        ...body,
      });
    } catch (error) {
      throw changedFile(error) ?? new Unreachable(base, error);
    }
  }

  /** Calls that change something twice when repeated carry a key or are harmless: a binary is known by its bytes. */
  async function ask(call: Call, request: Request = {}): Promise<Response> {
    for (let left = retries, pause = 0.5; ; left -= 1, pause = Math.min(pause * 2, 15)) {
      const response = await once(call, request).catch((error: unknown) => {
        if (left === 0 || !(error instanceof Unreachable)) throw error;
        return null;
      });
      if (response?.status === call.status) return response;
      if (response !== null && (left === 0 || !passing.has(response.status))) throw await refusalOf(response);
      await response?.body?.cancel();
      const told = Number(response?.headers.get("retry-after") ?? 0);
      await sleep(1000 * Math.max(Math.min(told, 60), pause * (0.5 + Math.random())));
    }
  }

  async function document<T extends TSchema>(call: Call<T>, request: Request = {}): Promise<Static<T>> {
    const text = await (await ask(call, request)).text();
    const answer: Static<T> = JSON.parse(text);
    return answer;
  }

  const getJob = (id: string, wait = 0) => document(calls.getJob, { parameters: { id }, query: { wait: String(wait) } });

  return {
    url: base,
    async submitJob({ core, binaries = [], attachments = [], labels, whenMissing, options, idempotencyKey, onProgress }) {
      const fields = {
        ...(labels ? { labels: JSON.stringify(labels) } : {}),
        ...(whenMissing ? { when_missing: whenMissing } : {}),
        ...(options ? { options } : {}),
      };
      const parts = [
        ...(core === null ? [] : [{ field: "core", path: core, filename: basename(core) }]),
        ...binaries.map((path) => ({ field: "binary", path, filename: path })),
        ...attachments.map((path) => ({ field: "attachment", path, filename: basename(path) })),
      ];
      const headers = { "idempotency-key": idempotencyKey ?? crypto.randomUUID() };
      return document(calls.submitJob, { form: await formBody(fields, parts), headers, onProgress });
    },
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
      return (await document(calls.addBinaries, { form, onProgress })).items;
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
