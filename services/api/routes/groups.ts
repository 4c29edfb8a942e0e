/** `GET /v1/groups` and `GET /v1/groups/{hash}`: which crashes are alike, and what is known of each group. */
import { type Static, Type } from "typebox";
import { Nullable } from "../../contract/common.ts";
import { Failure } from "../../contract/failure.ts";
import { Group, GroupStatus, GroupSummary } from "../../contract/group.ts";
import { groupDocument, groupSummary } from "../../triage/group-document.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { etagOf } from "../http/guarded-edit.ts";
import { answers, json } from "../schema/answers.ts";
import { jobFiltersOf, JobQuery, moreJobParameters } from "../schema/job-query.ts";
import { nextLink } from "../schema/next-link.ts";
import { reference } from "../schema/reference.ts";

const GroupPage = Type.Object({ items: Type.Array(reference(GroupSummary)), next_cursor: Nullable(Type.String()) });

export const HashParameter = Type.Object({
  hash: Type.String({ maxLength: 200, description: "The group's hash, or that of any signature that is or was of it." }),
});

export const noSuchGroup = (hash: string) => new Failure("group_not_found", `There is no group ${JSON.stringify(hash.slice(0, 100))}.`);

export function groupRoutes(app: App, { groups, limits }: Pick<Dependencies, "groups" | "limits">): void {
  const { status: _status, ...jobQuery } = JobQuery.properties;
  const query = Type.Object(
    {
      ...jobQuery,
      status: Type.Optional(GroupStatus),
      new_since: Type.Optional(Type.String({ format: "date-time", description: "Only groups first seen at this time (RFC 3339) or later." })),
      sort: Type.Optional(Type.Enum(["last_seen", "count", "first_seen"], { default: "last_seen", description: "The largest or latest first." })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_items, default: 50 })),
      cursor: Type.Optional(Type.String({ maxLength: 1_000, description: "`next_cursor` of the page before." })),
    },
    { patternProperties: JobQuery.patternProperties, additionalProperties: false },
  );

  app.get(
    "/v1/groups",
    {
      config: { scope: "read", moreParameters: moreJobParameters },
      schema: {
        operationId: "listGroups",
        summary: "Groups of like crashes",
        description:
          "With the jobs' filters, groups that have such jobs; `count` is then the number of these. `status` is the group's own. `first_seen` and `last_seen` are always those of the whole group.",
        tags: ["groups"],
        querystring: query,
        response: answers(
          { 200: json("A page of groups.", GroupPage, { link: Type.String({ description: '`rel="next"`, while there is a next page.' }) }) },
          "invalid_parameter",
          "invalid_cursor",
        ),
      },
    },
    async (request, reply): Promise<Static<typeof GroupPage>> => {
      const { limit = 50, cursor = null, sort = "last_seen", status = null, new_since: newSince, ...filters } = request.query;
      const page = { limit, cursor, sort, status, newSince: newSince === undefined ? null : new Date(newSince).toISOString() };
      const { items, nextCursor } = await groups.list(request.caller.project, jobFiltersOf(filters), page);
      if (nextCursor !== null) reply.header("link", nextLink(request.url, nextCursor));
      const now = new Date();
      return { items: items.map((item) => groupSummary(item, now)), next_cursor: nextCursor };
    },
  );

  app.get(
    "/v1/groups/:hash",
    {
      config: { scope: "read" },
      schema: {
        operationId: "getGroup",
        summary: "A group",
        description: "With a daily histogram, the commonest values of each label, related groups, and an example.",
        tags: ["groups"],
        params: HashParameter,
        response: answers(
          { 200: json("The group.", reference(Group), { etag: Type.String({ description: "For `If-Match` of changes." }) }) },
          "group_not_found",
          "invalid_parameter",
        ),
      },
    },
    async (request, reply): Promise<Group> => {
      const { project } = request.caller;
      const stored = await groups.get(project, request.params.hash);
      if (stored === null) throw noSuchGroup(request.params.hash);
      reply.header("etag", etagOf(stored.group.revision));
      return groupDocument(groups, project, stored, new Date());
    },
  );
}
