import { constants } from "node:os";
import { describe, expect, test } from "vitest";
import { codeName, describeSignal, hasAddress, isSent, signalName } from "../../../services/intake/core/signals.ts";

describe("signals", () => {
  test("have the names that this machine gives them", () => {
    const aliases = new Set(["SIGIOT", "SIGPOLL", "SIGUNUSED"]);
    const known = Object.entries(constants.signals).filter(([name]) => !aliases.has(name));
    expect(known.map(([, number]) => signalName(number))).toEqual(known.map(([name]) => name));
  });

  test("of real time are counted from SIGRTMIN", () => {
    expect([signalName(34), signalName(36), signalName(64)]).toEqual(["SIGRTMIN", "SIGRTMIN+2", "SIGRTMIN+30"]);
  });

  test("that do not exist have no name", () => {
    expect([signalName(0), signalName(65), signalName(-1)]).toEqual([null, null, null]);
  });
});

describe("signal codes", () => {
  test("mean different things by signal", () => {
    expect([codeName(11, 1), codeName(7, 1), codeName(8, 1), codeName(4, 1)]).toEqual(["SEGV_MAPERR", "BUS_ADRALN", "FPE_INTDIV", "ILL_ILLOPC"]);
  });

  test("that tell a sender mean the same for every signal", () => {
    expect([codeName(11, 0), codeName(6, -6), codeName(2, 128)]).toEqual(["SI_USER", "SI_TKILL", "SI_KERNEL"]);
    expect([isSent(0), isSent(-6), isSent(-1), isSent(128), isSent(1)]).toEqual([true, true, true, false, false]);
  });

  test("without a name are told by number", () => expect(codeName(11, 77)).toBe("77"));

  test("come with an address only where the kernel blames an instruction", () => {
    expect([hasAddress(11, 1), hasAddress(7, 2), hasAddress(11, 128), hasAddress(11, -6), hasAddress(6, 1)]).toEqual([true, true, false, false, false]);
  });

  test("are told in words", () => {
    expect(describeSignal(7, 2)).toBe("bus error: beyond the end of a mapped file, or no such physical address");
    expect(describeSignal(11, null)).toBe("segmentation fault");
    expect(describeSignal(11, 99)).toBe("segmentation fault");
    expect(describeSignal(0, null)).toBeNull();
  });
});
