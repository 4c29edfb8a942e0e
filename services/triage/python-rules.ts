/** Python frames that a signature passes over. Data, first match wins; a test stands beside each rule. */
import type { PythonPlace } from "./python-place.ts";

export interface PythonRule {
  readonly why: string;
  readonly modules?: RegExp;
  readonly functions?: RegExp;
}

export const pythonRules: readonly PythonRule[] = [
  { why: "a comprehension: its own frame up to 3.11, part of its function from 3.12 on", functions: /^<(listcomp|dictcomp|setcomp)>$/ },
  { why: "the import system", modules: /^(importlib(\..*)?|zipimport|pkgutil|imp)$/ },
  { why: "starts the program", modules: /^(runpy|site|sitecustomize|usercustomize)$/ },
  {
    why: "starts a thread or a task in it",
    modules: /^(threading|concurrent\.futures\.(thread|process|_base)|multiprocessing\.(process|popen_\w+|pool|spawn|forkserver|context))$/,
    functions:
      /^(_bootstrap(_inner)?|run|__init__|_launch|start|_start|worker|_process_worker|mapstar|starmapstar|_main|main|spawn_main|_Popen|invoke_excepthook)$/,
  },
  {
    why: "the event loop",
    modules:
      /^(asyncio\.(base_events|events|runners|tasks|unix_events|selector_events|locks|queues|futures|timeouts)|uvloop.*|trio\._core.*|anyio\._backends.*|curio.*|gevent.*|greenlet)$/,
  },
  { why: "a wrapper around the function that was meant", modules: /^(contextlib|functools|_weakrefset|weakref|reprlib|enum|abc|_py_abc|typing)$/ },
  { why: "a test runner", modules: /^(unittest(\..*)?|_pytest(\..*)?|pytest|pluggy(\..*)?|doctest|trace|cProfile|profile|bdb|pdb)$/ },
  { why: "runs functions at exit", modules: /^atexit$/ },
];

/** Rules that name modules are about those of Python and of packages: a user's own `site.py` is no `site`. */
export function pythonRule({ module, of }: PythonPlace, name: string): PythonRule | null {
  const fits = (rule: PythonRule) => rule.modules === undefined || (of !== "user" && rule.modules.test(module));
  return pythonRules.find((rule) => fits(rule) && (rule.functions === undefined || rule.functions.test(name))) ?? null;
}
