import { describe, expect, test } from "vitest";
import type { HelperSystemCall } from "../../../workers/pipeline/helper-answer.ts";
import { threadState } from "../../../workers/pipeline/thread-state.ts";
import { evaluatorFrame, nativeFrame } from "./frame-makers.ts";

const call = (name: string | null, words: readonly (string | null)[] = [], waitsForGil: boolean | null = null): HelperSystemCall => ({
  lwp: 7,
  number: 1,
  name,
  arguments: [...words],
  waits_for_gil: waitsForGil,
});

const stateOf = (blockedIn: HelperSystemCall, functions: readonly string[] = []) =>
  threadState({ native: [...functions.map((name) => nativeFrame(name)), evaluatorFrame()], crashed: false, holdsGil: false, call: blockedIn });

describe("a thread blocked in a system call", () => {
  test.each([
    ["sleeping", call("clock_nanosleep", ["0x1", "0x1", "0x7ffd10", "0x0"])],
    ["sleeping", call("select", ["0x0", "0x0", "0x0", "0x0", "0x7ffd10"])],
    ["sleeping", call("poll", ["0x0", "0x0", "0x64"])],
    ["waiting_io", call("select", ["0x5", "0x7ffd00", "0x0", "0x0", "0x0"])],
    ["waiting_io", call("read", ["0x3", "0x7f0000", "0x400"])],
    ["waiting_process", call("wait4", ["0x1234"])],
    ["waiting_lock", call("futex", ["0x55550000", "0x189"], false)],
    ["waiting_gil", call("futex", ["0x55550000", "0x189"], true)],
  ])("is %s without any symbol", (state, blockedIn) => {
    expect(stateOf(blockedIn)).toBe(state);
  });

  test("is where the registers say, not where a name on its stack hints", () => {
    expect(stateOf(call("select", ["0x0"]), ["__GI___select"])).toBe("sleeping");
    expect(stateOf(call("read", ["0x3"]), ["syscall", "PyThread_acquire_lock"])).toBe("waiting_io");
  });

  test("waits for the GIL where the names say so and the futex does not", () => {
    expect(stateOf(call("futex", ["0x7f00"]), ["pthread_cond_timedwait", "take_gil"])).toBe("waiting_gil");
    expect(stateOf(call("futex", ["0x7f00"], false), ["__syscall_cancel_arch", "PyEval_RestoreThread"])).toBe("waiting_gil");
  });

  test("follows the names where the count of files was overwritten by the call's result", () => {
    expect(stateOf(call("pselect6", [null, "0x0"]), ["time_sleep"])).toBe("sleeping");
    expect(stateOf(call("pselect6", [null, "0x0"]))).toBe("waiting_io");
  });

  test("is not judged by a call that has no name here", () => {
    expect(stateOf(call(null), ["my_worker_loop"])).toBeNull();
  });
});
