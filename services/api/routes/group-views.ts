/** Groups for other programs: an Atom feed of the new ones, and a group's example as SARIF. */
import { createHash } from "node:crypto";
import { Type } from "typebox";
import { Failure } from "../../contract/failure.ts";
import { Sarif } from "../../contract/sarif.ts";
import { atomFeed } from "../../text/atom-feed.ts";
import { sarifOf } from "../../triage/sarif.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers, empty } from "../schema/answers.ts";
import { reference } from "../schema/reference.ts";
import { HashParameter, noSuchGroup } from "./groups.ts";

const entries = 100;
const atom = "application/atom+xml";
const sarif = "application/sarif+json";

/** Whether the client has it already: by its ETag, or, without one, by the time. (RFC 9110, 13.2.2) */
function unchanged(
  headers: { readonly "if-none-match"?: string | undefined; readonly "if-modified-since"?: string | undefined },
  etag: string,
  modified: Date,
): boolean {
  const { "if-none-match": tags, "if-modified-since": since } = headers;
  if (tags !== undefined) return tags.split(",").some((tag) => ["*", etag].includes(tag.trim().replace(/^W\//, "")));
  const time = Date.parse(since ?? "");
  return !Number.isNaN(time) && Math.floor(modified.getTime() / 1_000) * 1_000 <= time;
}

export function groupViewRoutes(app: App, { groups, reports, version, publicUrl }: Pick<Dependencies, "groups" | "reports" | "version" | "publicUrl">): void {
  app.get(
    "/v1/groups/feed.atom",
    {
      config: { scope: "read" },
      schema: {
        operationId: "getGroupFeed",
        summary: "New groups as an Atom feed",
        description: `The ${entries} newest, the latest first. Ids are stable. Ask again with the \`ETag\` or the \`Last-Modified\` of the answer before.`,
        tags: ["groups"],
        response: answers({
          200: {
            description: "The feed.",
            headers: { etag: Type.String(), "last-modified": Type.String() },
            content: { [atom]: { schema: Type.String() } },
          },
          304: empty("Nothing new."),
        }),
      },
    },
    async (request, reply) => {
      const { project } = request.caller;
      const page = { sort: "first_seen" as const, status: null, newSince: null, limit: entries, cursor: null };
      const { items } = await groups.list(project, {}, page);
      const listed = items.map(({ group }) => ({ hash: group.hash, title: group.title, firstSeen: group.first_seen }));
      const feed = atomFeed(listed, project, publicUrl ?? `${request.protocol}://${request.host}`);
      const etag = `"${createHash("sha256").update(feed).digest("base64url").slice(0, 27)}"`;
      const modified = new Date(listed[0]?.firstSeen ?? 0);
      reply.header("etag", etag).header("last-modified", modified.toUTCString()).header("cache-control", "private, no-cache");
      if (unchanged(request.headers, etag, modified)) return reply.code(304).send();
      return reply.type(`${atom}; charset=utf-8`).send(feed);
    },
  );

  app.get(
    "/v1/groups/:hash/sarif",
    {
      config: { scope: "read" },
      schema: {
        operationId: "getGroupSarif",
        summary: "A group's example as SARIF 2.1.0",
        description:
          "For tools that show findings in code: the rule is the diagnosis, the location the innermost Python frame of the program's own code. Files below the program's folder are relative to `PROGRAM`.",
        tags: ["groups"],
        params: HashParameter,
        response: answers(
          { 200: { description: "The log.", content: { [sarif]: { schema: reference(Sarif) } } } },
          "group_not_found",
          "report_expired",
          "invalid_parameter",
        ),
      },
    },
    async (request, reply) => {
      const stored = await groups.get(request.caller.project, request.params.hash);
      if (stored === null) throw noSuchGroup(request.params.hash);
      const report = stored.example === null ? null : await reports.get(stored.example);
      if (report === null) throw new Failure("report_expired", `No report of the group ${stored.group.hash} is kept any more.`);
      return reply.type(sarif).send(JSON.stringify(sarifOf(report, stored.group, version)));
    },
  );
}
