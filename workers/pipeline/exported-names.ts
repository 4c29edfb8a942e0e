/** Names the frames of the crashed thread by what their files export: names that a stripped copy has as well. */
import { join } from "node:path";
import type { FoldedFrames, Frame, NativeFrame, Thread } from "../../services/contract/thread.ts";
import { openFileSource } from "../../services/intake/elf/byte-source.ts";
import { type ExportedNames, readExportedNames } from "../../services/intake/elf/exported-names.ts";
import type { Manifest } from "./helper-answer.ts";
import { sandboxFolder } from "./job-folder.ts";

/** As the native helper names the frame that the kernel made for a signal handler. */
const signalTrampoline = "<signal handler called>";

/** A crash is told by its innermost frames, and each file is read for it. */
const mostFiles = 32;

async function namesOf(path: string): Promise<ExportedNames | null> {
  try {
    await using source = await openFileSource(path);
    return await readExportedNames(source);
  } catch {
    // A file that cannot be read has no names; the stages before this one have told why.
    return null;
  }
}

type Native = NativeFrame | FoldedFrames;

const crashedModules = (threads: readonly Thread[]): string[] => {
  const frames = threads.filter((thread) => thread.crashed).flatMap((thread) => thread.native_frames);
  return [...new Set(frames.flatMap((frame) => (frame.kind === "native" && frame.module !== null ? [frame.module] : [])))].slice(0, mostFiles);
};

/** A return address may lie behind the last call of a function that does not return, so it counts as its call. */
function addressOf(frames: readonly Native[], index: number): bigint | null {
  const [callee, frame] = [frames[index - 1], frames[index]];
  if (frame?.kind !== "native" || frame.offset === null) return null;
  const returns = callee?.kind === "native" && callee.function !== signalTrampoline && !callee.inlined;
  return BigInt(frame.offset) - (returns ? 1n : 0n);
}

/** `folder` is the job folder on this side of the sandbox. */
export async function withExportedNames(threads: readonly Thread[], manifest: Pick<Manifest, "modules">, folder: string): Promise<Thread[]> {
  const files = new Map(manifest.modules.flatMap(({ path, file }) => (file?.startsWith(`${sandboxFolder}/`) === true ? [[path, file] as const] : [])));
  const names = new Map<string, ExportedNames | null>();
  for (const module of crashedModules(threads)) {
    const file = files.get(module);
    if (file !== undefined) names.set(module, await namesOf(join(folder, file.slice(sandboxFolder.length + 1))));
  }
  return threads.map((thread) => {
    if (!thread.crashed) return thread;
    const byPlace = new Map<string, string>();
    thread.native_frames.forEach((frame, index) => {
      if (frame.kind !== "native" || frame.module === null) return;
      const address = addressOf(thread.native_frames, index);
      const name = address === null ? null : (names.get(frame.module)?.at(address) ?? null);
      if (name !== null && frame.pc !== null) byPlace.set(frame.pc, name);
    });
    const named = <F extends Frame>(frame: F): F =>
      frame.kind === "native" && frame.pc !== null ? { ...frame, exported: byPlace.get(frame.pc) ?? null } : frame;
    return { ...thread, frames: thread.frames.map(named), native_frames: thread.native_frames.map(named) };
  });
}
