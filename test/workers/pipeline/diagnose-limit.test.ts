/** Limits that the kernel enforces by a signal, and the same signals sent by a process. */
import { describe, expect, test } from "vitest";
import type { CoreSignal } from "../../../services/intake/core/core-facts.ts";
import { crashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { thread } from "../../text/sample-report.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

function codes(signal: CoreSignal, registers: Record<string, string> = {}): string[] {
  const core = coreFacts({ signal });
  const site = { ...crashSite(core, null, null, []), registers };
  return diagnose({ core, site, threads: [thread(4711, { crashed: true })], modules: [], python: null, native: null }).map((each) => each.code);
}

const xcpu = segfault({ number: 24, name: "SIGXCPU", code: "SI_KERNEL", code_number: 128, address: null });
const xfsz = segfault({ number: 25, name: "SIGXFSZ", code: "SI_USER", code_number: 0, address: null, sender_pid: 4711 });
const sys = segfault({ number: 31, name: "SIGSYS", code: "SYS_SECCOMP", code_number: 1, address: null });
const sent = { code: "SI_USER", code_number: 0, sender_pid: 99 };

describe("a limit of the kernel's", () => {
  test("is told for processor time, file size and system calls", () => {
    expect(codes(xcpu)).toEqual(["cpu_limit"]);
    expect(codes(xfsz, { rax: "0xffffffffffffffe5" })).toEqual(["file_size_limit"]);
    expect(codes(sys, { rax: "0x27" })).toEqual(["system_call_refused"]);
  });

  test("is not told of the same signals from a process", () => {
    expect(codes({ ...xcpu, ...sent })).toEqual(["sent_by_process"]);
    expect(codes({ ...xfsz, ...sent }, { rax: "0x0" })).toEqual(["sent_by_process"]);
    expect(codes({ ...sys, ...sent })).toEqual(["sent_by_process"]);
  });

  test("is not said to be the process's own doing where the registers do not tell", () => {
    expect(codes(xfsz)).toEqual([]);
  });
});
