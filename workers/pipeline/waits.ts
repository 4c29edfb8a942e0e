/**
 * What each thread waits for, and for whom: the helper's word on locks, the GIL from the threads' own state, processes and
 * descriptors from the system call.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { type Thread, WaitsFor } from "../../services/contract/thread.ts";
import type { HelperSystemCall, PythonAnswer } from "./helper-answer.ts";
import { systemName } from "./thread-state.ts";

const { owner_name: _ownerName, ...told } = WaitsFor.properties;
/** `facts.waits`. `taken` is null where the lock does not tell; one that is free is about to be had. */
const HelperWait = Type.Object({ ...told, lwp: Type.Integer(), taken: WaitsFor.properties.timed });
const HelperWaits = Type.Array(HelperWait);

const nothing = {
  address: null,
  type: null,
  name: null,
  owner_lwp: null,
  owner_name: null,
  owner_gone: false,
  owner_known_by: null,
  timed: null,
} as const satisfies Omit<WaitsFor, "kind">;

/** include/uapi/linux/wait.h: the first argument of waitid. */
const processById = 1n;

/** The process id of wait4, waitpid and waitid; null where any child will do, or where it was overwritten. */
function awaitedProcess({ name, arguments: words }: HelperSystemCall): string | null {
  const word = name === "waitid" ? (words[0] != null && BigInt(words[0]) === processById ? words[1] : null) : words[0];
  const pid = word == null ? 0n : BigInt.asIntN(32, BigInt(word));
  return pid > 0n ? `process ${pid}` : null;
}

/** POSIX semaphores keep no owner; up to 3.12 Python's own locks are some as well, and are told by the object that has them. */
const waitsForSemaphore = /^(__(new|old)_)?sem_(timed|clock)?wait(64)?(@|$)/;
const ofPython = /^(_?PyThread_|_PySemaphore_|_PyParkingLot_|_PyMutex_)/;

/** By the C library's function that sleeps: `sem_wait` and its kin, called by other code than Python's own locks. */
function bySemaphore({ native_frames: frames }: Thread, { name, arguments: words }: HelperSystemCall): WaitsFor | null {
  if (name === null || !name.startsWith("futex")) return null;
  const names = frames.slice(0, 8).map((frame) => (frame.kind === "native" ? (frame.function ?? "") : ""));
  const at = names.findLastIndex((each) => waitsForSemaphore.test(each));
  return at < 0 || names.slice(at).some((each) => ofPython.test(each)) ? null : { ...nothing, kind: "c_semaphore", address: words[0] ?? null };
}

const ofOneDescriptor = /^(p?readv?(64)?2?|p?writev?(64)?2?|recv(from|m?msg)|send(to|m?msg)|accept4?|connect|flock|f(data)?sync)$/;

function byCall(call: HelperSystemCall): WaitsFor | null {
  const { name, arguments: words } = call;
  if (name === null) return null;
  if (/^wait(4|pid|id)$/.test(name)) return { ...nothing, kind: "process", name: awaitedProcess(call) };
  const [first] = words;
  return first != null && ofOneDescriptor.test(name) ? { ...nothing, kind: "descriptor", name: `descriptor ${BigInt.asIntN(32, BigInt(first))}` } : null;
}

function gilOwner(thread: Thread, threads: readonly Thread[]): Thread | null {
  const holders = threads.filter((each) => each.gil === "holder" && each.lwp !== thread.lwp);
  const own = holders.filter((each) => each.interpreter_id === thread.interpreter_id);
  const [only] = own.length > 0 ? own : holders;
  return only !== undefined && (own.length === 1 || holders.length === 1) ? only : null;
}

const sleepsForGil = /^(pthread_cond_(timed|clock)?wait|PyCOND_(TIMED)?WAIT|PyThread_acquire_lock(_timed)?)(@|$)/;

/**
 * It called PyEval_RestoreThread or the like while it held the GIL. A thread that waits has given the GIL up before, so that the
 * interpreter's record names it only where it had not.
 */
function holdsItself({ lwp, native_frames: frames }: Thread, python: PythonAnswer | null, call: HelperSystemCall | undefined): boolean {
  const holds = python?.threads.some((each) => each.lwp === lwp && each.holds_gil === true) ?? false;
  if (holds && call?.name?.startsWith("futex") === true) return true;
  return holds && frames.slice(0, 16).some((frame) => frame.kind === "native" && sleepsForGil.test(systemName(frame.function ?? "")));
}

function byLock({ lwp: _lwp, taken, ...wait }: Static<typeof HelperWait>): WaitsFor {
  const unowned = taken === false ? { owner_lwp: null, owner_gone: false, owner_known_by: null } : {};
  return { ...wait, ...unowned, owner_name: null };
}

const helperWaits = Compile(HelperWaits);

export function withWaits(threads: readonly Thread[], python: PythonAnswer | null): Thread[] {
  const facts = python?.facts["waits"];
  const locks = new Map(helperWaits.Check(facts) ? facts.map((wait): [number, WaitsFor] => [wait.lwp, byLock(wait)]) : []);
  const calls = new Map((python?.system_calls ?? []).map((call) => [call.lwp, call]));
  const names = new Map(threads.map((thread) => [thread.lwp, thread.name]));
  return threads.map((thread) => {
    const { lwp } = thread;
    const call = lwp === null ? undefined : calls.get(lwp);
    if (thread.state === "waiting_gil") {
      const owner = holdsItself(thread, python, call) ? thread : gilOwner(thread, threads);
      return {
        ...thread,
        waits_for: {
          ...nothing,
          kind: "gil",
          owner_lwp: owner?.lwp ?? null,
          owner_name: owner?.name ?? null,
          owner_known_by: owner === null ? null : "record",
        },
      };
    }
    const wait = (lwp === null ? undefined : locks.get(lwp)) ?? (call === undefined ? null : (byCall(call) ?? bySemaphore(thread, call)));
    return { ...thread, waits_for: wait === null ? null : { ...wait, owner_name: wait.owner_lwp === null ? null : (names.get(wait.owner_lwp) ?? null) } };
  });
}
