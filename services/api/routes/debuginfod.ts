/**
 * debuginfod's own protocol over the project's store: a stock gdb with `DEBUGINFOD_URLS=http://HOST` fetches from it.
 *
 * `executable` is what ran, `debuginfo` the file with the DWARF (a separate debug file, or an executable that kept its own),
 * `section/NAME` one section of either. Sources are not kept here. Clients probe: what is not there is 404 at once.
 */
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { BuildId } from "../../contract/common.ts";
import { Failure } from "../../contract/failure.ts";
import { findSection } from "../../intake/binary/find-section.ts";
import type { StoredBinary } from "../../storage/binary-store.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { byteRange } from "../http/byte-range.ts";
import { type Answer, answers } from "../schema/answers.ts";

const Parameters = Type.Object({ build_id: BuildId });
const SectionParameters = Type.Object({ build_id: BuildId, name: Type.String({ minLength: 1, maxLength: 256 }) });

const fileHeaders = {
  "x-debuginfod-size": Type.Integer({ description: "Bytes of the whole file." }),
  "x-debuginfod-file": Type.String({ description: "The file's name." }),
  "accept-ranges": Type.String(),
};
const content = { "application/octet-stream": { schema: Type.Unsafe<Uint8Array>({ type: "string", contentMediaType: "application/octet-stream" }) } };
const file: Record<number, Answer> = {
  200: { description: "The bytes.", headers: fileHeaders, content },
  206: { description: "The part of them that `Range` asked for.", headers: { ...fileHeaders, "content-range": Type.String() }, content },
};

interface Part {
  readonly binary: StoredBinary;
  readonly offset: number;
  readonly size: number;
}

const isExecutable = (binary: StoredBinary) => binary.kind !== "debug";

/** Separate debug files first; an executable serves when it kept its DWARF, or at least its symbols. */
function debugInfo(found: readonly StoredBinary[]): StoredBinary | null {
  const explains = [...found.filter((each) => !isExecutable(each)), ...found.filter(isExecutable)];
  return explains.find((each) => each.has_debug_info) ?? explains.find((each) => each.kind === "debug") ?? explains.find((each) => each.has_symbols) ?? null;
}

const nameOf = ({ filename, build_id }: StoredBinary) => (filename ?? build_id ?? "binary").replace(/[^\x21-\x7e]/g, "_");

export function debuginfodRoutes(app: App, { binaries, blobs }: Dependencies): void {
  const find = async (request: FastifyRequest, buildId: string) => {
    const found = await binaries.byBuildId(request.caller.project, buildId);
    if (found.length === 0) throw new Failure("binary_not_found", `No binary with the build-id ${buildId} is stored.`);
    return found;
  };

  const send = async (request: FastifyRequest, reply: FastifyReply, { binary, offset, size }: Part) => {
    const range = size === 0 ? null : byteRange(request.headers.range, size);
    const { start, end } = range ?? { start: 0, end: size - 1 };
    reply.code(range === null ? 200 : 206).headers({
      "content-type": "application/octet-stream",
      "content-length": end - start + 1,
      "accept-ranges": "bytes",
      "last-modified": new Date(binary.created_at).toUTCString(),
      "x-debuginfod-size": String(size),
      "x-debuginfod-file": nameOf(binary),
      ...(range === null ? {} : { "content-range": `bytes ${start}-${end}/${size}` }),
    });
    // A string would be measured, and its length sent.
    if (request.method === "HEAD" || size === 0) return reply.send(Readable.from([]));
    return reply.send(await blobs.open(binary.blob, { start: offset + start, end: offset + end }));
  };

  const whole = (kind: "executable" | "debuginfo", choose: (found: readonly StoredBinary[]) => StoredBinary | null, summary: string) =>
    app.get(`/buildid/:build_id/${kind}`, {
      config: { scope: "read" },
      schema: {
        operationId: `debuginfod_${kind}`,
        summary,
        tags: ["debuginfod"],
        params: Parameters,
        response: answers(file, "binary_not_found", "invalid_parameter", "range_not_satisfiable", "blob_not_found"),
      },
      handler: async (request, reply) => {
        const { build_id: buildId } = request.params;
        const binary = choose(await find(request, buildId));
        if (binary === null) throw new Failure("binary_not_found", `No ${kind} with the build-id ${buildId} is stored.`);
        return await send(request, reply, { binary, offset: 0, size: binary.size });
      },
    });

  whole("executable", (found) => found.find(isExecutable) ?? null, "The executable or library with this build-id");
  whole("debuginfo", debugInfo, "The file with its debug information");

  app.get("/buildid/:build_id/section/:name", {
    config: { scope: "read" },
    schema: {
      operationId: "debuginfod_section",
      summary: "One ELF section of either file",
      tags: ["debuginfod"],
      params: SectionParameters,
      response: answers(file, "binary_not_found", "invalid_parameter", "range_not_satisfiable", "blob_not_found"),
    },
    handler: async (request, reply) => {
      const { build_id: buildId, name } = request.params;
      const found = await find(request, buildId);
      for (const binary of new Set([debugInfo(found), found.find(isExecutable) ?? null])) {
        if (binary === null) continue;
        await using local = await blobs.localFile(binary.blob);
        const section = await findSection(local.path, name);
        if (section !== null) return await send(request, reply, { binary, ...section });
      }
      throw new Failure("binary_not_found", `No file with the build-id ${buildId} has a section ${JSON.stringify(name)}.`);
    },
  });

  app.get("/buildid/:build_id/source/*", {
    config: { scope: "read" },
    schema: {
      operationId: "debuginfod_source",
      summary: "Sources are not kept: always 404",
      tags: ["debuginfod"],
      response: answers({}, "binary_not_found", "invalid_parameter"),
    },
    handler: () => {
      throw new Failure("binary_not_found", "Sources are not kept.", { hint: "gdb goes on without them." });
    },
  });
}
