/** What the native helper answers, with only the facts that a test names. */
import type { NativeAnswer } from "../../../workers/pipeline/helper-answer.ts";

export const nativeAnswer = (facts: NativeAnswer["facts"]): NativeAnswer => ({
  gdb: "13.1",
  threads: [],
  registers: {},
  disassembly: [],
  modules: [],
  warnings: [],
  facts,
  timings_ms: {},
});
