/** The calls of the API that the client makes, each with the documents it sends and gets. A test holds them against `/openapi.json`. */
import { type Static, type TSchema, Type } from "typebox";
import { Binary, NamelessFile } from "../contract/binary.ts";
import { BuildId, Nullable } from "../contract/common.ts";
import { Group, GroupSummary } from "../contract/group.ts";
import { Job } from "../contract/job.ts";
import { Limits } from "../contract/limits.ts";
import { Report } from "../contract/report.ts";

export const JobPage = Type.Object({ items: Type.Array(Job), next_cursor: Nullable(Type.String()) });
export type JobPage = Static<typeof JobPage>;
export const GroupPage = Type.Object({ items: Type.Array(GroupSummary), next_cursor: Nullable(Type.String()) });
export type GroupPage = Static<typeof GroupPage>;
export const BinaryList = Type.Object({ items: Type.Array(Binary) });
export const MissingBinaries = Type.Object({ missing: Type.Array(BuildId), missing_files: Type.Array(NamelessFile) });
export const Health = Type.Object({ status: Type.Literal("ok"), version: Type.String() });

export interface Call<T extends TSchema | null = TSchema | null> {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly status: number;
  /** The media type of the answer; null when it has no body. */
  readonly type: string | null;
  /** Of JSON answers. */
  readonly schema: T;
}

const json = <T extends TSchema>(method: Call["method"], path: string, status: number, schema: T): Call<T> => ({
  method,
  path,
  status,
  type: "application/json",
  schema,
});
const other = (method: Call["method"], path: string, status: number, type: string | null): Call<null> => ({ method, path, status, type, schema: null });

export const calls = {
  submitJob: json("POST", "/v1/jobs", 202, Job),
  createUpload: other("POST", "/v1/uploads", 201, null),
  continueUpload: other("PATCH", "/v1/uploads/{upload}", 204, null),
  uploadProgress: other("HEAD", "/v1/uploads/{upload}", 200, null),
  abandonUpload: other("DELETE", "/v1/uploads/{upload}", 204, null),
  getJob: json("GET", "/v1/jobs/{id}", 200, Job),
  listJobs: json("GET", "/v1/jobs", 200, JobPage),
  getReport: json("GET", "/v1/jobs/{id}/report", 200, Report),
  getReportText: other("GET", "/v1/jobs/{id}/report", 200, "text/plain"),
  watchJob: other("GET", "/v1/jobs/{id}/events", 200, "text/event-stream"),
  getBundle: other("GET", "/v1/jobs/{id}/bundle", 200, "application/x-tar"),
  reanalyzeJob: json("POST", "/v1/jobs/{id}/reanalyze", 202, Job),
  deleteJob: other("DELETE", "/v1/jobs/{id}", 204, null),
  addBinaries: json("POST", "/v1/binaries", 201, BinaryList),
  missingBinaries: json("POST", "/v1/binaries/missing", 200, MissingBinaries),
  listGroups: json("GET", "/v1/groups", 200, GroupPage),
  getGroup: json("GET", "/v1/groups/{hash}", 200, Group),
  changeGroup: json("PATCH", "/v1/groups/{hash}", 200, Group),
  mergeGroups: json("POST", "/v1/groups/{hash}/merge", 200, Group),
  splitGroup: json("POST", "/v1/groups/{hash}/split", 200, Group),
  limits: json("GET", "/v1/limits", 200, Limits),
  health: json("GET", "/healthz", 200, Health),
} as const satisfies Record<string, Call>;
