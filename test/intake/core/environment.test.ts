/** The environment of a real core: every name, and no value that could be a secret. */
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isHarmless } from "../../../services/intake/core/environment.ts";
import { inspectCoreFile } from "../../../services/intake/core/inspect-core.ts";
import { interpreterAt, makeCore } from "../../corpus/make-core.ts";

test("is told by name, with the values of harmless variables alone", async () => {
  const interpreter = await interpreterAt("/usr/bin/python3");
  if (interpreter === null) throw new Error("/usr/bin/python3 does not run");
  const program = join(tmpdir(), `inquest-environment-${process.pid}.py`);
  await writeFile(program, "import os\nos.environ['LATER'] = '1'\nos.kill(os.getpid(), 11)\n");
  const secrets = { SECRET_KEY: "hunter2=", PYTHON_API_TOKEN: "hunter2", DATABASE_URL: "hunter2", EMPTY: "" };
  const environment = { ...secrets, PYTHONMALLOC: "malloc", TZ: "UTC", OMP_NUM_THREADS: "3", PYTHONHASHSEED: "0" };
  await using core = await makeCore(interpreter, program, { environment });
  const facts = await inspectCoreFile(core.path);
  const told = new Map(facts.environment?.map(({ name, value }) => [name, value]));
  for (const name of Object.keys(secrets)) expect([name, told.get(name)]).toEqual([name, null]);
  expect(JSON.stringify(facts)).not.toContain("hunter2");
  expect([...told].filter(([, value]) => value !== null)).toEqual(
    expect.arrayContaining([
      ["LC_ALL", "C.UTF-8"],
      ["OMP_NUM_THREADS", "3"],
      ["PYTHONMALLOC", "malloc"],
      ["TZ", "UTC"],
    ]),
  );
  expect(told.has("LATER")).toBe(false);
  expect(facts.commandLine?.at(-1)).toMatch(/inquest-environment-.*\.py$/);
});

test.each(["PYTHONPATH", "LC_TIME", "LANG", "MALLOC_ARENA_MAX", "LD_PRELOAD", "OPENBLAS_NUM_THREADS"])("%s is harmless", (name) => {
  expect(isHarmless(name)).toBe(true);
});

test.each(["PYTHON_TOKEN", "PYTHONPASSWORD", "AWS_SECRET_ACCESS_KEY", "LANG_TOKEN", "TZ_KEY", "MKL_LICENSE", "OMP_SECRET", "LD_X", "HOME", "lang"])(
  "%s is not",
  (name) => {
    expect(isHarmless(name)).toBe(false);
  },
);
