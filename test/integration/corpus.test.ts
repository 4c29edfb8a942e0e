/** The main job on real parts: each crash program, uploaded over HTTP, comes back as what faulthandler and the manifest say. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkReport } from "../corpus/check-report.ts";
import { makeCore, programsFolder } from "../corpus/make-core.ts";
import { entriesFor } from "../corpus/manifest.ts";
import { defaultInterpreters } from "../matrix/interpreters.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { analyse } from "../support/submit.ts";

const interpreters = await defaultInterpreters(process.env["PATH"] ?? "");

describe("an uploaded core", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
  });

  it("can be made: an interpreter is installed", () => {
    expect(interpreters.length).toBeGreaterThan(0);
  });

  for (const interpreter of interpreters) {
    const [major, minor, micro] = interpreter.version;
    for (const entry of entriesFor(interpreter).filter((each) => each.heavy !== true)) {
      it(`of ${entry.program} on ${major}.${minor}.${micro} comes back right`, async () => {
        const source = join(programsFolder, entry.program);
        await using core = await makeCore(interpreter, source, { gcore: entry.gcore === true, environment: entry.environment ?? {} });
        const attachments = [{ name: "stderr.log", path: join(core.folder, "stderr.log") }];
        await writeFile(join(core.folder, "stderr.log"), core.stderr);
        const { report } = await analyse(stack.url, { core: core.path, attachments, binaries: await mappedFiles(core.path, interpreter.root) });
        expect(checkReport(entry, report, core, source)).toEqual([]);
      });
    }
  }
});
