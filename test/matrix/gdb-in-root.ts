/**
 * Our helpers in another gdb: `npm run test:gdb -- ROOT [PYTHON]`, where ROOT is a Debian made by `debian-root.sh`.
 *
 * One core of this machine is opened by the gdb in the root (with chroot, beside its own libraries and its own Python) and by the gdb here,
 * with the same arguments and the same commands; both must tell the same Python frames and reach the same native ones.
 */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Core, interpreterAt, makeCore, programsFolder } from "../corpus/make-core.ts";
import { makeJobFolder } from "../workers/gdb/job-folder.ts";
import { gdbVersion, loadCore, loadExecutable, runInquest, sourceHelpers } from "../../workers/gdb/commands.ts";
import { gdbArguments } from "../../workers/gdb/gdb-arguments.ts";
import { helperScripts } from "../../workers/gdb/helper-scripts.ts";
import { MiSession } from "../../workers/gdb/session.ts";

const limitMs = 120_000;

interface Told {
  readonly version: string;
  readonly python: string;
  readonly native: string;
  readonly warnings: readonly string[];
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The first thread's functions, innermost first. */
function stackOf(answer: unknown): string {
  const crashed = list(field(answer, "threads"))[0];
  return list(field(crashed, "frames"))
    .map((frame) => String(field(frame, "function")))
    .join(" < ");
}

/** Runs both helpers in the root's gdb. `/job` and `/inquest` in the root are the job folder and the helpers. */
async function tell(root: string, core: Core): Promise<Told> {
  const job = await mkdtemp(join(tmpdir(), "inquest-gdb-job-"));
  const places = [join(root, "job"), join(root, "inquest")] as const;
  try {
    const { executable } = await makeJobFolder(job, core.path);
    for (const place of places) await rm(place, { recursive: true, force: true });
    await rename(job, places[0]).catch(() => cp(job, places[0], { recursive: true, verbatimSymlinks: true }));
    await cp(helperScripts, places[1], { recursive: true });
    const child = spawn("chroot", [root, "gdb", ...gdbArguments("dwarf")], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" },
    });
    await using session = new MiSession({ child, commandPid: Promise.resolve(child.pid ?? null) }, { lineCap: 1 << 26, graceMs: 1_000 });
    await session.ready(limitMs);
    await sourceHelpers(session, "/inquest/load.py");
    const version = await gdbVersion(session);
    const warnings = [...(executable === null ? [] : await loadExecutable(session, executable, limitMs)), ...(await loadCore(session, "/job/core", limitMs))];
    const answers: unknown[] = [];
    for (const name of ["python", "native"] as const) {
      await runInquest(session, name, "/job/manifest.json", `/job/out/${name}.json`, limitMs);
      answers.push(JSON.parse(await readFile(join(places[0], "out", `${name}.json`), "utf8")));
    }
    const told = answers.flatMap((answer) =>
      list(field(answer, "warnings")).map((warning) => `${String(field(warning, "code"))}: ${String(field(warning, "detail"))}`),
    );
    return {
      version,
      python: stackOf(answers[0]),
      native: stackOf(answers[1]),
      warnings: [...warnings.map(({ code, detail }) => `${code}: ${detail}`), ...told],
    };
  } finally {
    for (const place of [job, ...places]) await rm(place, { recursive: true, force: true });
  }
}

const [root, path = "/usr/bin/python3"] = process.argv.slice(2);
const interpreter = await interpreterAt(path);
if (root === undefined || interpreter === null) throw new Error("usage: gdb-in-root.ts ROOT [PYTHON]");
let wrong = 0;
for (const program of ["null_dereference.py", "threads.py", "c_calls_back.py"]) {
  await using core = await makeCore(interpreter, join(programsFolder, program));
  const told = await tell(root, core);
  const names = core.stderr.split("(most recent call first):")[1]?.split("\n\n")[0] ?? "";
  const dumped = [...names.matchAll(/ in (\S+)$/gm)].map((match) => match[1]).join(" < ");
  const right = told.python === dumped && /Py_|PyEval|ffi|string_at|memmove|strlen/.test(told.native) && told.native.includes("main");
  if (!right) wrong += 1;
  process.stdout.write(`gdb ${told.version}, ${program} on ${interpreter.version.join(".")}: ${right ? "right" : "WRONG"}\n`);
  process.stdout.write(`  Python: ${told.python}\n${right ? "" : `  faulthandler: ${dumped}\n`}  native: ${told.native}\n`);
  for (const warning of told.warnings) process.stdout.write(`  ${warning}\n`);
}
process.exitCode = wrong > 0 ? 1 : 0;
