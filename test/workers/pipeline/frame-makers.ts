/** Short ways to write frames in tests. */
import type { HelperNativeFrame, HelperPythonFrame } from "../../../workers/pipeline/helper-answer.ts";

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

export function nativeFrame(name: string | null, more: Partial<HelperNativeFrame> = {}): HelperNativeFrame {
  return {
    kind: "native",
    pc: "0x401000",
    function: name,
    file: null,
    line: null,
    module: null,
    build_id: null,
    offset: null,
    inlined: false,
    arguments: [],
    trust: "symbol",
    sp: null,
    evaluator: false,
    signal_trampoline: false,
    ...more,
  };
}

export const evaluatorFrame = (sp: string | null = null, name = "_PyEval_EvalFrameDefault"): HelperNativeFrame => nativeFrame(name, { sp, evaluator: true });

export function pythonFrame(name: string, more: Partial<HelperPythonFrame> = {}): HelperPythonFrame {
  return {
    kind: "python",
    function: name,
    qualname: null,
    defined_as: null,
    file: "/app/main.py",
    line: 1,
    end_line: null,
    column: null,
    end_column: null,
    source_line: null,
    locals: [],
    entry: true,
    status: "ok",
    address: "0x7f0000000000",
    anchor: null,
    ...more,
  };
}
