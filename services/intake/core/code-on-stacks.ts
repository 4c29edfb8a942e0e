/**
 * Which modules' code the threads' stacks mention: what unwinding needs, told without unwinding.
 *
 * A return address is a word of the stack that points into executable memory. Every frame's is there, and now and then a
 * stale one too, so the answer names all that matter and seldom one more. Registers and the ends of each stack are read;
 * a recursion's middle repeats itself.
 */
import { type ElfForm, fieldsOf } from "../elf/fields.ts";
import { PF_X } from "../elf/program-headers.ts";
import type { CoreModule, Machine } from "./core-facts.ts";
import type { CoreMemory } from "./core-memory.ts";

/** Places in `elf_gregset_t`, counted in words, behind the fixed part of `struct elf_prstatus`. */
const registers: Readonly<Record<string, { readonly at: number; readonly pc: number; readonly sp: number; readonly link: number | null }>> = {
  x86_64: { at: 112, pc: 16, sp: 19, link: null },
  aarch64: { at: 112, pc: 32, sp: 31, link: 30 },
  riscv64: { at: 112, pc: 0, sp: 2, link: 1 },
  i386: { at: 72, pc: 12, sp: 15, link: null },
  arm: { at: 72, pc: 15, sp: 13, link: 14 },
};

const INNER = 1 << 20;
const INNER_OF_OTHERS = 64 << 10;
const OUTER = 256 << 10;
const MOST_BYTES = 16 << 20;

interface CodeRange {
  readonly start: number;
  readonly end: number;
  readonly module: CoreModule;
}

function codeRanges(modules: readonly CoreModule[], memory: CoreMemory): CodeRange[] {
  const ranges: CodeRange[] = [];
  for (const module of modules) {
    if (module.kind === "vdso") continue;
    for (const { start, end } of module.mappings) {
      const segment = memory.segmentAt(BigInt(start));
      // gcore leaves out what it does not dump: then any row may be code.
      if (segment === null || (segment.flags & PF_X) !== 0) ranges.push({ start: Number(start), end: Number(end), module });
    }
  }
  return ranges.toSorted((a, b) => a.start - b.start);
}

function find(ranges: readonly CodeRange[], address: number): CoreModule | null {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.start ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low - 1];
  return range !== undefined && address < range.end ? range.module : null;
}

/** Modules by the order in which a reader of the stacks would meet them; null when the machine's registers are not known. */
export async function codeOnStacks(
  notes: readonly Buffer[],
  machine: Machine,
  form: ElfForm,
  modules: readonly CoreModule[],
  memory: CoreMemory,
): Promise<readonly CoreModule[] | null> {
  const layout = registers[machine];
  const ranges = codeRanges(modules, memory);
  if (layout === undefined || notes.length === 0 || ranges.length === 0) return null;
  const width = form.bits / 8;
  const lowest = ranges[0]?.start ?? 0;
  const highest = ranges.reduce((most, { end }) => Math.max(most, end), 0);
  const seen = new Set<CoreModule>();
  let left = MOST_BYTES;
  const look = (address: number) => {
    const module = find(ranges, address);
    if (module !== null) seen.add(module);
  };
  const scan = async (address: bigint, length: number) => {
    const bytes = await memory.readUpTo(address, Math.min(length, left));
    if (bytes === null) return;
    left -= bytes.length;
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const little = form.byteOrder === "little";
    // Most words are no address of code, and an address beyond 2^53 need not be exact to be seen as none.
    for (let at = 0; at + width <= bytes.length; at += width) {
      const [low, high] = [words.getUint32(at, little), width === 4 ? 0 : words.getUint32(at + 4, little)];
      const word = little || width === 4 ? high * 2 ** 32 + low : low * 2 ** 32 + high;
      if (word >= lowest && word < highest) look(word);
    }
  };
  let read = 0;
  for (const [index, desc] of notes.entries()) {
    if (left <= 0 || desc.length < layout.at + (Math.max(layout.pc, layout.sp) + 1) * width) continue;
    const fields = fieldsOf(desc, form);
    const word = (position: number) => fields.word(layout.at + position * width);
    look(Number(word(layout.pc)));
    if (layout.link !== null) look(Number(word(layout.link)));
    const sp = (word(layout.sp) / BigInt(width)) * BigInt(width);
    const segment = memory.segmentAt(sp);
    if (segment === null || segment.filesz === 0) continue;
    read += 1;
    const inner = index === 0 ? INNER : INNER_OF_OTHERS;
    await scan(sp, inner);
    const end = segment.vaddr + BigInt(segment.filesz);
    const outer = end - BigInt(OUTER);
    if (outer > sp + BigInt(inner)) await scan((outer / BigInt(width)) * BigInt(width), OUTER);
  }
  return read === 0 ? null : [...seen];
}
