/**
 * The bubblewrap sandbox that programs run in which read hostile files: gdb, and those that inflate.
 *
 * Such a program is expected to be taken over some day. So it sees no network, no process, no device and no file but itself, its
 * libraries and what the plan binds; it has no capability, may fork no child, and lives within resource limits. How the sandbox is
 * built with and without user namespaces is told in confinement.ts.
 */
import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { resolve } from "node:path";
import { Failure } from "../contract/failure.ts";
import { confinement } from "./confinement.ts";

export interface SandboxLimits {
  /** Address space and private memory in bytes; the first one includes mapped files. */
  readonly addressSpace: number;
  readonly data: number;
  readonly cpuSeconds: number;
  /** Bytes of one written file. */
  readonly fileSize: number;
}

export interface SandboxPlan {
  /** The command inside, with absolute paths. */
  readonly command: readonly string[];
  readonly limits: SandboxLimits;
  /** [host, inside]. */
  readonly readOnly: readonly (readonly [string, string])[];
  readonly writable: readonly (readonly [string, string])[];
  /** Folders inside that are to look empty. */
  readonly hidden: readonly string[];
  /** A descriptor that receives bubblewrap's JSON with `child-pid`. */
  readonly infoFd: number;
  /** A descriptor that gives a compiled seccomp filter. */
  readonly seccompFd: number | null;
}

const binFolders = ["/usr/bin", "/usr/local/bin", "/bin"];

/** Finds a program by name in the usual places (never through PATH), or checks a path. Null when there is none. */
export function findProgram(nameOrPath: string): string | null {
  const candidates = nameOrPath.includes("/") ? [resolve(nameOrPath)] : binFolders.map((folder) => `${folder}/${nameOrPath}`);
  return candidates.find((path) => existsSync(path)) ?? null;
}

export function requireProgram(nameOrPath: string, code: "debugger_missing" | "sandbox_unavailable"): string {
  const path = findProgram(nameOrPath);
  if (path === null) throw new Failure(code, `${nameOrPath} is not installed`);
  return path;
}

/** The system's libraries: `/lib` is a link on merged systems and a folder elsewhere. Programs are not among them. */
function systemFolders(): string[] {
  const options: string[] = [];
  for (const path of ["/lib", "/lib64", "/lib32", "/libx32"]) {
    if (!existsSync(path)) continue;
    if (lstatSync(path).isSymbolicLink()) options.push("--symlink", readlinkSync(path), path);
    else options.push("--ro-bind", path, path);
  }
  for (const path of ["/usr/lib", "/usr/lib64", "/usr/lib32"]) {
    if (existsSync(path) && !lstatSync(path).isSymbolicLink()) options.push("--ro-bind", path, path);
  }
  return options;
}

/** The whole command line: `prlimit` around `bwrap` around the command. */
export function sandboxCommand(plan: SandboxPlan): readonly [string, ...string[]] {
  const { limits } = plan;
  const { launcher, namespaces, programs, prefix } = confinement();
  return [
    requireProgram("prlimit", "sandbox_unavailable"),
    `--as=${limits.addressSpace}`,
    `--data=${limits.data}`,
    `--cpu=${limits.cpuSeconds}`,
    `--fsize=${limits.fileSize}`,
    "--nofile=256",
    "--core=0",
    ...launcher,
    requireProgram("bwrap", "sandbox_unavailable"),
    ...namespaces,
    "--hostname",
    "inquest",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
    "--setenv",
    "PATH",
    "/nonexistent",
    "--setenv",
    "HOME",
    "/tmp",
    "--setenv",
    "LC_ALL",
    "C.UTF-8",
    "--info-fd",
    String(plan.infoFd),
    ...(plan.seccompFd === null ? [] : ["--seccomp", String(plan.seccompFd)]),
    ...systemFolders(),
    ...programs.flatMap((path) => ["--ro-bind", path, path]),
    "--size",
    "16777216",
    "--tmpfs",
    "/tmp",
    // Not --dev: its /dev is a file system without a limit of size.
    "--dev-bind",
    "/dev/null",
    "/dev/null",
    "--dev-bind",
    "/dev/urandom",
    "/dev/urandom",
    ...plan.readOnly.flatMap(([host, inside]) => ["--ro-bind", host, inside]),
    ...plan.writable.flatMap(([host, inside]) => ["--bind", host, inside]),
    ...plan.hidden.flatMap((inside) => ["--tmpfs", inside, "--remount-ro", inside]),
    "--remount-ro",
    "/",
    "--chdir",
    "/tmp",
    "--",
    ...prefix,
    ...plan.command,
  ];
}
