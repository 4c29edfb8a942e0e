/** What the Python helper answers, with only what a test names. */
import type { PythonInfo } from "../../../services/contract/interpreter.ts";
import type { PythonAnswer } from "../../../workers/pipeline/helper-answer.ts";

interface Given {
  readonly malloc?: string | null;
  readonly version?: string;
  readonly gc?: Partial<PythonInfo["gc"]>;
  readonly info?: Partial<PythonInfo>;
  readonly facts?: PythonAnswer["facts"];
  readonly threads?: readonly PythonAnswer["threads"][number][];
}

/** Of a core that holds no interpreter. */
export const noPython = (reason: string): PythonAnswer => ({
  helpers: "1",
  layout_source: "table",
  python: null,
  python_missing_reason: reason,
  threads: [],
  system_calls: [],
  suspended: [],
  warnings: [],
  facts: {},
  timings_ms: {},
});

export const pythonAnswer = ({ malloc = null, version = "3.13.0", gc = {}, info = {}, facts = {}, threads = [] }: Given = {}): PythonAnswer => ({
  ...noPython(""),
  python: {
    version,
    implementation: "CPython",
    build: { debug: false, free_threaded: false, jit: false },
    layout_source: "table",
    debug_info: "none",
    flags: { dev_mode: null, faulthandler: null, tracemalloc: null, malloc },
    tracemalloc: null,
    gil_holder_lwp: null,
    gc: { collecting: null, enabled: null, counts: [], thresholds: [], ...gc },
    finalizing: null,
    interpreters: 1,
    modules_imported: [],
    extension_modules: [],
    run: null,
    ...info,
  },
  python_missing_reason: null,
  threads: [...threads],
  facts,
});
