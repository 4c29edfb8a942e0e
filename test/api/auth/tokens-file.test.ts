import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readTokensFile } from "../../../services/api/auth/tokens-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-tokens-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(text: string): Promise<string> {
  const path = join(folder, "tokens.json");
  await writeFile(path, text);
  return path;
}

const sha256 = "a".repeat(64);

test("reads the tokens", async () => {
  const tokens = [{ sha256, project: "web", scopes: ["submit", "read"] }];
  expect(await readTokensFile(await file(JSON.stringify(tokens)))).toEqual(tokens);
});

test.each([
  ["no JSON", "{"],
  ["no list", "{}"],
  ["an empty list", "[]"],
  ["a token in the clear", JSON.stringify([{ token: "hunter2", project: "web", scopes: ["read"] }])],
  ["a digest that is none", JSON.stringify([{ sha256: "hunter2", project: "web", scopes: ["read"] }])],
  ["an unknown scope", JSON.stringify([{ sha256, project: "web", scopes: ["root"] }])],
  ["no scope", JSON.stringify([{ sha256, project: "web", scopes: [] }])],
  ["a project that is no name", JSON.stringify([{ sha256, project: "../web", scopes: ["read"] }])],
])("refuses %s, naming the variable and not the contents", async (_what, text) => {
  const failed = await readTokensFile(await file(text)).then(
    () => null,
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ code: "configuration_invalid", message: expect.stringContaining("INQUEST_TOKENS_FILE=") });
  expect(String(failed)).not.toContain("hunter2");
});

test("refuses a file that is not there", async () => {
  await expect(readTokensFile(join(folder, "absent.json"))).rejects.toMatchObject({ code: "configuration_invalid" });
});
