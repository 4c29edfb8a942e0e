/** The extension nearest the crash, and those that only happen to be loaded. */
import { describe, expect, test } from "vitest";
import type { ExtensionModule } from "../../../services/contract/interpreter.ts";
import type { Frame } from "../../../services/contract/thread.ts";
import type { CoreSignal } from "../../../services/intake/core/core-facts.ts";
import { crashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { withCrashFrames } from "../../../workers/pipeline/extension-frames.ts";
import { nativeFrame, pythonFrame, report, thread } from "../../text/sample-report.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

const path = "/usr/lib/python3/dist-packages/fast/_core.so";
const fast: ExtensionModule = { name: "fast._core", path, version: "2.1", third_party: true, crash_frame: null };
const own: ExtensionModule = { ...fast, name: "_ctypes", path: "/usr/lib/python3.11/lib-dynload/_ctypes.so", third_party: false };

const inFast = (name: string, some = {}) => nativeFrame(name, { module: path, ...some });
const inLibc = (name: string) => nativeFrame(name, { module: "/lib/x86_64-linux-gnu/libc.so.6" });
const evaluator = nativeFrame("_PyEval_EvalFrameDefault", { module: "/usr/bin/python3.11" });
const main = pythonFrame("main", 3);

function info(extensions: readonly ExtensionModule[]) {
  const { python } = report();
  if (python === null) throw new Error("the sample has a Python");
  return { ...python, extension_modules: [...extensions] };
}

function findings(frames: readonly Frame[], extensions: readonly ExtensionModule[] = [fast, own], signal: CoreSignal = segfault({ address: "0x10" })) {
  const core = coreFacts({ signal });
  const native = frames.filter((frame) => frame.kind === "native");
  return diagnose({
    core,
    site: crashSite(core, null, null, []),
    threads: [thread(4711, { crashed: true, frames: [...frames], native_frames: native, python_frames: frames.filter((frame) => frame.kind === "python") })],
    modules: [],
    native: null,
    python: {
      helpers: "test",
      layout_source: "table",
      python: info(extensions),
      python_missing_reason: null,
      threads: [],
      system_calls: [],
      suspended: [],
      warnings: [],
      facts: {},
      timings_ms: {},
    },
  }).filter((each) => each.code === "third_party_extension");
}

describe("third_party_extension", () => {
  test("is the extension of the innermost frame", () => {
    expect(findings([inFast("add_rows"), evaluator, main])[0]).toMatchObject({
      title: "The crash is in the third-party extension fast._core 2.1",
      confidence: "likely",
      evidence: { function: "add_rows", frame: 0 },
    });
  });

  test("is only possible where the extension had called what crashed", () => {
    expect(findings([inLibc("strlen"), nativeFrame("PyUnicode_FromString"), inFast("name_of"), evaluator, main])[0]).toMatchObject({
      confidence: "possible",
      evidence: { frame: 2 },
    });
  });

  test("names the function that a macro of Python's headers is inlined in", () => {
    const stack = [inLibc("strlen"), inFast("Py_DECREF", { inlined: true }), inFast("add_rows"), evaluator, main];
    expect(findings(stack)[0]).toMatchObject({ evidence: { function: "add_rows", frame: 1 } });
  });

  test.each<[string, Parameters<typeof findings>]>([
    ["an extension that is loaded and not on the stack", [[inLibc("strlen"), evaluator, main]]],
    ["one that called Python, which crashed elsewhere", [[inLibc("strlen"), evaluator, main, inFast("call_back"), evaluator, main]]],
    ["one of the standard library", [[nativeFrame("ffi_call", { module: own.path }), evaluator, main]]],
    ["a guessed frame", [[inLibc("strlen"), inFast("??", { trust: "scan" }), evaluator, main]]],
    [
      "a signal from another process",
      [[inFast("add_rows"), evaluator, main], [fast], segfault({ code: "SI_USER", code_number: 0, sender_pid: 99, address: null })],
    ],
    ["a thread without Python frames", [[inFast("pool_worker")]]],
  ])("is not %s", (_what, asked) => {
    expect(findings(...asked)).toEqual([]);
  });
});

test("extension modules tell their innermost frame on the crashed thread", () => {
  const crashed = thread(4711, { crashed: true, native_frames: [inLibc("strlen"), { kind: "folded", cycle: 2, count: 10 }, inFast("a"), inFast("b")] });
  const placed = withCrashFrames(info([fast, own]), [crashed]);
  expect(placed?.extension_modules.map((each) => each.crash_frame)).toEqual([21, null]);
});
