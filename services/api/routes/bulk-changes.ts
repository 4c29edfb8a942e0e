/** `POST /v1/jobs/reanalyze`, `/delete` and `/label`: all jobs that the list's filters leave, with a dry run. */
import type { FastifyReply } from "fastify";
import { type Static, Type } from "typebox";
import { type BulkAction, BulkChange } from "../../contract/bulk-change.ts";
import { Failure } from "../../contract/failure.ts";
import { LabelChange } from "../../contract/job.ts";
import { OptionList, parseOptions } from "../../contract/job-options.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers, json } from "../schema/answers.ts";
import { jobFiltersOf, JobQuery, moreJobParameters } from "../schema/job-query.ts";
import { reference } from "../schema/reference.ts";
import { waitParameter } from "../schema/wait-parameter.ts";
import { type ChangeParts, waitForChange } from "./changes.ts";
import { ignoreBodies } from "./job-changes.ts";

type Parts = ChangeParts & Pick<Dependencies, "workOnChanges">;

const usualWait = 10;

const answered = (description: string) => ({
  202: json(description, reference(BulkChange), { location: Type.String(), "retry-after": Type.Integer({ description: "Seconds; while it goes on." }) }),
});
const walked =
  "All jobs that the filters leave and that were there when it began, the newest first, in the background: the answer comes when it has ended or after `wait` seconds, and `GET` of its `Location` tells the rest. `dry_run=true` makes the same walk and changes nothing: `changed` and `skipped` count what would become of the jobs, `sample` shows the first of them. At least one filter is needed.";

/** The request's own parameters beside the filters. */
const own = new Set(["dry_run", "wait", "options"]);

function filtersOf(query: Static<typeof filterFields> & Readonly<Record<string, unknown>>) {
  const asked = Object.fromEntries(Object.entries(query).flatMap(([name, value]) => (own.has(name) ? [] : [[name, String(value)] as const])));
  if (Object.keys(asked).length === 0)
    throw new Failure("invalid_parameter", "No filter is given, and this call changes all jobs that the filters leave.", {
      hint: "Give at least one; since=1970-01-01T00:00:00Z leaves them all.",
    });
  return { asked, filters: jobFiltersOf(query) };
}

const filterFields = Type.Object(JobQuery.properties);

const dryRun = Type.Optional(Type.Boolean({ default: false, description: "Only tells what would be changed." }));
const expiry = ({ report_retention_seconds: seconds }: Parts["limits"]) => new Date(Date.now() + seconds * 1_000).toISOString();

export function bulkChangeRoutes(app: App, parts: Parts, closing: AbortSignal): void {
  const { bulkChanges, limits } = parts;

  async function begin(
    project: string,
    reply: FastifyReply,
    action: BulkAction,
    query: Static<typeof filterFields> & { readonly dry_run?: boolean; readonly wait?: number; readonly options?: string } & Readonly<Record<string, unknown>>,
    labels: LabelChange | null,
  ): Promise<BulkChange> {
    const { asked, filters } = filtersOf(query);
    const options = query.options === undefined ? null : parseOptions(query.options);
    const change = { action, dryRun: query.dry_run ?? false, filters, query: asked, labels, options, expiresAt: expiry(limits) };
    const { id, links } = await bulkChanges.create(project, change);
    parts.workOnChanges();
    reply.code(202).header("location", links.self);
    return waitForChange(parts, project, id, query.wait ?? usualWait, reply, closing);
  }

  const parameters = { ...JobQuery.properties, dry_run: dryRun, wait: waitParameter(limits, "it has ended", usualWait) };
  const filtered = { patternProperties: JobQuery.patternProperties, additionalProperties: false } as const;
  const config = { scope: "submit", moreParameters: moreJobParameters } as const;

  app.register(async (scope: App) => {
    ignoreBodies(scope);
    scope.post(
      "/v1/jobs/reanalyze",
      {
        config,
        schema: {
          operationId: "reanalyzeJobs",
          summary: "Analyse many cores again",
          description: `${walked} They are of low priority then. With \`options\` they do those from now on.`,
          tags: ["bulk"],
          querystring: Type.Object({ ...parameters, options: Type.Optional(OptionList) }, filtered),
          response: answers(answered("What became of the jobs so far."), "invalid_parameter", "options_invalid"),
        },
      },
      async (request, reply): Promise<BulkChange> => begin(request.caller.project, reply, "reanalyze", request.query, null),
    );
    scope.post(
      "/v1/jobs/delete",
      {
        config,
        schema: {
          operationId: "deleteJobs",
          summary: "Delete many jobs, with their cores and reports",
          description: walked,
          tags: ["bulk"],
          querystring: Type.Object(parameters, filtered),
          response: answers(answered("What became of the jobs so far."), "invalid_parameter"),
        },
      },
      async (request, reply): Promise<BulkChange> => begin(request.caller.project, reply, "delete", request.query, null),
    );
  });

  app.post(
    "/v1/jobs/label",
    {
      config,
      schema: {
        operationId: "labelJobs",
        summary: "Change the labels of many jobs",
        description: `${walked} Labels that are named are set, or taken away where they are null; the others stay.`,
        tags: ["bulk"],
        querystring: Type.Object(parameters, filtered),
        body: Type.Object({ labels: LabelChange }, { additionalProperties: false }),
        response: answers(answered("What became of the jobs so far."), "invalid_parameter", "invalid_body", "malformed_json"),
      },
    },
    async (request, reply): Promise<BulkChange> => begin(request.caller.project, reply, "label", request.query, request.body.labels),
  );
}
