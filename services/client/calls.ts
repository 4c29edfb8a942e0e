/** The calls of the API that the client makes, each with the documents it sends and gets. A test holds them against `/openapi.json`. */
import { type Static, type TSchema, Type } from "typebox";
import { Binary, NamelessFile } from "../contract/binary.ts";
import { Bulk } from "../contract/bulk.ts";
import { BulkChange } from "../contract/bulk-change.ts";
import { BuildId, Nullable } from "../contract/common.ts";
import { Group, GroupSummary } from "../contract/group.ts";
import { Job } from "../contract/job.ts";
import { Limits } from "../contract/limits.ts";
import { Report } from "../contract/report.ts";
import { JobStats } from "../contract/stats.ts";
import { Delivery, DeliveryDetail, Webhook, WebhookSecret } from "../contract/webhook.ts";

export const JobPage = Type.Object({ items: Type.Array(Job), next_cursor: Nullable(Type.String()) });
export type JobPage = Static<typeof JobPage>;
export const GroupPage = Type.Object({ items: Type.Array(GroupSummary), next_cursor: Nullable(Type.String()) });
export type GroupPage = Static<typeof GroupPage>;
export const ChangePage = Type.Object({ items: Type.Array(BulkChange), next_cursor: Nullable(Type.String()) });
export type ChangePage = Static<typeof ChangePage>;
export const BinaryList = Type.Object({ items: Type.Array(Binary) });
export const MissingBinaries = Type.Object({ missing: Type.Array(BuildId), missing_files: Type.Array(NamelessFile) });
export const KnownBinaries = Type.Object({
  items: Type.Array(Binary),
  conflicts: Type.Array(Type.Object({ code: Type.Literal("build_id_conflict"), detail: Type.String(), sha256: Type.Array(Type.String()) })),
});
export type KnownBinaries = Static<typeof KnownBinaries>;
export const WebhookList = Type.Object({ items: Type.Array(Webhook) });
export const WebhookWithSecret = Type.Object({ ...Webhook.properties, secret: WebhookSecret.properties.secret });
export type WebhookWithSecret = Static<typeof WebhookWithSecret>;
export const DeliveryPage = Type.Object({ items: Type.Array(Delivery), next_cursor: Nullable(Type.String()) });
export type DeliveryPage = Static<typeof DeliveryPage>;
export const Health = Type.Object({ status: Type.Literal("ok"), version: Type.String() });

export interface Call<T extends TSchema | null = TSchema | null> {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly status: number;
  /** Another status that is as good. */
  readonly also?: number;
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
  changeJob: json("PATCH", "/v1/jobs/{id}", 200, Job),
  exportJobs: other("GET", "/v1/jobs/export", 200, "application/x-ndjson"),
  exportCsv: other("GET", "/v1/jobs/export", 200, "text/csv"),
  stats: json("GET", "/v1/stats", 200, JobStats),
  submitBulk: json("POST", "/v1/bulk", 202, Bulk),
  getBulk: json("GET", "/v1/bulk/{id}", 200, Bulk),
  reanalyzeJobs: json("POST", "/v1/jobs/reanalyze", 202, BulkChange),
  deleteJobs: json("POST", "/v1/jobs/delete", 202, BulkChange),
  labelJobs: json("POST", "/v1/jobs/label", 202, BulkChange),
  listChanges: json("GET", "/v1/changes", 200, ChangePage),
  getChange: json("GET", "/v1/changes/{id}", 200, BulkChange),
  cancelChange: json("POST", "/v1/changes/{id}/cancel", 200, BulkChange),
  getCore: other("GET", "/v1/jobs/{id}/core", 200, "application/octet-stream"),
  getReport: json("GET", "/v1/jobs/{id}/report", 200, Report),
  getReportText: other("GET", "/v1/jobs/{id}/report", 200, "text/plain"),
  watchJob: other("GET", "/v1/jobs/{id}/events", 200, "text/event-stream"),
  getBundle: other("GET", "/v1/jobs/{id}/bundle", 200, "application/x-tar"),
  reanalyzeJob: json("POST", "/v1/jobs/{id}/reanalyze", 202, Job),
  deleteJob: other("DELETE", "/v1/jobs/{id}", 204, null),
  addBinaries: json("POST", "/v1/binaries", 201, BinaryList),
  getBinary: json("GET", "/v1/binaries/{build_id}", 200, KnownBinaries),
  /** 200 when it was there. */
  putBinary: { ...json("PUT", "/v1/binaries/{build_id}", 201, Binary), also: 200 },
  missingBinaries: json("POST", "/v1/binaries/missing", 200, MissingBinaries),
  listGroups: json("GET", "/v1/groups", 200, GroupPage),
  getGroup: json("GET", "/v1/groups/{hash}", 200, Group),
  changeGroup: json("PATCH", "/v1/groups/{hash}", 200, Group),
  mergeGroups: json("POST", "/v1/groups/{hash}/merge", 200, Group),
  splitGroup: json("POST", "/v1/groups/{hash}/split", 200, Group),
  listWebhooks: json("GET", "/v1/webhooks", 200, WebhookList),
  createWebhook: json("POST", "/v1/webhooks", 201, WebhookWithSecret),
  getWebhook: json("GET", "/v1/webhooks/{id}", 200, Webhook),
  changeWebhook: json("PATCH", "/v1/webhooks/{id}", 200, Webhook),
  deleteWebhook: other("DELETE", "/v1/webhooks/{id}", 204, null),
  renewWebhookSecret: json("POST", "/v1/webhooks/{id}/secret", 200, WebhookSecret),
  pingWebhook: json("POST", "/v1/webhooks/{id}/ping", 202, Delivery),
  listDeliveries: json("GET", "/v1/webhooks/{id}/deliveries", 200, DeliveryPage),
  getDelivery: json("GET", "/v1/webhooks/{id}/deliveries/{delivery}", 200, DeliveryDetail),
  redeliver: json("POST", "/v1/webhooks/{id}/deliveries/{delivery}/redeliver", 202, Delivery),
  limits: json("GET", "/v1/limits", 200, Limits),
  health: json("GET", "/healthz", 200, Health),
} as const satisfies Record<string, Call>;
