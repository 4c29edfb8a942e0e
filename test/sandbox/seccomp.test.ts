import { describe, expect, test } from "vitest";
import { seccompFilter } from "../../services/sandbox/seccomp.ts";
import { clone3Call, cloneCall, deniedCalls, type Machine } from "../../services/sandbox/syscalls.ts";

const arch = { x64: 0xc000003e, arm64: 0xc00000b7 };
const allowed = 0x7fff0000;
const killed = 0x80000000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;

/** The kernel's interpreter of classic BPF, as far as the filter goes: four operations on the call's number, machine and arguments. */
function run(program: Buffer, call: { readonly number: number; readonly machine: number; readonly flags?: number }): number {
  const words: Readonly<Record<number, number>> = { 0: call.number, 4: call.machine, 16: call.flags ?? 0 };
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at += 1) {
    const operation = program.readUInt16LE(at * 8);
    const value = program.readUInt32LE(at * 8 + 4);
    const jump = (taken: boolean) => program.readUInt8(at * 8 + (taken ? 2 : 3));
    if (operation === 0x20) accumulator = words[value] ?? 0;
    else if (operation === 0x15) at += jump(accumulator === value);
    else if (operation === 0x35) at += jump(accumulator >= value);
    else if (operation === 0x45) at += jump((accumulator & value) !== 0);
    else if (operation === 0x06) return value;
    else throw new Error(`unknown operation ${operation}`);
  }
  throw new Error("the program fell off its end");
}

describe.each<Machine>(["x64", "arm64"])("on %s", (machine) => {
  const program = seccompFilter(machine);
  const answer = (number: number, flags?: number) => run(program, { number, machine: arch[machine], ...(flags === undefined ? {} : { flags }) });

  test("refuses every call of the list", () => {
    const numbers = deniedCalls.map((call) => call[machine]).filter((number) => number !== null);
    expect(numbers.length).toBeGreaterThan(50);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const number of numbers) expect(answer(number)).toBe(EPERM);
  });

  test("allows all others", () => {
    const denied = new Set<number | null>([...deniedCalls.map((call) => call[machine]), clone3Call, cloneCall[machine]]);
    const others = Array.from({ length: 460 }, (_, number) => number).filter((number) => !denied.has(number));
    expect(others.filter((number) => answer(number) !== allowed)).toEqual([]);
  });

  test("clone starts threads and no process", () => {
    expect(answer(cloneCall[machine], 0x003d0f00)).toBe(allowed);
    expect(answer(cloneCall[machine], 0x01200011)).toBe(EPERM);
    expect(answer(cloneCall[machine], 0x10000011)).toBe(EPERM);
    expect(answer(clone3Call)).toBe(ENOSYS);
  });

  test("ends who calls as another machine", () => {
    expect(run(program, { number: 0, machine: 0x40000003 })).toBe(killed);
  });
});

test("ends who calls by x32 numbers", () => {
  expect(run(seccompFilter("x64"), { number: 0x40000000 + 101, machine: arch.x64 })).toBe(killed);
});
