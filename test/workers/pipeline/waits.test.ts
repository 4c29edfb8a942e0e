/** What a thread waits for by its system call alone: children, descriptors, semaphores of C, and what is none of them. */
import { describe, expect, test } from "vitest";
import type { WaitsFor } from "../../../services/contract/thread.ts";
import type { HelperSystemCall } from "../../../workers/pipeline/helper-answer.ts";
import { withWaits } from "../../../workers/pipeline/waits.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";

function waits(name: string, words: readonly (string | null)[], functions: readonly string[] = [], row: Partial<WaitsFor> | null = null): WaitsFor | null {
  const call: HelperSystemCall = { lwp: 7, number: 1, name, arguments: [...words], waits_for_gil: null };
  const facts =
    row === null
      ? {}
      : {
          waits: [
            {
              lwp: 7,
              kind: "process",
              address: "0x1000",
              type: null,
              name: null,
              timed: null,
              taken: null,
              owner_lwp: null,
              owner_gone: false,
              owner_known_by: null,
              ...row,
            },
          ],
        };
  const answer = { ...pythonAnswer({ facts }), system_calls: [call] };
  return withWaits([thread(7, { native_frames: functions.map((each) => nativeFrame(each)) })], answer)[0]?.waits_for ?? null;
}

describe("a thread in a system call", () => {
  test("waits for a child by its id, or for what the library's frames name", () => {
    expect(waits("wait4", ["0x12d", "0x0"])).toMatchObject({ kind: "process", name: "process 301" });
    expect(waits("wait4", ["0x12d", "0x0"], [], { name: "process 301 (sleep 10)" })).toMatchObject({ kind: "process", name: "process 301 (sleep 10)" });
    expect(waits("wait4", ["0xffffffffffffffff", "0x0"])).toMatchObject({ kind: "process", name: null });
  });

  test("waits for a semaphore of C below sem_wait", () => {
    expect(waits("futex", ["0x7f00"], ["futex_wait", "do_futex_wait", "__new_sem_wait_slow64", "__new_sem_wait", "pop", "work"])).toMatchObject({
      kind: "c_semaphore",
      address: "0x7f00",
      owner_lwp: null,
    });
    expect(waits("futex", ["0x7f00"], ["sem_timedwait", "pop"])).toMatchObject({ kind: "c_semaphore" });
  });

  test.each([
    ["a lock of Python's that nobody could tell", "futex", ["do_futex_wait", "__new_sem_wait", "PyThread_acquire_lock_timed", "acquire"]],
    ["a condition", "futex", ["__futex_abstimed_wait_common", "pthread_cond_wait", "pop"]],
    ["a function that only has the name in it", "futex", ["my_sem_wait_all", "pop"]],
    ["another call", "clock_nanosleep", ["sem_wait", "pop"]],
    ["a stack that is not known", "futex", []],
  ])("waits for nothing that can be told: %s", (_what, name, functions) => {
    expect(waits(name, ["0x7f00"], functions)).toBeNull();
  });
});
