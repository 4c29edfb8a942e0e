/** A tokens file with one project for each name, so that what is uploaded for one serves no other. */
import { createHash, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";

/** Writes the file and gives the token of each project. */
export async function writeProjectTokens<Name extends string>(path: string, projects: readonly Name[]): Promise<ReadonlyMap<Name, string>> {
  const tokens = new Map(projects.map((project) => [project, randomUUID()]));
  const list = [...tokens].map(([project, token]) => ({
    sha256: createHash("sha256").update(token).digest("hex"),
    project,
    scopes: ["submit", "read"],
  }));
  await writeFile(path, JSON.stringify(list));
  return tokens;
}
