/** `…/compare/{other}`: two jobs, or the examples of two groups, frame by frame. */
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { Comparison } from "../../contract/comparison.ts";
import { Failure } from "../../contract/failure.ts";
import { renderComparison } from "../../text/render-comparison.ts";
import { compare, type Compared } from "../../triage/compare.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { negotiate } from "../http/accept.ts";
import { answers } from "../schema/answers.ts";
import { IdParameter, noSuchJob } from "../schema/id-parameter.ts";
import { reference } from "../schema/reference.ts";
import { HashParameter, noSuchGroup } from "./groups.ts";
import { reportRefusals, requireReport } from "./job-report.ts";

const success = {
  200: {
    description: "What they have in common and where they part.",
    headers: { vary: Type.String() },
    content: { "application/json": { schema: reference(Comparison) }, "text/plain": { schema: Type.String() } },
  },
};
const description =
  "The crashed threads' merged stacks are aligned; versions, extension modules, builds, labels and diagnoses that differ are told. `Accept: text/plain` for people.";

export function compareRoutes(app: App, { jobs, reports, groups }: Pick<Dependencies, "jobs" | "reports" | "groups">): void {
  async function jobOf(project: string, id: string): Promise<Compared> {
    const stored = await jobs.get(project, id);
    if (stored === null) throw noSuchJob(id);
    requireReport(stored.job);
    const report = await reports.get(id);
    if (report === null) throw new Failure("report_expired", `The report of the job ${id} is no longer kept.`);
    return { report, labels: stored.job.labels };
  }
  async function exampleOf(project: string, hash: string): Promise<Compared> {
    const group = await groups.get(project, hash);
    if (group === null) throw noSuchGroup(hash);
    if (group.example === null) throw new Failure("report_expired", `No report of the group ${group.group.hash} is kept any more.`);
    return jobOf(project, group.example);
  }
  function answer(reply: FastifyReply, accept: string | undefined, one: Compared, other: Compared) {
    const type = negotiate(accept, ["application/json", "text/plain"]);
    if (type === null) throw new Failure("not_acceptable", `Accept: ${accept?.slice(0, 200) ?? ""} asks for neither application/json nor text/plain.`);
    const comparison = compare(one, other);
    reply.header("vary", "Accept").type(`${type}; charset=utf-8`);
    return reply.send(type === "text/plain" ? renderComparison(comparison) : JSON.stringify(comparison));
  }

  app.get(
    "/v1/jobs/:id/compare/:other",
    {
      config: { scope: "read" },
      schema: {
        operationId: "compareJobs",
        summary: "Two jobs, frame by frame",
        description,
        tags: ["jobs"],
        params: Type.Object({ ...IdParameter.properties, other: IdParameter.properties.id }),
        response: answers(success, ...reportRefusals),
      },
    },
    async (request, reply) => {
      const { project } = request.caller;
      const { id, other } = request.params;
      return answer(reply, request.headers.accept, await jobOf(project, id), await jobOf(project, other));
    },
  );

  app.get(
    "/v1/groups/:hash/compare/:other",
    {
      config: { scope: "read" },
      schema: {
        operationId: "compareGroups",
        summary: "The examples of two groups, frame by frame",
        description,
        tags: ["groups"],
        params: Type.Object({ ...HashParameter.properties, other: HashParameter.properties.hash }),
        response: answers(success, "group_not_found", ...reportRefusals),
      },
    },
    async (request, reply) => {
      const { project } = request.caller;
      const { hash, other } = request.params;
      return answer(reply, request.headers.accept, await exampleOf(project, hash), await exampleOf(project, other));
    },
  );
}
