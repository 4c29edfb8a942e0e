/** Deadlocks and what only looks like one. */
import { describe, expect, test } from "vitest";
import type { Thread, WaitsFor } from "../../../services/contract/thread.ts";
import type { CoreSignal } from "../../../services/intake/core/core-facts.ts";
import { crashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { withWaits } from "../../../workers/pipeline/waits.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

const wait = (owner: number | null, some: Partial<WaitsFor> = {}): WaitsFor => ({
  kind: "rlock",
  address: "0x7f0000001000",
  type: "_thread.RLock",
  name: "lock of module jobs",
  owner_lwp: owner,
  owner_name: owner === null ? null : `worker-${owner}`,
  owner_gone: false,
  owner_known_by: owner === null ? null : "record",
  timed: false,
  ...some,
});

const waiting = (lwp: number, waits: WaitsFor | null, some: Partial<Thread> = {}) =>
  thread(lwp, { name: `worker-${lwp}`, waits_for: waits, gil: "released", ...some });

const killed = segfault({ number: 6, name: "SIGABRT", code: "SI_USER", code_number: 0, address: null, sender_pid: 99 });

function findings(threads: readonly Thread[], signal: CoreSignal | null = killed) {
  const core = coreFacts({ signal });
  return diagnose({ core, site: crashSite(core, null, null, []), threads, modules: [], python: null, native: null });
}
const codes = (...asked: Parameters<typeof findings>) => findings(...asked).map((each) => each.code);

describe("deadlock", () => {
  test("is a cycle of recorded owners, drawn out, before the signal that ended it", () => {
    const [first, second] = findings([waiting(1, wait(2)), waiting(2, wait(1, { kind: "c_mutex", name: "libjobs.so+0x40" }))]);
    expect(first).toMatchObject({ code: "deadlock", confidence: "certain", title: "Deadlock: worker-1 (1) and worker-2 (2) wait for each other" });
    expect(first?.detail).toContain('worker-2 (2) waits for the C mutex libjobs.so+0x40 at 0x7f0000001000, held by 1 "worker-1"');
    expect(second?.code).toBe("sent_by_process");
  });

  test("is only likely where a with block stands for the owner", () => {
    expect(findings([waiting(1, wait(2, { kind: "lock", owner_known_by: "with_block" })), waiting(2, wait(1))])[0]).toMatchObject({
      code: "deadlock",
      confidence: "likely",
    });
  });

  test("counts the threads that wait behind it", () => {
    const threads = [waiting(1, wait(2)), waiting(2, wait(1)), waiting(3, wait(1)), waiting(4, wait(3)), waiting(5, wait(6)), waiting(6, null)];
    expect(findings(threads)[0]?.evidence["waiting_behind"]).toBe(2);
  });

  test("is a lock that a thread takes twice", () => {
    expect(findings([waiting(1, wait(1, { kind: "lock", owner_known_by: "with_block" }))])[0]?.title).toContain("holds itself");
  });

  test("comes after the fault that a process died of", () => {
    expect(codes([waiting(1, wait(2)), waiting(2, wait(1))], segfault({ address: "0x0" }))).toEqual(["null_dereference", "deadlock"]);
  });

  test.each([
    ["a chain without a cycle", [waiting(1, wait(2)), waiting(2, wait(3)), waiting(3, null)]],
    ["a cycle with a time limit in it", [waiting(1, wait(2)), waiting(2, wait(1, { timed: true }))]],
    ["two waits without an owner", [waiting(1, wait(null, { kind: "condition" })), waiting(2, wait(null, { kind: "lock" }))]],
    ["two threads that wait for one lock", [waiting(1, wait(3)), waiting(2, wait(3)), waiting(3, null, { state: "sleeping" })]],
    ["an owner that is no thread of the report", [waiting(1, wait(77))]],
  ])("is not %s", (_what, threads) => {
    expect(codes(threads)).toEqual(["sent_by_process"]);
  });
});

describe("abandoned_lock", () => {
  test("is a lock whose owner is gone", () => {
    expect(codes([waiting(1, wait(77, { kind: "c_mutex", owner_gone: true }))])).toEqual(["abandoned_lock", "sent_by_process"]);
  });

  test("is not a thread that ended and is joined, nor a wait that ends by itself", () => {
    expect(codes([waiting(1, wait(null, { kind: "thread", owner_gone: true }))])).toEqual(["sent_by_process"]);
    expect(codes([waiting(1, wait(77, { owner_gone: true, timed: true }))])).toEqual(["sent_by_process"]);
  });
});

describe("gil_wait", () => {
  const forGil = (owner: number) => wait(owner, { kind: "gil", address: null, type: null, name: null, timed: null });
  const frames = [nativeFrame("__GI___clock_nanosleep", { module: "/lib/x86_64-linux-gnu/libc.so.6" }), nativeFrame("slow_call", { module: "/app/_fast.so" })];

  test("is a holder that sleeps while others wait, with the function that should have given it up", () => {
    const threads = [waiting(1, null, { gil: "holder", state: "sleeping", frames }), waiting(2, forGil(1), { gil: "waiting", state: "waiting_gil" })];
    expect(findings(threads)[0]).toMatchObject({ code: "gil_wait", evidence: { function: "slow_call", waiting_lwps: [2] } });
  });

  test.each([
    ["a holder that runs", [waiting(1, null, { gil: "holder", state: "running" }), waiting(2, forGil(1), { state: "waiting_gil" })]],
    ["a holder that collects garbage", [waiting(1, null, { gil: "holder", state: "collecting" }), waiting(2, forGil(1), { state: "waiting_gil" })]],
    ["a holder that nobody waits for", [waiting(1, null, { gil: "holder", state: "sleeping", frames }), waiting(2, null)]],
    ["a sleeper without the GIL", [waiting(1, null, { gil: "released", state: "sleeping", frames }), waiting(2, forGil(3), { state: "waiting_gil" })]],
  ])("is not %s", (_what, threads) => {
    expect(codes(threads)).toEqual(["sent_by_process"]);
  });

  test("is not told of a process that a fault ended", () => {
    const threads = [waiting(1, null, { gil: "holder", state: "sleeping", frames }), waiting(2, forGil(1), { state: "waiting_gil" })];
    expect(codes(threads, segfault({ address: "0x0" }))).toEqual(["null_dereference"]);
  });

  test("gives way to the deadlock that the GIL is a part of", () => {
    const threads = [waiting(1, wait(2, { kind: "c_mutex" }), { gil: "holder", state: "waiting_lock" }), waiting(2, forGil(1), { state: "waiting_gil" })];
    expect(codes(threads)).toEqual(["deadlock", "sent_by_process"]);
  });
});

describe("a thread that takes the GIL while it holds it", () => {
  const waits = (holds_gil: boolean, call: string | null) => {
    const state = { lwp: 4711, python_thread_id: "0x7f0000000000", interpreter_id: 0, name: null, holds_gil, exception: null, frames: [], truncated: false };
    const system_calls = call === null ? [] : [{ lwp: 4711, number: 202, name: call, arguments: [], waits_for_gil: null }];
    const python = { ...pythonAnswer({ threads: [state] }), system_calls };
    return withWaits([thread(4711, { name: "main", gil: "waiting", state: "waiting_gil" })], python)[0];
  };

  test("waits for itself, and is told so", () => {
    const told = waits(true, "futex");
    expect(told?.waits_for).toMatchObject({ kind: "gil", owner_lwp: 4711, owner_known_by: "record" });
    expect(findings(told === undefined ? [] : [told])[0]).toMatchObject({
      code: "deadlock",
      confidence: "certain",
      title: "Deadlock: main (4711) waits for the GIL that it holds itself",
    });
  });

  test("is not one that gave it up, nor one that runs on its way out of the wait", () => {
    expect(waits(false, "futex")?.waits_for).toMatchObject({ kind: "gil", owner_lwp: null });
    expect(waits(true, null)?.waits_for).toMatchObject({ kind: "gil", owner_lwp: null });
  });
});
