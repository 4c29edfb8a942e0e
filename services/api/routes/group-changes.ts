/** What people change about groups: state, note, link, and which signatures belong together. */
import { Type } from "typebox";
import { Group, GroupChange } from "../../contract/group.ts";
import { groupDocument } from "../../triage/group-document.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { etagOf, IfMatch, wantedRevision } from "../http/guarded-edit.ts";
import { answers, json } from "../schema/answers.ts";
import { reference } from "../schema/reference.ts";
import { HashParameter, noSuchGroup } from "./groups.ts";

const hashes = (description: string) => Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 100, description });
const Merge = Type.Object({ groups: hashes("The groups that come to this one.") }, { additionalProperties: false });
const Split = Type.Object({ signatures: hashes("The signatures that leave, each for a group of its own.") }, { additionalProperties: false });
export function groupChangeRoutes(app: App, { groups }: Pick<Dependencies, "groups">): void {
  const ok = { 200: json("The group as it is now.", reference(Group), { etag: Type.String() }) };
  const answer = async (project: string, hash: string): Promise<{ etag: string; document: Group }> => {
    const stored = await groups.get(project, hash);
    if (stored === null) throw noSuchGroup(hash);
    return { etag: etagOf(stored.group.revision), document: await groupDocument(groups, project, stored, new Date()) };
  };

  app.patch(
    "/v1/groups/:hash",
    {
      config: { scope: "submit" },
      schema: {
        operationId: "changeGroup",
        summary: "Change a group's state, note or link",
        description:
          "A resolved group becomes `regressed` by itself when a crash of the release in `resolved_in` or of a later one comes (told by the job's label `release`), or, without releases, any later crash. An ignored one stays ignored.",
        tags: ["groups"],
        params: HashParameter,
        headers: IfMatch,
        body: GroupChange,
        response: answers(ok, "group_not_found", "precondition_failed", "invalid_body", "malformed_json", "invalid_parameter"),
      },
    },
    async (request, reply): Promise<Group> => {
      const { project } = request.caller;
      const { hash } = request.params;
      const { status, resolved_in: resolvedIn, note, issue_url: issueUrl } = request.body;
      if (!(await groups.edit(project, hash, { status, resolvedIn, note, issueUrl }, wantedRevision(request.headers["if-match"])))) throw noSuchGroup(hash);
      const { etag, document } = await answer(project, hash);
      reply.header("etag", etag);
      return document;
    },
  );

  app.post(
    "/v1/groups/:hash/merge",
    {
      config: { scope: "submit" },
      schema: {
        operationId: "mergeGroups",
        summary: "Put groups together",
        description: "What comes later with one of their signatures comes here as well. The old hashes lead to this group.",
        tags: ["groups"],
        params: HashParameter,
        headers: IfMatch,
        body: Merge,
        response: answers(ok, "group_not_found", "precondition_failed", "invalid_body", "malformed_json", "invalid_parameter"),
      },
    },
    async (request, reply): Promise<Group> => {
      const { project } = request.caller;
      const { hash } = request.params;
      if (!(await groups.merge(project, hash, request.body.groups, wantedRevision(request.headers["if-match"])))) throw noSuchGroup(hash);
      const { etag, document } = await answer(project, hash);
      reply.header("etag", etag);
      return document;
    },
  );

  app.post(
    "/v1/groups/:hash/split",
    {
      config: { scope: "submit" },
      schema: {
        operationId: "splitGroup",
        summary: "Take signatures out of a group",
        description: "Each gets a group of its own and stays there, whatever the rules would say. The group's own signature cannot leave.",
        tags: ["groups"],
        params: HashParameter,
        headers: IfMatch,
        body: Split,
        response: answers(ok, "group_not_found", "group_conflict", "precondition_failed", "invalid_body", "malformed_json", "invalid_parameter"),
      },
    },
    async (request, reply): Promise<Group> => {
      const { project } = request.caller;
      const { hash } = request.params;
      if (!(await groups.split(project, hash, request.body.signatures, wantedRevision(request.headers["if-match"])))) throw noSuchGroup(hash);
      const { etag, document } = await answer(project, hash);
      reply.header("etag", etag);
      return document;
    },
  );
}
