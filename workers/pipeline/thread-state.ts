/**
 * What a thread is doing, told by the system call it is blocked in and by the native functions above its innermost evaluator.
 *
 * The registers say for certain that a thread sleeps, waits for a file or for a child, with or without symbols. A futex is
 * told apart by its address (the GIL) and by the functions' names, which also tell what a thread that runs is at.
 * The table is data, first match wins: a thread that waits for the GIL also stands in a condition variable, one that
 * sleeps may stand in `select`. Functions the C library calls by several names are written without their prefixes.
 */
import type { FoldedFrames, Thread } from "../../services/contract/thread.ts";
import type { HelperNativeFrame, HelperSystemCall } from "./helper-answer.ts";
import { plainName } from "./plumbing.ts";
import { type BlockedState, callState } from "./system-call-state.ts";

export type ThreadState = BlockedState | "collecting" | "running";

export interface StateRule {
  readonly state: ThreadState;
  readonly why: string;
  readonly functions: RegExp;
  /** Only in frames whose source file is called so: for names that anybody may use. */
  readonly file?: RegExp;
  /** Only when the innermost frame is one in which a thread blocks: for functions that also run. */
  readonly blocked?: true;
}

export const stateRules: readonly StateRule[] = [
  {
    state: "collecting",
    why: "the collector's phases, in the names of 2.7 to 3.15",
    functions:
      /^(gc_collect_(main|region|generations|young|increment|full|with_callback|internal)|collect_(generations|with_callback)|PyGC_Collect(NoFail|IfEnabled|)|Py_RunGC|visit_(decref|reachable|strongly_connected)|subtract_refs|update_refs|deduce_unreachable|move_unreachable|delete_garbage|handle_weakrefs|finalize_garbage|untrack_(tuples|dicts)|gc_visit_heaps|gc_collect)$/,
  },
  { state: "collecting", why: "the collector up to 3.8", functions: /^collect$/, file: /gcmodule\.c$/ },
  { state: "waiting_gil", why: "the GIL's own condition variable, 3.2 and later", functions: /^(take_gil|tstate_wait_attach|PyEval_AcquireLock)$/ },
  {
    state: "waiting_gil",
    why: "callers of take_gil, for interpreters whose static names are stripped",
    functions: /^(PyEval_(RestoreThread|AcquireThread)|PyGILState_Ensure|PyThreadState_Attach)$/,
    blocked: true,
  },
  {
    state: "sleeping",
    why: "time.sleep, by its own name and by the system's",
    functions: /^(time_sleep|pysleep|floatsleep|nanosleep|clock_nanosleep(_time64|_2)?|sleep|usleep)$/,
  },
  { state: "waiting_process", why: "wait for a child", functions: /^(wait[34]|waitpid|waitid)$/ },
  {
    state: "waiting_lock",
    why: "CPython's locks",
    functions:
      /^(PyThread_acquire_lock(_timed)?|lock_PyThread_acquire_lock|rlock_acquire|PyMutex_Lock(Slow|Timed)?|PyParkingLot_Park|PySemaphore_Wait|PyEvent_Wait(Timed)?|acquire_timed)$/,
  },
  {
    state: "waiting_lock",
    why: "the C library's locks",
    functions:
      /^(sem_(wait|timedwait|clockwait)|new_sem_wait_(slow|fast)(64)?|do_futex_wait|pthread_(mutex_lock|mutex_timedlock|rwlock_\w+lock|cond_(wait|timedwait|clockwait)|join|timedjoin_np|clockjoin_ex)|lll_lock_wait(_private)?|futex_(wait|abstimed_wait(_common|_cancelable)?\w*))$/,
  },
  {
    state: "waiting_io",
    why: "system calls that wait for a file, a socket or a pipe",
    functions:
      /^(p?poll|p?select|epoll_p?wait|p?read(v|64|64v2|v2)?|p?write(v|64|64v2|v2)?|recv(from|msg|mmsg)?|send(to|msg|mmsg|file|file64)?|accept4?|connect|flock|fsync|fdatasync|io_getevents|sigwait(info)?|sigtimedwait|getaddrinfo)$/,
    blocked: true,
  },
];

/** How deep above the evaluator the answer is looked for. */
const framesLookedAt = 24;

/** `__GI___poll`, `__libc_read`, `___pthread_mutex_lock`, `_PyMutex_LockSlow`, `__clock_nanosleep_2@@GLIBC_2.2`. */
export const systemName = (name: string): string =>
  plainName(name)
    .replace(/@.*$/, "")
    .replace(/^__GI_+/, "")
    .replace(/^_*libc_/, "")
    .replace(/^_+/, "");

/** In which a thread stands when the kernel has put it to sleep: the calls above, and the bare system call. */
const blocking = stateRules.filter((rule) => rule.state !== "collecting" && rule.state !== "running").map((rule) => rule.functions);
const blockingCalls = /^(syscall|syscall_cancel(_arch\w*)?|internal_syscall_cancel)$/;

const isBlocking = (name: string) => blockingCalls.test(name) || blocking.some((functions) => functions.test(name));

export interface StateFacts {
  readonly native: readonly (HelperNativeFrame | FoldedFrames)[];
  readonly crashed: boolean;
  readonly holdsGil: boolean | null;
  /** The system call that the kernel had put it to sleep in. */
  readonly call?: HelperSystemCall | null;
}

export function threadState({ native, crashed, holdsGil, call = null }: StateFacts): ThreadState | null {
  const told = call === null ? null : callState(call);
  if (told?.certain === true) return told.state;
  const above: HelperNativeFrame[] = [];
  let inEvaluator = false;
  for (const frame of native.slice(0, framesLookedAt)) {
    if (frame.kind === "folded") break;
    inEvaluator = frame.evaluator;
    if (inEvaluator) break;
    above.push(frame);
  }
  const innermost = above[0]?.function ?? null;
  const blocked = told !== null || (innermost !== null && isBlocking(systemName(innermost)));
  const matches = (rule: StateRule, frame: HelperNativeFrame) =>
    frame.function !== null &&
    rule.functions.test(systemName(frame.function)) &&
    (rule.file === undefined || (frame.file !== null && rule.file.test(frame.file)));
  const rule = stateRules.find((each) => (each.blocked !== true || blocked) && above.some((frame) => matches(each, frame)));
  if (rule !== undefined) return rule.state;
  if (told !== null) return told.state;
  return crashed || holdsGil === true || (inEvaluator && above.length === 0) ? "running" : null;
}

/** `holdsGil` is null when the interpreter's state could not be read. */
export function gilState(holdsGil: boolean | null, state: ThreadState | null): Thread["gil"] {
  if (state === "waiting_gil") return "waiting";
  if (holdsGil === null) return null;
  return holdsGil ? "holder" : "released";
}
