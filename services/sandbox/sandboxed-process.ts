/** Starts a command in the sandbox: the descriptors that bubblewrap speaks over, and the filter. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { lchownSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { Failure } from "../contract/failure.ts";
import { confinement } from "./confinement.ts";
import { type SandboxPlan, sandboxCommand } from "./sandbox.ts";
import { machineOf, seccompFilter } from "./seccomp.ts";
import { childOf, readChildPid, signalProcess } from "./child-pid.ts";

export interface SandboxedProcess {
  /** The outer process; bubblewrap's child dies with it. */
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** The host's pid of the command itself, once bubblewrap has told it; null when it never does. */
  readonly commandPid: Promise<number | null>;
}

const infoFd = 3;
const seccompFd = 4;

export function startSandboxed(plan: Omit<SandboxPlan, "infoFd" | "seccompFd">): SandboxedProcess {
  const machine = machineOf(process.arch);
  const { owner, isFirst } = confinement();
  if (owner !== null) for (const [host] of plan.writable) giveTo(owner, host);
  const [program, ...rest] = sandboxCommand({ ...plan, infoFd, seccompFd: machine === null ? null : seccompFd });
  // A process group of its own, so that `killSandboxed` also reaches bubblewrap's child before that has asked to die with its parent.
  const child = spawn(program, rest, { stdio: ["pipe", "pipe", "pipe", "pipe", "pipe"], env: {}, cwd: "/", detached: true });
  const [stdin, stdout, stderr, info, filter] = child.stdio;
  if (stdin === null || stdout === null || stderr === null) throw new Failure("sandbox_unavailable", "the sandbox has no pipes");
  if (!isReadable(info) || !isWritable(filter)) throw new Failure("sandbox_unavailable", "the sandbox has no pipes");
  filter.on("error", () => undefined);
  filter.end(machine === null ? undefined : seccompFilter(machine));
  const first = readChildPid(info);
  return { child, commandPid: isFirst ? first : first.then((pid) => (pid === null ? null : childOf(pid))) };
}

function giveTo(owner: number, folder: string): void {
  const inside = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name));
  for (const path of [folder, ...inside]) lchownSync(path, owner, owner);
}

/** Ends all of it at once, however far it has come. */
export function killSandboxed({ child }: SandboxedProcess): void {
  child.kill("SIGKILL");
  if (child.pid !== undefined) signalProcess(-child.pid, "SIGKILL");
}

function isReadable(stream: unknown): stream is Readable {
  return typeof stream === "object" && stream !== null && "read" in stream;
}

function isWritable(stream: unknown): stream is Writable {
  return typeof stream === "object" && stream !== null && "write" in stream;
}
