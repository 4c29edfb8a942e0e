/** Which extension modules have frames on the crashed thread, and how near the crash. */
import type { ExtensionModule, PythonInfo } from "../../services/contract/interpreter.ts";
import type { Thread } from "../../services/contract/thread.ts";

/** Of the crashed thread's native frames (a fold counts for its frames); a guessed frame proves nothing. */
function innermostFrames(thread: Thread): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  let at = 0;
  for (const frame of thread.native_frames) {
    if (frame.kind === "folded") at += frame.cycle * frame.count;
    else {
      if (frame.module !== null && frame.trust !== "scan" && !found.has(frame.module)) found.set(frame.module, at);
      at += 1;
    }
  }
  return found;
}

export function withCrashFrames(python: PythonInfo | null, threads: readonly Thread[]): PythonInfo | null {
  const crashed = threads.find((thread) => thread.crashed);
  if (python === null || crashed === undefined) return python;
  const frames = innermostFrames(crashed);
  const placed = (module: ExtensionModule): ExtensionModule => ({ ...module, crash_frame: module.path === null ? null : (frames.get(module.path) ?? null) });
  return { ...python, extension_modules: python.extension_modules.map(placed) };
}
