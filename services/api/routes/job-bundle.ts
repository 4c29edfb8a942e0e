/** `GET /v1/jobs/{id}/bundle`: what a local gdb needs for the same view. */
import { Type } from "typebox";
import { Failure } from "../../contract/failure.ts";
import { inspectBinaryFile } from "../../intake/binary/inspect-binary.ts";
import { inspectCoreFile } from "../../intake/core/inspect-core.ts";
import { findBinaries } from "../../intake/needs/find-binaries.ts";
import { planView } from "../../intake/needs/view-plan.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { renderText } from "../../text/render-report.ts";
import type { App } from "../app-type.ts";
import { bundleManifest, debugScript, gdbCommands } from "../bundle/debug-script.ts";
import { packBundle } from "../bundle/pack-bundle.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers } from "../schema/answers.ts";
import { IdParameter, noSuchJob } from "../schema/id-parameter.ts";
import { coreLost } from "../../storage/job-control.ts";

async function inspected<T>(blobs: Pick<BlobStore, "localFile">, blob: string, inspect: (path: string) => Promise<T>): Promise<T> {
  await using file = await blobs.localFile(blob);
  return await inspect(file.path);
}

export function jobBundleRoute(app: App, { jobs, reports, binaries, blobs, limits }: Dependencies): void {
  app.get(
    "/v1/jobs/:id/bundle",
    {
      config: { scope: "admin" },
      schema: {
        operationId: "getBundle",
        summary: "The core, its binaries and the helpers, for a local gdb",
        description:
          "A tar of one folder: `core`, `sysroot/`, `debug/`, the helper scripts, the report, and `debug.sh`, which opens the same view. It holds the core, so it takes the same scope.",
        tags: ["jobs"],
        params: IdParameter,
        response: answers(
          {
            200: {
              description: "The tar.",
              headers: { "content-disposition": Type.String() },
              content: { "application/x-tar": { schema: Type.Unsafe<Uint8Array>({ type: "string", contentMediaType: "application/x-tar" }) } },
            },
          },
          "job_not_found",
          "core_lost",
          "invalid_parameter",
        ),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { project } = request.caller;
      const stored = await jobs.get(project, id);
      if (stored === null) throw noSuchJob(id);
      const { coreBlob, job } = stored;
      if (job.core === null) throw new Failure("core_lost", `Job ${id} came without a core: there is nothing to open in a debugger.`);
      if (coreBlob === null || !(await blobs.has(coreBlob))) throw coreLost(id, job.core_gone);
      const facts = await inspected(blobs, coreBlob, inspectCoreFile);
      const found = await findBinaries(binaries, project, facts, await binaries.ofJob(id));
      const plan = await planView(found.choices, found.debugFiles, ({ blob }) => inspected(blobs, blob, inspectBinaryFile));
      const executable = plan.modules.find(({ choice }) => choice.module.path === facts.executable)?.file ?? null;
      const report = await reports.get(id);
      const folder = `inquest-${id}`;
      const content = {
        folder,
        mtime: new Date(job.created_at),
        texts: {
          "debug.sh": debugScript(id, executable, plan.hasIndex),
          "inquest.gdb": gdbCommands,
          "manifest.json": bundleManifest(facts, plan, limits),
          ...(report === null ? {} : { "report.json": `${JSON.stringify(report)}\n`, "report.txt": renderText(report) }),
        },
        files: [{ at: "core", blob: coreBlob }, ...plan.files],
        links: plan.links,
      };
      reply.header("content-type", "application/x-tar").header("content-disposition", `attachment; filename="${folder}.tar"`);
      return reply.send(packBundle(content, blobs, (error) => request.log.warn({ err: error, job_id: id }, "bundle_failed")));
    },
  );
}
