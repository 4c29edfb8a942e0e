/** Logs of a crash on real parts: alone they give a Python stack and a signature, beside a core they are held against it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Core, interpreterAt, makeCore, programsFolder } from "../corpus/make-core.ts";
import { faulthandlerDump } from "../../services/text/notation.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { analyse, getText } from "../support/submit.ts";

let stack: Stack;
let core: Core;
let binaries: readonly string[];

beforeAll(async () => {
  stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
  const interpreter = await interpreterAt("/usr/bin/python3");
  if (interpreter === null) throw new Error("/usr/bin/python3 does not run");
  core = await makeCore(interpreter, join(programsFolder, "threads.py"));
  binaries = await mappedFiles(core.path, null);
});
afterAll(async () => {
  await core[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

/** As files of these names, beside the core. */
async function attached(texts: Readonly<Record<string, string>>) {
  const files = Object.entries(texts).map(([name, text]) => ({ name, path: join(core.folder, name), text }));
  for (const { path, text } of files) await writeFile(path, text);
  return files;
}
const sample = (name: string) => [{ name, path: new URL(`../logs/samples/${name}`, import.meta.url).pathname }];
const dumpOf = (text: string) => text.slice(text.indexOf("Fatal Python error"), text.lastIndexOf("<module>") + "<module>".length).split("\n");

describe("a log without its core", () => {
  test("gives the Python stacks, the same text again, and the group of the crash with a core", async () => {
    const whole = await analyse(stack.url, { core: core.path, binaries });
    const alone = await analyse(stack.url, { core: null, attachments: await attached({ "stderr.log": `noise before\n${core.stderr}` }) });
    expect(alone.report.process.signal?.name).toBe("SIGSEGV");
    expect(alone.report.threads[0]?.crashed).toBe(true);
    expect(faulthandlerDump(alone.report)).toEqual(dumpOf(core.stderr));
    expect(alone.report.signature).toMatchObject({ partial: true, broad_hash: whole.report.signature?.broad_hash });
    const groups = await (await fetch(`${stack.url}/v1/groups`)).json();
    expect(groups).toMatchObject({ items: [{ count: 2 }] });
    const text = await getText(stack.url, alone.job.id);
    expect(text).toMatch(/^A process died of SIGSEGV/);
    expect(text).toContain("no core was sent");
  });

  test("says what a memory checker saw", async () => {
    const { report } = await analyse(stack.url, { core: null, attachments: sample("asan.txt") });
    expect(report.diagnoses).toMatchObject([{ code: "freed_memory_access", confidence: "likely", evidence: { tool: "asan", pid: 8422 } }]);
    expect(report.threads[0]?.native_frames[0]).toMatchObject({ function: "use", file: "asan.c", line: 3 });
    const valgrind = await analyse(stack.url, { core: null, attachments: sample("valgrind.txt") });
    expect(valgrind.report.process).toMatchObject({ pid: 8296, signal: { name: "SIGSEGV", address: "0x0" } });
    expect(valgrind.report.diagnoses).toMatchObject([
      { code: "null_dereference", confidence: "likely" },
      { code: "out_of_bounds_access", confidence: "possible" },
    ]);
  });
});

describe("logs beside a core", () => {
  test("are told to agree, to differ, or to be of another process, and a stranger's gives no finding", async () => {
    const other = core.stderr.replaceAll(/0x0000([0-9a-f]{12})/g, "0x0001$1");
    const moved = core.stderr.replace(/line (\d+) in <module>/, "line 9$1 in <module>");
    const stranger =
      "==99==ERROR: AddressSanitizer: heap-use-after-free on address 0x1\nREAD of size 4 at 0x1 thread T0\n    #0 0x1 in f a.c:1\nSUMMARY: AddressSanitizer: x\n";
    const attachments = await attached({ "0.log": core.stderr, "1.log": other, "2.log": moved, "3.log": "hello\n", "4.log": stranger });
    const { report, job } = await analyse(stack.url, { core: core.path, attachments });
    expect(report.attachments.map(({ filename, kind, agreement }) => [filename, kind, agreement])).toEqual([
      ["0.log", "faulthandler", "same"],
      ["1.log", "faulthandler", "other_process"],
      ["2.log", "faulthandler", "differs"],
      ["3.log", "text", null],
      ["4.log", "asan", "other_process"],
    ]);
    expect(report.diagnoses.map((each) => each.code)).not.toContain("freed_memory_access");
    expect(await getText(stack.url, job.id)).toContain("0.log  dump of faulthandler, 4 threads: Fatal Python error: Segmentation fault; agrees with the core");
  });
});
