/** The debug hooks' checks: the one that failed, damage at hand, damage anywhere in the heap; and what is none of them. */
import { expect, test } from "vitest";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import type { CoreSignal } from "../../../services/intake/core/core-facts.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import type { NativeAnswer } from "../../../workers/pipeline/helper-answer.ts";
import { nativeAnswer } from "./native-answer.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, segfault, siteOf } from "./sample-facts.ts";

const block = (some: Record<string, unknown> = {}) => ({
  address: "0x7f0000001000",
  size: 40,
  api: "m",
  domain: "PyMem",
  leading: "fd".repeat(7),
  trailing: "fd".repeat(8),
  forbidden: "fd",
  serial: null,
  damage: null,
  ...some,
});
const contexts = { r: "0x5000", m: "0x5030", o: "0x5060" };
const argument = (name: string, value: string) => ({ name, value });
const checking = (address: string, ctx = "0x5060") =>
  nativeFrame("_PyMem_DebugRawFree", { arguments: [argument("ctx", ctx), argument("p", `(void *) ${address}`)] });

interface Given {
  readonly frames?: readonly NativeFrame[];
  readonly facts?: Record<string, unknown>;
  readonly message?: string;
  readonly signal?: CoreSignal;
}

const aborted = segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 });

function told({ frames = [], facts = {}, message, signal = aborted }: Given) {
  const native: NativeAnswer | null = message === undefined ? null : nativeAnswer({ fatal_error: { message, function: null, found: "registers" } });
  return diagnose({
    core: coreFacts({ signal }),
    site: siteOf({ signal }),
    threads: [thread(4711, { crashed: true, native_frames: [...frames] })],
    modules: [],
    python: pythonAnswer({ malloc: "pymalloc_debug", facts }),
    native,
  }).find((each) => each.code === "memory_debug_violation");
}

test("memory given to another API is told by the frames' arguments, with the dump that the interpreter prints", () => {
  const facts = { debug_blocks: { checked: 9, damaged: [], whole: [block({ address: "0x7f0000009000", api: "o" }), block()], contexts } };
  const found = told({ frames: [checking("0x7f0000001000")], facts });
  expect(found).toMatchObject({ confidence: "certain", evidence: { allocated: "m", verified: "o", block: { address: "0x7f0000001000" } } });
  expect(found?.evidence["dump"]).toEqual([
    "Debug memory block at address p=0x7f0000001000: API 'm'",
    "    40 bytes originally requested",
    "    The 7 pad bytes at p-7 are FORBIDDENBYTE, as expected.",
    "    The 8 pad bytes at tail=0x7f0000001028 are FORBIDDENBYTE, as expected.",
  ]);
});

test("what is no block is told where the check died describing it, or by a letter that is no API's", () => {
  const dump = nativeFrame("_PyObject_DebugDumpAddress", { arguments: [argument("p", "0x7f0000001000")] });
  const signal = segfault({ code: "SI_KERNEL", code_number: 128, address: null });
  const found = told({ frames: [dump, checking("0x7f0000001000")], signal });
  expect(found).toMatchObject({ confidence: "certain", evidence: { address: "0x7f0000001000", describing: true } });
  expect(found?.title).toContain("no block");
  expect(told({ message: "bad ID: Allocated using API '%c', verified using API '%c'" })).toMatchObject({
    confidence: "likely",
    evidence: { describing: false },
  });
  expect(told({ frames: [nativeFrame("memset"), checking("0x7f0000001000")], signal })).toBeUndefined();
  expect(told({ frames: [dump, nativeFrame("main")], signal })).toBeUndefined();
  expect(told({ frames: [nativeFrame("_PyMem_DebugRawFree"), dump], signal })).toBeUndefined();
  expect(told({ message: "bad argument" })).toBeUndefined();
});

test("is told without names where registers hold the end that a size which is none leads to, and the fault is there", () => {
  const facts = { debug_blocks: { checked: 9, damaged: [], whole: [], contexts, described: { address: "0x7f0000001000", tail: "0xcdce4d2b24d8f8d8" } } };
  const at = (address: string) => segfault({ code: "SEGV_MAPERR", address });
  expect(told({ facts, signal: at("0xcdce4d2b24d8f8dd") })).toMatchObject({ confidence: "certain", evidence: { address: "0x7f0000001000", describing: true } });
  expect(told({ facts, signal: segfault({ code: "SI_KERNEL", code_number: 128, address: null }) })).toMatchObject({ evidence: { describing: true } });
  expect(told({ facts, signal: at("0x7f0000001000") })).toBeUndefined();
});

test("is told by the function that gave up where its message is lost, and by the message of pads where the block is", () => {
  expect(told({ frames: [nativeFrame("Py_FatalError"), nativeFrame("_PyMem_DebugCheckAddress"), checking("0x7f0000001000")] })).toMatchObject({
    confidence: "likely",
    evidence: { describing: false },
  });
  expect(told({ frames: [nativeFrame("Py_FatalError"), nativeFrame("list_dealloc")] })).toBeUndefined();
  expect(told({ message: "bad trailing pad byte" })).toMatchObject({ title: "Memory was written beyond the end of a block", confidence: "certain" });
});

test("the message alone tells it too; the block only when no other can be meant", () => {
  const message = "bad ID: Allocated using API 'm', verified using API 'o'";
  const one = { debug_blocks: { checked: 9, damaged: [], whole: [block(), block({ address: "0x7f0000009000", api: "o" })] } };
  expect(told({ facts: one, message })).toMatchObject({ confidence: "certain", evidence: { block: { api: "m" } } });
  const two = { debug_blocks: { checked: 9, damaged: [], whole: [block(), block({ address: "0x7f0000009000" })] } };
  expect(told({ facts: two, message })).toMatchObject({ evidence: { allocated: "m", verified: "o", block: null } });
});

test("the block whose check failed comes before other damaged ones, its bytes as they stand and its owner told", () => {
  const owner = { type: "dict", offset: 16, held_by: [{ address: "0x1", type: "shop.Cart", where: "attribute 'items'", name: null }] };
  const failing = block({ address: "0x7f0000002000", trailing: `41${"fd".repeat(7)}`, damage: "trailing", owner });
  const other = block({ address: "0x7f0000003000", leading: `${"fd".repeat(6)}00`, damage: "leading" });
  const found = told({
    frames: [checking("0x7f0000002000", "0x5030")],
    facts: { debug_blocks: { checked: 9, damaged: [other, failing], whole: [], contexts } },
  });
  expect(found?.title).toContain("0x7f0000002000");
  expect(found?.detail).toContain("A dict lives in it, held by attribute 'items' of shop.Cart.");
  expect(found?.evidence["dump"]).toContain("        at tail+0: 0x41 *** OUCH");
});

test("damage anywhere in the heap is told where it was asked for, and belongs to no thread", () => {
  const heap_check = { blocks: 17_000, bytes: 2_000_000, damaged: [block({ trailing: `41${"fd".repeat(7)}`, damage: "trailing" })], whole: true };
  expect(told({ facts: { heap_check } })).toMatchObject({ lwp: null, evidence: { checked: 17_000, whole_heap: true } });
});

test.each<[string, Given]>([
  ["a whole heap", { facts: { heap_check: { blocks: 17_000, bytes: 2_000_000, damaged: [], whole: true } } }],
  [
    "a block that is freed by its own API",
    { frames: [checking("0x7f0000001000", "0x5030")], facts: { debug_blocks: { checked: 1, damaged: [], whole: [block()], contexts } } },
  ],
  [
    "a check of a block that is not known",
    { frames: [checking("0x7f000000f000")], facts: { debug_blocks: { checked: 1, damaged: [], whole: [block()], contexts } } },
  ],
  [
    "another fatal error beside sound blocks",
    { message: "deallocating None", facts: { debug_blocks: { checked: 1, damaged: [], whole: [block()], contexts } } },
  ],
])("nothing is said of %s", (_what, given) => {
  expect(told(given)).toBeUndefined();
});
