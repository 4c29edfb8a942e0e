/**
 * The native part of a signature: who called what failed, in code that is neither CPython's nor the C library's.
 *
 * A frame is named by what its file exports, since that name survives stripping; frames of static functions count only as
 * their module. The frames between the crash and the innermost evaluator are looked at, or all when the thread ran no Python.
 */
import type { FoldedFrames, NativeFrame } from "../contract/thread.ts";
import { dropped, kept, type KeyedFrame } from "./keyed-frame.ts";
import { moduleName, plainNativeName } from "./native-name.ts";
import { nativeRule } from "./native-rules.ts";

const mostKept = 3;
const mostSeen = 64;
/** A chain of exit frames (`raise` below `abort` below an assertion) is not longer than this. */
const deepestExit = 24;
const trampoline = "<signal handler called>";
const evaluator = /^(_PyEval_EvalFrameDefault|PyEval_EvalFrameEx|_TAIL_CALL_\w+)$/;
const fatal = /^_?Py_FatalError/;
const allocator = /^(free|cfree|malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|valloc|pvalloc|malloc_trim|malloc_usable_size)$/;
/** The key of a fatal error, which stands beside the functions. */
export const endedItself = "fatal error";
const raising = /^(raise|gsignal|kill|tgkill|abort|pthread_kill|pthread_kill_(implementation|internal))$/;

interface Place {
  readonly key: string;
  /** Exported, so the same in every copy of the build. */
  readonly exported: string | null;
  readonly name: string | null;
  readonly module: string;
  readonly frame: NativeFrame;
}

function placeOf(frame: NativeFrame): Place {
  const exported = frame.exported === null ? null : plainNativeName(frame.exported);
  const name = frame.function === null ? exported : plainNativeName(frame.function);
  const module = frame.module === null ? "?" : moduleName(frame.module);
  return { key: `${module}!${exported ?? name ?? frame.offset ?? frame.pc ?? "?"}`, exported, name, module, frame };
}

const isEvaluator = ({ name, exported }: Place) => (name !== null && evaluator.test(name)) || (exported !== null && evaluator.test(exported));

/**
 * The index of the innermost evaluator, -1 when there is none. Where its name is stripped, it is what PyEval_EvalCode calls: the evaluator is
 * entered from one place, so the same address further in is a Python call too.
 */
function innermostEvaluator(places: readonly Place[]): number {
  const named = places.findIndex(isEvaluator);
  if (named >= 0) return named;
  const entered = new Set(places.flatMap(({ frame }, index) => (places[index + 1]?.exported === "PyEval_EvalCode" ? [frame.pc] : [])));
  return places.findIndex(({ frame }) => entered.has(frame.pc));
}

/** Where the crash is, behind the frames of a handler that raised the signal again, as faulthandler's does. */
function behindHandler(places: readonly Place[]): number {
  const last = places.findLastIndex(({ frame }) => frame.function === trampoline);
  const above = places.slice(0, Math.max(0, last));
  return above.some(({ name, exported }) => raising.test(exported ?? "") || raising.test(name ?? "")) ? last + 1 : 0;
}

/** Behind the outermost frame that ends the process, where nothing but the C library and CPython stands further in. */
function behindExit(places: readonly Place[], from: number): { readonly end: number; readonly why: string } {
  let found = { end: from, why: "" };
  for (const [index, { name, exported, module, frame }] of places.slice(from, from + deepestExit).entries()) {
    const rules = [exported, name].map((each) => nativeRule({ name: each, module, path: frame.module ?? "" }));
    const exit = rules.find((rule) => rule?.action === "exit");
    if (exit != null) found = { end: from + index + 1, why: exit.why };
    else if (rules.every((rule) => rule === null) && frame.module !== null) break;
  }
  return found;
}

const nativeOnly = (frames: readonly (NativeFrame | FoldedFrames)[]) =>
  frames.filter((frame): frame is NativeFrame => frame.kind === "native").slice(0, mostSeen);

/** The C library's own allocator was called, and nothing but the C library stands further in. */
export function diedInAllocator(frames: readonly (NativeFrame | FoldedFrames)[]): boolean {
  const places = nativeOnly(frames).map(placeOf);
  for (const { module, exported, frame } of places.slice(behindHandler(places))) {
    if (module !== "libc") return false;
    if (exported !== null && frame.trust !== "scan" && allocator.test(exported)) return true;
  }
  return false;
}

/** `alone`: the thread has no Python frames, so CPython's own exported names and places without any name count as well. */
export function nativeKeys(frames: readonly (NativeFrame | FoldedFrames)[], alone: boolean): KeyedFrame[] {
  const all = nativeOnly(frames).map(placeOf);
  const entered = innermostEvaluator(all);
  const places = entered < 0 ? all : all.slice(0, entered);
  const handler = behindHandler(places);
  const exit = behindExit(places, handler);
  const out: KeyedFrame[] = [];
  if (places.slice(handler, exit.end).some(({ exported }) => exported !== null && fatal.test(exported)))
    out.push(kept(endedItself, "the interpreter ended itself"));
  let count = 0;
  let nameless: Place | null = null;
  const closeRun = () => {
    if (nameless !== null && !alone && count < mostKept) {
      out.push(kept(nameless.module, "a module of which no exported function is on the stack here"));
      count += 1;
    }
    nameless = null;
  };
  for (const [index, place] of places.entries()) {
    const { key, frame, module, exported, name } = place;
    if (nameless !== null && nameless.module !== module) closeRun();
    if (index < handler) out.push(dropped(key, "the signal's handler, which raised it again"));
    else if (index < exit.end) out.push(dropped(key, exit.why));
    else if (frame.trust === "scan") out.push(dropped(key, "found by guessing, without the file that would tell"));
    else if (frame.module === null) out.push(dropped(key, "in no file"));
    else if (frame.inlined) out.push(dropped(key, "inlined: no frame of its own without debug info"));
    else {
      const rule = nativeRule({ name: exported ?? name, module, path: frame.module });
      if (rule?.action === "irrelevant") out.push(dropped(key, rule.why));
      else if (rule?.action === "own" && !alone) out.push(dropped(key, rule.why));
      else if (exported === null) {
        out.push(dropped(key, "its name is not exported, so a stripped copy would not have it"));
        if (rule?.action !== "own") nameless ??= place;
      } else if (count >= mostKept) out.push(dropped(key, `below the ${mostKept} innermost that count`));
      else {
        nameless = null;
        if (out.findLast((each) => each.kept)?.key === key) out.push(dropped(key, "the same as the frame before"));
        else {
          out.push(kept(key, "exported by a module that is neither CPython's nor the C library's"));
          count += 1;
        }
      }
    }
  }
  closeRun();
  const first = places
    .slice(exit.end)
    .find(({ frame }) => frame.module !== null && nativeRule({ name: null, module: moduleName(frame.module), path: frame.module })?.action !== "irrelevant");
  if (alone && count === 0 && first !== undefined) {
    const { frame, module } = first;
    out.push(kept(`${module}@${frame.build_id?.slice(0, 12) ?? "?"}+${frame.offset ?? "?"}`, "nothing here has a name: build-id and offset"));
  }
  return out;
}
