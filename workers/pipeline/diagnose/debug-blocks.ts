/** What CPython's debug allocator checks when a block is freed, checked on the blocks that the crashed thread had at hand. */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Nullable } from "../../../services/contract/common.ts";
import type { Finding } from "./evidence.ts";

const Block = Type.Object({
  address: Type.String(),
  size: Type.Integer(),
  api: Nullable(Type.String()),
  domain: Nullable(Type.String()),
  leading: Type.String(),
  trailing: Type.String(),
  forbidden: Type.String(),
  serial: Nullable(Type.Integer()),
  damage: Type.Enum(["leading", "trailing", "api"]),
});
const DebugBlocks = Type.Object({ checked: Type.Integer(), damaged: Type.Array(Block) });

const titles: Readonly<Record<Static<typeof Block>["damage"], string>> = {
  leading: "Memory was written before the begin of a block",
  trailing: "Memory was written beyond the end of a block",
  api: "A block does not tell which allocator it is of",
};

export const debugBlocks: Finding = ({ core, python }) => {
  const told = python?.facts["debug_blocks"];
  if (!Value.Check(DebugBlocks, told)) return null;
  const [block] = told.damaged;
  if (block === undefined) return null;
  return {
    code: "memory_debug_violation",
    title: `${titles[block.damage]} of ${block.size} bytes at ${block.address}`,
    detail: `The debug hooks put the byte 0x${block.forbidden.toUpperCase()} on either side of a block. Before this one stand ${block.leading}, behind it ${block.trailing}${block.domain === null ? "" : `; it is of ${block.domain} ('${block.api}')`}. Whoever owns the block, or its neighbour, wrote past its bounds.`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { blocks: told.damaged, checked: told.checked },
    links: ["https://docs.python.org/3/c-api/memory.html#debug-hooks-on-the-python-memory-allocators"],
  };
};
