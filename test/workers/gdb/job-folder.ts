/**
 * A job folder as `gather` would make it, for tests of the debugger alone: the core's own NT_FILE, and this machine's files in the
 * sysroot. Small and trusting: its input was made by the test.
 */
import { copyFile, mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { noOptions } from "../../../services/contract/job-options.ts";
import type { Manifest } from "../../../workers/pipeline/helper-answer.ts";

const PT_NOTE = 4;
const NT_FILE = 0x46494c45;
const NT_PRSTATUS = 1;

interface Mapping {
  readonly path: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly offset: bigint;
}

function* notes(core: Buffer): Generator<{ type: number; data: Buffer }> {
  const phoff = Number(core.readBigUInt64LE(32));
  for (let index = 0; index < core.readUInt16LE(56); index += 1) {
    const at = phoff + 56 * index;
    if (core.readUInt32LE(at) !== PT_NOTE) continue;
    const end = Number(core.readBigUInt64LE(at + 8)) + Number(core.readBigUInt64LE(at + 32));
    for (let note = Number(core.readBigUInt64LE(at + 8)); note + 12 <= end; ) {
      const data = note + 12 + Math.ceil(core.readUInt32LE(note) / 4) * 4;
      yield { type: core.readUInt32LE(note + 8), data: core.subarray(data, data + core.readUInt32LE(note + 4)) };
      note = data + Math.ceil(core.readUInt32LE(note + 4) / 4) * 4;
    }
  }
}

function mappings(data: Buffer): Mapping[] {
  const count = Number(data.readBigUInt64LE(0));
  const pageSize = data.readBigUInt64LE(8);
  const paths = data.toString("utf8", 16 + 24 * count).split("\0");
  return Array.from({ length: count }, (_, index) => {
    const at = 16 + 24 * index;
    return { path: paths[index] ?? "", start: data.readBigUInt64LE(at), end: data.readBigUInt64LE(at + 8), offset: data.readBigUInt64LE(at + 16) * pageSize };
  });
}

async function isElf(path: string): Promise<boolean> {
  return await readFile(path).then(
    (bytes) => bytes.toString("latin1", 0, 4) === "\x7fELF",
    () => false,
  );
}

/** The names under which the loader looks for a library: links to it in its own folder. */
async function linkSonames(sysroot: string, path: string): Promise<void> {
  const folder = dirname(path);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isSymbolicLink() || (await readlink(join(folder, entry.name))) !== basename(path)) continue;
    await symlink(basename(path), join(sysroot, folder, entry.name));
  }
}

const links = { lib: "usr/lib", lib64: "usr/lib64", bin: "usr/bin", sbin: "usr/sbin" };

/** `with`: which modules are at hand. Returns the manifest that was written, and the executable's path inside the sandbox. */
export async function makeJobFolder(
  folder: string,
  core: string,
  having: (path: string) => boolean = () => true,
): Promise<{ manifest: Manifest; executable: string | null }> {
  const bytes = await readFile(core);
  await mkdir(join(folder, "out"), { recursive: true });
  await mkdir(join(folder, "debug"), { recursive: true });
  await mkdir(join(folder, "sysroot/usr"), { recursive: true });
  for (const [name, target] of Object.entries(links)) await symlink(target, join(folder, "sysroot", name));
  await copyFile(core, join(folder, "core"));
  const all = [...notes(bytes)];
  const byPath = Map.groupBy(
    all.filter((note) => note.type === NT_FILE).flatMap((note) => mappings(note.data)),
    (mapping) => mapping.path,
  );
  const modules: Manifest["modules"] = [];
  for (const [path, ranges] of byPath) {
    const present = having(path) && (await isElf(path));
    if (present) {
      await mkdir(dirname(join(folder, "sysroot", path)), { recursive: true });
      await copyFile(path, join(folder, "sysroot", path));
      await linkSonames(join(folder, "sysroot"), path);
    }
    modules.push({
      path,
      build_id: null,
      file: present ? `/job/sysroot${path}` : null,
      debug_file: null,
      mappings: ranges.map(({ start, end, offset }) => ({ start: `0x${start.toString(16)}`, end: `0x${end.toString(16)}`, offset: Number(offset) })),
    });
  }
  const prstatus = all.find((note) => note.type === NT_PRSTATUS);
  const executable = modules[0]?.path ?? null;
  const manifest: Manifest = {
    core: "/job/core",
    machine: "x86_64",
    executable,
    crashed_lwp: prstatus?.data.readInt32LE(32) ?? null,
    modules,
    frames_per_thread: 500,
    threads: 4_096,
    options: noOptions,
  };
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  return { manifest, executable: modules[0]?.file ?? null };
}
