/** Deaths inside malloc's functions, with look-alikes elsewhere in the C library. */
import { describe, expect, test } from "vitest";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import type { CoreSignal } from "../../../services/intake/core/core-facts.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { nativeAnswer } from "./native-answer.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, segfault, siteOf } from "./sample-facts.ts";

const libc = "/usr/lib/x86_64-linux-gnu/libc.so.6";
const inC = (name: string | null): NativeFrame => ({ ...nativeFrame("?"), function: name, module: libc });
const caller = { ...nativeFrame("release_crate"), module: "/app/harbour.so" };

interface Given {
  readonly place?: object | null;
  readonly pointer?: string | null;
  readonly type?: string | null;
  readonly frames?: readonly NativeFrame[];
  readonly signal?: CoreSignal;
  readonly message?: string;
}

const aborted: CoreSignal = segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 });
const gaveUp = ["raise", "abort", "free"].map(inC);

function told({ place = null, pointer = place === null ? null : "0x7f0012345670", type = null, frames = [inC("free")], signal, message }: Given) {
  const core = coreFacts({ signal: signal ?? segfault({ address: "0x7f0012345668" }) });
  return diagnose({
    core,
    site: siteOf({
      signal: core.signal,
      pc: "0x401000",
      registers: { rip: "0x401000", rsp: "0x7ffd00400000" },
      sent: core.signal?.code === "SI_TKILL" || core.signal?.code === "SI_USER",
    }),
    threads: [thread(4711, { crashed: true, native_frames: [...frames, caller] })],
    modules: [],
    python:
      message === undefined ? null : pythonAnswer({ malloc: null, facts: { abort_message: { text: message, address: "0x7f0000000000", found: "symbol" } } }),
    native: nativeAnswer(pointer === null ? {} : { freed_pointer: { function: "free", pointer, place, type } }),
  });
}
const codes = (given: Given) => told(given).map(({ code }) => code);

describe("invalid_free", () => {
  test.each([
    [{ kind: "number" }, "certain"],
    [{ kind: "unreadable" }, "certain"],
    [{ kind: "stack" }, "certain"],
    [{ kind: "file", path: "/app/harbour.so" }, "certain"],
    [{ kind: "python", begin: "0x7f0012345660", size: 64 }, "certain"],
    [{ kind: "inside", begin: "0x7f0012345600", size: 512 }, "likely"],
    [{ kind: "anonymous" }, "likely"],
  ])("is free() of what lies elsewhere: %j", (place, confidence) => {
    const [first, ...more] = told({ place });
    expect(first).toMatchObject({
      code: "invalid_free",
      confidence,
      evidence: { pointer: "0x7f0012345670", function: "free", caller: "release_crate", place },
    });
    expect(more).toEqual([]);
  });

  test("names the object that lies there, and who gave it", () => {
    const [first] = told({ place: { kind: "python", begin: "0x7f0012345660", size: 64 }, type: "dict", frames: [inC(null), inC("__GI___libc_free")] });
    expect(first?.detail).toMatch(/given to free\(\), by release_crate\..*A Python object of type dict begins there/);
  });

  test("goes before what glibc says where the place proves it", () => {
    const given = { frames: gaveUp, signal: aborted, message: "double free or corruption (out)" };
    expect(codes({ ...given, place: { kind: "stack" } })[0]).toBe("invalid_free");
    expect(codes({ ...given, place: { kind: "inside", begin: "0x7f0012345600", size: 512 } })[0]).toBe("invalid_free");
    expect(codes({ ...given, place: { kind: "begin" } })[0]).toBe("abort_message");
    expect(codes(given)[0]).toBe("abort_message");
    expect(told({ ...given, place: { kind: "stack" } })[0]?.evidence).toMatchObject({ message: "double free or corruption (out)" });
  });

  test("does not outdo a message about a block that was freed twice by a place that is only likely", () => {
    const given = { frames: gaveUp, signal: aborted, message: "free(): double free detected in tcache 2" };
    expect(codes({ ...given, place: { kind: "inside", begin: "0x7f0012345600", size: 512 } })[0]).toBe("abort_message");
    expect(codes({ ...given, message: "malloc(): corrupted top size", place: { kind: "stack" } })[0]).toBe("heap_corruption");
  });
});

describe("heap_corruption", () => {
  test.each(["malloc", "__libc_calloc", "realloc", "__GI___libc_memalign"])("is a fault inside %s()", (name) => {
    expect(told({ frames: [inC(null), inC(name)] })).toMatchObject([{ code: "heap_corruption", confidence: "likely" }]);
  });

  test.each([{ kind: "begin" }, { kind: "heap" }])("is a fault inside free() of what may be a block: %j", (place) => {
    expect(codes({ place })).toEqual(["heap_corruption"]);
  });

  test.each([
    ["another function of the C library", [inC("strlen")]],
    ["malloc() of another library", [{ ...inC("malloc"), module: "/usr/lib/libjemalloc.so.2" }]],
    ["code that malloc() is below", [{ ...nativeFrame("hook"), module: "/app/hook.so" }, inC("malloc")]],
    ["a guess of the unwinder", [inC(null), { ...inC("malloc"), trust: "scan" as const }]],
  ])("is not a fault in %s", (_what, frames) => {
    expect(codes({ frames })).not.toContain("heap_corruption");
  });

  test("is not what another process did to a busy one", () => {
    expect(codes({ frames: [inC("malloc")], signal: segfault({ code: "SI_USER", code_number: 0, address: null, sender_pid: 99 }) })).toEqual([
      "sent_by_process",
    ]);
  });
});
