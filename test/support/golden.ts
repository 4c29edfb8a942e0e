/**
 * Golden files beside the tests. They change by one command only, `UPDATE_GOLDENS=1 npx vitest run FILE`; without it a golden that
 * is missing fails as one that differs does.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** What the file says: `expect(text).toBe(await golden(url, text))`. */
export async function golden(file: URL, text: string): Promise<string> {
  const path = fileURLToPath(file);
  if (process.env["UPDATE_GOLDENS"] === "1") {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return await readFile(path, "utf8").catch((error: unknown) => {
    throw new Error(`the golden ${path.split("/").slice(-3).join("/")} is missing; write it with UPDATE_GOLDENS=1 and read what it says`, { cause: error });
  });
}
