/** What the project knows of binaries: by build-id, and which of many are missing. */
import { type Static, Type } from "typebox";
import { Binary, BinaryKind, NamelessFile } from "../../contract/binary.ts";
import { BuildId } from "../../contract/common.ts";
import { Failure } from "../../contract/failure.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers, json } from "../schema/answers.ts";
import { reference } from "../schema/reference.ts";
import { toBinary } from "../submit/binary-document.ts";

export const BinaryList = Type.Object({ items: Type.Array(reference(Binary)) });
const KnownBinaries = Type.Object({
  items: Type.Array(reference(Binary)),
  conflicts: Type.Array(
    Type.Object({
      code: Type.Literal("build_id_conflict"),
      detail: Type.String(),
      sha256: Type.Array(Type.String()),
    }),
    { description: "Files that differ and claim this build-id: of those that ran, of debug files." },
  ),
});
export const BuildIdParameter = Type.Object({ build_id: BuildId });

const askedAtOnce = 5_000;
const Asked = Type.Object(
  {
    build_ids: Type.Array(BuildId, { maxItems: askedAtOnce }),
    kinds: Type.Optional(
      Type.Array(BinaryKind, { description: "Only files of these kinds count as being there: an executable and its debug file bear the same build-id." }),
    ),
    files: Type.Optional(Type.Array(NamelessFile, { maxItems: askedAtOnce, description: "Files without a build-id: they are known by path and digest." })),
  },
  { additionalProperties: false },
);
const Missing = Type.Object({ missing: Type.Array(BuildId), missing_files: Type.Array(NamelessFile) });

function conflictsOf(buildId: string, found: readonly Binary[]): Static<typeof KnownBinaries>["conflicts"] {
  return [...Map.groupBy(found, ({ kind }) => kind === "debug").values()].flatMap((files) => {
    const digests = [...new Set(files.map(({ sha256 }) => sha256))];
    const what = files[0]?.kind === "debug" ? "debug files" : "files";
    if (digests.length < 2) return [];
    return [{ code: "build_id_conflict" as const, detail: `${digests.length} different ${what} claim the build-id ${buildId}.`, sha256: digests }];
  });
}

export function binaryRoutes(app: App, { binaries }: Dependencies): void {
  app.get(
    "/v1/binaries/:build_id",
    {
      config: { scope: "read" },
      schema: {
        operationId: "getBinary",
        summary: "What is known of a build-id",
        description:
          "The executable or library and its separate debug file bear the same build-id, and files that differ may claim the same one: all are listed, newest first.",
        tags: ["binaries"],
        params: BuildIdParameter,
        response: answers({ 200: json("The files with this build-id.", KnownBinaries) }, "binary_not_found", "invalid_parameter"),
      },
    },
    async (request): Promise<Static<typeof KnownBinaries>> => {
      const { build_id: buildId } = request.params;
      const found = await binaries.byBuildId(request.caller.project, buildId);
      if (found.length === 0) throw new Failure("binary_not_found", `No binary with the build-id ${buildId} is stored.`);
      return { items: found.map(toBinary), conflicts: conflictsOf(buildId, found) };
    },
  );

  app.post(
    "/v1/binaries/missing",
    {
      // Who may send them may ask which of them need not be sent.
      config: { scope: ["read", "submit"] },
      schema: {
        operationId: "missingBinaries",
        summary: "Which of these binaries the project does not have",
        tags: ["binaries"],
        body: Asked,
        response: answers(
          { 200: json("Those that are to be uploaded, in the order given.", Missing) },
          "invalid_body",
          "malformed_json",
          "upload_too_large",
          "unsupported_media_type",
        ),
      },
    },
    async ({ caller: { project }, body: { build_ids: buildIds, kinds, files } }): Promise<Static<typeof Missing>> => ({
      missing: await binaries.missing(project, buildIds, kinds),
      missing_files: await binaries.missingFiles(project, files ?? []),
    }),
  );
}
