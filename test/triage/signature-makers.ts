/** Reports of one crashed thread, from short lists of frames. */
import type { Report } from "../../services/contract/report.ts";
import type { NativeFrame, PythonFrame } from "../../services/contract/thread.ts";
import { newReport, pythonFrame, thread } from "../storage/sample.ts";

/** `exported` is also the name that gdb tells, unless another one is given. */
export function native(module: string, exported: string | null, some: Partial<NativeFrame> = {}): NativeFrame {
  return {
    kind: "native",
    pc: "0x7f0000001000",
    function: exported,
    exported,
    file: null,
    line: null,
    module,
    build_id: "abcdef0123456789",
    offset: "0x1000",
    inlined: false,
    arguments: [],
    trust: "symbol",
    ...some,
  };
}

export const python = (file: string, name: string, some: Partial<PythonFrame> = {}): PythonFrame =>
  pythonFrame({ file, function: name, qualname: name, ...some });

export const libc = "/usr/lib/x86_64-linux-gnu/libc.so.6";
export const libpython = "/opt/python/lib/libpython3.12.so.1.0";
export const library = "/srv/app/vendor/libstock.so.1.4.2";
export const evaluator = native(libpython, "_PyEval_EvalFrameDefault");
export const trampoline = native(libc, null, { function: "<signal handler called>" });

export function crash(
  natives: Report["threads"][number]["native_frames"],
  pythons: Report["threads"][number]["python_frames"],
  some: Partial<Report> = {},
): Report {
  return newReport("0199aaaa-0000-7000-8000-000000000000", {
    signature: null,
    diagnoses: [],
    threads: [thread({ native_frames: natives, python_frames: pythons, frames: [...natives, ...pythons] })],
    ...some,
  });
}
