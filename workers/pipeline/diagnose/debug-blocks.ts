/**
 * What CPython's debug allocator checks when a block is freed: the check that failed, else the blocks that the crashed thread had at
 * hand, else, where it was asked for, every block of the heap.
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Nullable } from "../../../services/contract/common.ts";
import { AllocationPlace } from "../../../services/contract/interpreter.ts";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { Evidence, Finding } from "./evidence.ts";
import { dumpOf, failedCheck, givenNoBlock, type NoBlock, saidOfPads } from "./failed-check.ts";

const Holder = Type.Object({ address: Nullable(Type.String()), type: Nullable(Type.String()), where: Type.String(), name: Nullable(Type.String()) });
const Owner = Type.Object({ type: Nullable(Type.String()), offset: Type.Integer(), held_by: Type.Array(Holder) });
export const Block = Type.Object({
  address: Type.String(),
  size: Type.Integer(),
  api: Nullable(Type.String()),
  domain: Nullable(Type.String()),
  leading: Type.String(),
  trailing: Type.String(),
  forbidden: Type.String(),
  serial: Nullable(Type.Integer()),
  damage: Nullable(Type.Enum(["leading", "trailing", "api"])),
  owner: Type.Optional(Owner),
  allocated_at: Type.Optional(Nullable(Type.Array(AllocationPlace))),
});
export type Block = Static<typeof Block>;
export const DebugBlocks = Type.Object({
  checked: Type.Integer(),
  damaged: Type.Array(Block),
  whole: Type.Optional(Type.Array(Block)),
  contexts: Type.Optional(Type.Record(Type.String(), Type.String())),
  described: Type.Optional(Nullable(Type.Object({ address: Type.String(), tail: Type.String() }))),
});
const HeapCheck = Type.Object({ blocks: Type.Integer(), bytes: Type.Integer(), damaged: Type.Array(Block), whole: Type.Boolean() });

const links = ["https://docs.python.org/3/c-api/memory.html#debug-hooks-on-the-python-memory-allocators"];

const titles = {
  leading: "Memory was written before the begin of a block",
  trailing: "Memory was written beyond the end of a block",
  api: "A block does not tell which allocator it is of",
} as const;

/** ` An object of type dict lives in it, held by attribute 'x' of Shop.` */
function ownedBy({ owner }: Block): string {
  if (owner === undefined || (owner.type === null && owner.held_by.length === 0)) return "";
  const held = owner.held_by.map(({ type, where, name }) => (type === null ? where : `${where} of ${name ?? type}`)).join(", in ");
  return ` ${owner.type === null ? "It is held" : `A ${owner.type} lives in it${held === "" ? "" : ", held"}`}${held === "" ? "" : ` by ${held}`}.`;
}

/** ` It was allocated at shop.py:12.` */
function allocated({ allocated_at: places }: Block): string {
  const [place] = places ?? [];
  return place === undefined ? "" : ` It was allocated at line ${place.line} of ${place.file}.`;
}

function violated(block: Block, core: Evidence["core"], evidence: Record<string, unknown>, lwp: number | null): Diagnosis {
  const title = titles[block.damage ?? "api"];
  return {
    code: "memory_debug_violation",
    title: `${title} of ${block.size} bytes at ${block.address}`,
    detail: `The debug hooks put the byte 0x${block.forbidden.toUpperCase()} on either side of a block. Before this one stand ${block.leading}, behind it ${block.trailing}${block.domain === null ? "" : `; it is of ${block.domain} ('${block.api}')`}.${ownedBy(block)} Whoever owns the block, or its neighbour, wrote past its bounds.${allocated(block)}`,
    confidence: "certain",
    lwp,
    evidence: { ...evidence, dump: dumpOf(block, core.bits / 8) },
    links,
  };
}

function noBlock({ address, describing }: NoBlock, core: Evidence["core"], checked: number): Diagnosis {
  return {
    code: "memory_debug_violation",
    title: describing
      ? "What was given back to the debug allocator is no block of it"
      : "What was given back to the debug allocator is of another one, or no block at all",
    detail: `What was to be freed or resized${address === null ? "" : `, ${address},`} ${describing ? "has" : "bears"} no header of that allocator before it: the debug hooks' check failed${describing ? ", and the process died while it described the block, whose size is none" : ""}. It was freed before, comes of another allocator (malloc, PyMem or PyObject, an address inside a block), or its header was overwritten. See who calls the check on this stack.`,
    confidence: describing ? "certain" : "likely",
    lwp: core.crashedLwp,
    evidence: { address, describing, checked },
    links,
  };
}

function pads(message: string, core: Evidence["core"], checked: number): Diagnosis {
  const before = message.includes("leading");
  return {
    code: "memory_debug_violation",
    title: before ? titles.leading : titles.trailing,
    detail: `The debug hooks gave up with "${message.slice(0, 200)}": ${before ? "before" : "behind"} the block that was to be freed or resized stands something else than they put there. Which block it was is on the standard error. Whoever owns it, or its neighbour, wrote past its bounds.`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { message, checked },
    links,
  };
}

export const debugBlocks: Finding = (evidence) => {
  const { core, python } = evidence;
  const fact = python?.facts["debug_blocks"];
  const told = Value.Check(DebugBlocks, fact) ? fact : null;
  const failed = failedCheck(evidence, told);
  const blocks = told?.damaged ?? [];
  const shown = failed?.block ?? null;
  if (failed !== null && failed.verified !== null && (shown === null || shown.damage === null)) {
    const { allocated, verified, block, certain } = failed;
    return {
      code: "memory_debug_violation",
      title: `Memory of one allocator was given to another: allocated by '${allocated}', released by '${verified}'`,
      detail: `The debug hooks found "bad ID: Allocated using API '${allocated}', verified using API '${verified}'"${block === null ? "" : `: the block of ${block.size} bytes at ${block.address}`}. PyMem_RawMalloc ('r'), PyMem_Malloc ('m') and PyObject_Malloc ('o') each have their own function to free and to resize. See who calls the one on this stack.`,
      confidence: certain ? "certain" : "likely",
      lwp: core.crashedLwp,
      evidence: { allocated, verified, block, dump: block === null ? null : dumpOf(block, core.bits / 8), checked: told?.checked ?? 0 },
      links: [...links, "https://docs.python.org/3/c-api/memory.html#allocator-domains"],
    };
  }
  const [block] = shown?.damage == null ? blocks : [shown, ...blocks.filter((each) => each !== shown)];
  if (block !== undefined) return violated(block, core, { blocks, checked: told?.checked ?? 0, failed_check: failed?.function ?? null }, core.crashedLwp);
  const none = givenNoBlock(evidence, told);
  if (none !== null) return noBlock(none, core, told?.checked ?? 0);
  const said = saidOfPads(evidence);
  if (said !== null) return pads(said, core, told?.checked ?? 0);
  const heap = python?.facts["heap_check"];
  if (!Value.Check(HeapCheck, heap) || heap.damaged[0] === undefined) return null;
  return violated(heap.damaged[0], core, { blocks: heap.damaged, checked: heap.blocks, whole_heap: heap.whole }, null);
};
