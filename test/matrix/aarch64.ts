/**
 * Cores of another machine: `npm run test:aarch64`. qemu-user runs the programs in an aarch64 Debian and writes cores of the guest, which go
 * through HTTP to a worker of this machine.
 *
 * The guest's processor has no pointer authentication: where AT_HWCAP promises it, gdb 13 unwinds nothing without NT_ARM_PAC_MASK, which the
 * kernel writes and qemu does not. Such a core has neither NT_FILE nor siginfo (the linker's list names its libraries), and only the thread that crashed.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDump } from "../corpus/faulthandler.ts";
import { programsFolder } from "../corpus/make-core.ts";
import { startStack } from "../support/stack.ts";
import { analyse } from "../support/submit.ts";

const script = fileURLToPath(new URL("./aarch64-root.sh", import.meta.url));
const root = process.argv[2] ?? join(tmpdir(), "inquest-debian", "sid-arm64");
if (spawnSync("sh", [script, root], { stdio: "inherit" }).status !== 0) throw new Error("no aarch64 root");

const libraries = join(root, "usr/lib/aarch64-linux-gnu");
const dynload = join(root, "usr/lib/python3.13/lib-dynload");

async function binaries(): Promise<string[]> {
  const wanted = /^(libc\.so\.6|libm\.so\.6|ld-linux-aarch64\.so\.1|libffi\.so\.8|libz\.so\.1|libexpat\.so\.1)$/;
  const names = (await readdir(libraries)).filter((name) => wanted.test(name));
  const found = await Promise.all(names.map((name) => realpath(join(libraries, name))));
  const extensions = (await readdir(dynload)).filter((name) => /^_ctypes\.|^_struct\./.test(name)).map((name) => join(dynload, name));
  return [join(root, "usr/bin/python3.13"), ...found, ...extensions];
}

let wrong = 0;
await using stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
const files = await binaries();
for (const program of ["null_dereference.py", "c_calls_back.py", "closures.py", "handles_exception.py", "names_outside_latin.py", "generators.py"]) {
  const folder = await mkdtemp(join(tmpdir(), "inquest-aarch64-"));
  try {
    await cp(join(programsFolder, program), join(folder, program));
    // qemu writes the guest's core, and the kernel one of qemu itself, which nobody looks at.
    const child = spawn(
      "sh",
      ["-c", 'ulimit -c unlimited; exec "$@"', "sh", "qemu-aarch64-static", "-cpu", "cortex-a72", "-L", root, join(root, "usr/bin/python3.13"), program],
      {
        cwd: folder,
        env: { PATH: "/usr/bin:/bin", PYTHONFAULTHANDLER: "1", PYTHONDONTWRITEBYTECODE: "1", LC_ALL: "C.UTF-8" },
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    let dump = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (dump += chunk));
    await once(child, "close");
    const core = (await readdir(folder)).find((name) => /^qemu_.*\.core$/.test(name));
    if (core === undefined) throw new Error(`${program} left no guest core: ${dump.slice(-300)}`);
    let whole: readonly (string | null)[] = [];
    for (const [variant, uploaded] of [
      ["with files", files],
      ["interpreter alone", files.slice(0, 1)],
      ["core alone", []],
    ] as const) {
      const { report } = await analyse(stack.url, { core: join(folder, core), binaries: uploaded });
      const thread = report.threads[0];
      const frames = thread?.python_frames.flatMap((frame) => (frame.kind === "python" ? [`${frame.file}:${frame.line} ${frame.function}`] : [])) ?? [];
      const dumped =
        parseDump(dump)
          .find((each) => each.current)
          ?.frames.map((frame) => `${frame.file}:${frame.line} ${frame.function}`) ?? [];
      const native = thread?.native_frames.map((frame) => (frame.kind === "native" ? (frame.function ?? "??") : "…")) ?? [];
      // With the files the C stack goes through libffi, _ctypes and the interpreter out to main; without them by frame records.
      const places = thread?.native_frames.flatMap((frame) => (frame.kind === "native" && !frame.inlined ? [frame.pc] : [])) ?? [];
      if (uploaded === files) whole = native.includes("Py_BytesMain") ? places : [];
      const reaches = whole.length > 0 && places.join("\n") === whole.join("\n");
      const merged = !report.warnings.some(({ code }) => code === "merge_partial");
      const right = dumped.length > 0 && frames.join("\n") === dumped.join("\n") && reaches && merged;
      if (!right) wrong += 1;
      process.stdout.write(`${program} ${variant}: ${right ? "right" : `WRONG: ${frames.join(" < ") || report.python_missing_reason}`}\n`);
      process.stdout.write(`  ${report.process.signal?.name}, gdb ${report.engine.gdb}, ${native.length} native: ${native.slice(0, 12).join(" < ")}\n`);
      for (const { code, detail } of report.warnings.slice(0, 6)) process.stdout.write(`  ${code}: ${detail}\n`);
    }
  } catch (error) {
    wrong += 1;
    process.stdout.write(`${program}: ${String(error)}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
process.stdout.write(`${await readFile(join(root, "etc/debian_version"), "utf8")}${wrong === 0 ? "all right" : `${wrong} wrong`}\n`);
process.exitCode = wrong > 0 ? 1 : 0;
