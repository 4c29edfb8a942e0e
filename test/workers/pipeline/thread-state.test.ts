import { describe, expect, test } from "vitest";
import { gilState, stateRules, systemName, threadState } from "../../../workers/pipeline/thread-state.ts";
import { evaluatorFrame, nativeFrame } from "./frame-makers.ts";

/** Stacks as they were seen, innermost first, above their evaluator; `file:` gives a frame its source file. */
const seen: readonly (readonly [state: string, stack: string])[] = [
  ["collecting", "visit_decref subtract_refs deduce_unreachable gc_collect_main gc_alloc"],
  ["collecting", "list_traverse gc_collect_young gc_collect_region"],
  ["collecting", "dict_traverse file:Modules/gcmodule.c:collect collect_generations"],
  ["collecting", "tupletraverse file:gcmodule.c:collect"],
  ["waiting_gil", "__futex_abstimed_wait_common pthread_cond_timedwait@@GLIBC_2.3.2 take_gil PyEval_RestoreThread"],
  ["waiting_gil", "pthread_cond_timedwait PyEval_RestoreThread"],
  ["waiting_gil", "__GI___pthread_cond_timedwait PyGILState_Ensure my_callback"],
  ["sleeping", "clock_nanosleep pysleep time_sleep"],
  ["sleeping", "__select pysleep time_sleep"],
  ["sleeping", "__clock_nanosleep_2 __GI___nanosleep usleep"],
  ["waiting_process", "__GI___wait4 os_waitpid_impl os_waitpid"],
  ["waiting_lock", "futex_wait do_futex_wait sem_clockwait PyThread_acquire_lock_timed acquire_timed lock_PyThread_acquire_lock"],
  ["waiting_lock", "syscall _PyParkingLot_Park _PyMutex_LockTimed"],
  ["waiting_lock", "__lll_lock_wait ___pthread_mutex_lock my_lock"],
  ["waiting_io", "__GI___poll internal_select sock_call_ex sock_recv"],
  ["waiting_io", "epoll_wait select_epoll_poll"],
  ["waiting_io", "__libc_read _Py_read os_read"],
  ["waiting_io", "__libc_recv sock_recv_guts"],
];

function stack(text: string) {
  return text.split(" ").map((word) => {
    const [, file, name] = /^file:(.*):(\w+)$/.exec(word) ?? [null, null, word];
    return nativeFrame(name ?? word, { file });
  });
}

const stateOf = (text: string, crashed = false) => threadState({ native: [...stack(text), evaluatorFrame()], crashed, holdsGil: null });

describe("a thread's state", () => {
  test.each(seen)("is %s in %s", (state, text) => {
    expect(stateOf(text)).toBe(state);
  });

  test("has an example of every rule", () => {
    const matching = (text: string) =>
      stateRules.find((rule) =>
        stack(text).some((frame) => rule.functions.test(systemName(frame.function ?? "")) && (rule.file === undefined || rule.file.test(frame.file ?? ""))),
      );
    expect(stateRules.filter((rule) => !seen.some(([, text]) => matching(text) === rule)).map((rule) => rule.why)).toEqual([]);
  });

  test("is running in the evaluator itself", () => {
    expect(threadState({ native: [evaluatorFrame()], crashed: false, holdsGil: null })).toBe("running");
  });

  test("is not known of a thread in a function that says nothing", () => {
    expect(stateOf("my_worker_loop")).toBeNull();
    expect(threadState({ native: [], crashed: false, holdsGil: null })).toBeNull();
  });

  test("is running in the crashed thread and in the GIL's holder", () => {
    expect(stateOf("strlen string_at", true)).toBe("running");
    expect(threadState({ native: stack("compute"), crashed: false, holdsGil: true })).toBe("running");
  });

  test("does not take a function for waiting that only calls one in passing", () => {
    expect(stateOf("parse_header recv")).toBeNull();
    expect(stateOf("release_thread_state PyGILState_Ensure")).toBeNull();
  });

  test("does not look below the evaluator: what called Python is not what it does", () => {
    expect(threadState({ native: [nativeFrame("strlen"), evaluatorFrame(), ...stack("gc_collect_main")], crashed: false, holdsGil: null })).toBeNull();
  });

  test("does not take anybody's `collect` for the collector", () => {
    expect(stateOf("step file:src/metrics.c:collect")).toBeNull();
  });
});

describe("a thread's GIL", () => {
  test.each([
    [true, "running", "holder"],
    [false, "waiting_io", "released"],
    [false, "waiting_gil", "waiting"],
    [null, "waiting_gil", "waiting"],
    [null, "sleeping", null],
  ] as const)("holds: %s, state: %s gives %s", (holds, state, gil) => {
    expect(gilState(holds, state)).toBe(gil);
  });
});
