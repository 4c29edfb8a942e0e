/**
 * Asks, once at a worker's start, whether gdb runs in the sandbox and whether the sandbox holds. Fails closed: a worker whose probe
 * is not ok takes no job.
 */
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "../../services/contract/failure.ts";
import { gdbArguments } from "./gdb-arguments.ts";
import { compiledHelpers, helperScripts } from "./helper-scripts.ts";
import { requireProgram } from "../../services/sandbox/sandbox.ts";
import { debuggerFolders, hiddenFolders } from "./debugger-folders.ts";
import { type SandboxedProcess, startSandboxed } from "../../services/sandbox/sandboxed-process.ts";
import { describeExit, scrubStderr } from "./session.ts";

export interface ProbeOptions {
  /** `Config.gdb`. */
  readonly gdb: string;
  /** Where compiled copies of the helpers are kept; made when absent. */
  readonly helperCache: string;
}

export type SandboxProbe =
  /** `helpers` is for `OpenGdbOptions`. */
  | { readonly ok: true; readonly gdb: string; readonly helpers: string }
  | { readonly ok: false; readonly code: "debugger_missing" | "sandbox_unavailable"; readonly reason: string };

const GiB = 2 ** 30;
const limitMs = 60_000;

function explain(last: string): string {
  if (/user namespace|uid map|No permissions to creat|Operation not permitted/i.test(last)) {
    return `${last} (user namespaces are not allowed here: see kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, or the container's seccomp profile)`;
  }
  return last;
}

async function output({ child }: SandboxedProcess): Promise<{ stdout: string; stderr: string; how: string }> {
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => void (stdout = (stdout + chunk.toString("latin1")).slice(-65_536)));
  child.stderr.on("data", (chunk: Buffer) => void (stderr = (stderr + chunk.toString("latin1")).slice(-65_536)));
  child.stdin.on("error", () => undefined);
  child.stdin.end();
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  try {
    const [exitCode, signal]: unknown[] = await once(child, "close");
    return { stdout, stderr, how: describeExit(typeof exitCode === "number" ? exitCode : null, typeof signal === "string" ? signal : null) };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs one gdb to its end, on no core, with `/inquest/SCRIPT` as its work. */
function runScript(gdb: string, jobDir: string, script: string, scripts: string, writable: boolean) {
  const mount = [[scripts, "/inquest"] as const];
  return output(
    startSandboxed({
      command: [gdb, "-batch", ...gdbArguments("python-only").filter((argument) => !argument.startsWith("--interpreter")), "-x", `/inquest/${script}`],
      limits: { addressSpace: 4 * GiB, data: GiB, cpuSeconds: limitMs / 1_000, fileSize: GiB },
      readOnly: [...debuggerFolders(gdb), [jobDir, "/job"], ...(writable ? [] : mount)],
      hidden: hiddenFolders(gdb),
      writable: [[join(jobDir, "out"), "/job/out"], ...(writable ? mount : [])],
    }),
  );
}

async function runProbe(options: ProbeOptions, jobDir: string): Promise<SandboxProbe> {
  const gdb = requireProgram(options.gdb, "debugger_missing");
  await mkdir(join(jobDir, "out"));
  const { stdout, stderr, how } = await runScript(gdb, jobDir, "probe.py", helperScripts, false);
  const answer = /^\{"gdb": "([^"]*)", "problems": \[(.*)\]\}$/m.exec(stdout);
  const last = scrubStderr(stderr);
  if (answer === null) return { ok: false, code: "sandbox_unavailable", reason: `${how}${last === "" ? "" : `: ${explain(last)}`}` };
  if (answer[2] !== "") return { ok: false, code: "sandbox_unavailable", reason: `the sandbox does not hold: ${answer[2]}` };
  const helpers = await compiledHelpers(options.helperCache, gdb, async (folder) => {
    await runScript(gdb, jobDir, "compile.py", folder, true);
  });
  return { ok: true, gdb: answer[1] ?? "", helpers };
}

export async function probeSandbox(options: ProbeOptions): Promise<SandboxProbe> {
  const jobDir = await mkdtemp(join(tmpdir(), "inquest-probe-"));
  try {
    return await runProbe(options, jobDir);
  } catch (error) {
    if (error instanceof Failure && (error.code === "debugger_missing" || error.code === "sandbox_unavailable")) {
      return { ok: false, code: error.code, reason: error.message };
    }
    throw error;
  } finally {
    await rm(jobDir, { recursive: true, force: true });
  }
}
