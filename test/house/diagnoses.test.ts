/** docs/diagnoses.md tells every code that a rule can give, and no other. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "workers/pipeline/diagnose");
const rules = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
const given = new Set(rules.flatMap((text) => [...text.matchAll(/\bcode: "([a-z_]+)"/g)].map((match) => match[1])));
const table = readFileSync(join(root, "docs/diagnoses.md"), "utf8");
const documented = [...table.matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1]);

test("the page of diagnoses tells every code once, and none that no rule gives", () => {
  expect(documented.filter((code) => !given.has(code))).toEqual([]);
  expect([...given].filter((code) => !documented.includes(code))).toEqual([]);
  expect(new Set(documented).size).toBe(documented.length);
  expect(documented.length).toBeGreaterThan(10);
});
