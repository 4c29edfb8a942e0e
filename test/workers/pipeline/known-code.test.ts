import { expect, test } from "vitest";
import type { NativeAnswer } from "../../../workers/pipeline/helper-answer.ts";
import { withKnownCode } from "../../../workers/pipeline/known-code.ts";

const decoded = { instruction: "add    %al,(%rax)", memory_operands: [{ operand: "(%rax)", address: "0x0" }] };
const answer: NativeAnswer = {
  gdb: "13.1",
  threads: [],
  registers: { rip: "0x1000" },
  disassembly: [],
  modules: [],
  warnings: [],
  facts: { ...decoded, siginfo: { signo: 11 }, interrupted: { ...decoded, pc: "0x2000", registers: {} } },
  timings_ms: {},
};

test("an instruction that was decoded from unknown bytes is no evidence", () => {
  expect(withKnownCode(answer, () => false).facts).toEqual({ siginfo: { signo: 11 }, interrupted: { pc: "0x2000", registers: {} } });
});

test("each place is judged by its own bytes", () => {
  expect(withKnownCode(answer, (address) => address === "0x1000").facts).toMatchObject({ ...decoded, interrupted: { pc: "0x2000" } });
  expect(withKnownCode(answer, (address) => address === "0x1000").facts["interrupted"]).not.toHaveProperty("instruction");
  expect(withKnownCode(answer, () => true).facts).toEqual(answer.facts);
});
