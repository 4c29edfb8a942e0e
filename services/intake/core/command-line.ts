/**
 * The whole command line, from the dumped stack.
 *
 * The kernel lays out the new program's stack as `argc, argv[], NULL, envp[], NULL, auxv[]`, strings above (create_elf_tables
 * in fs/binfmt_elf.c). NT_AUXV is a copy of that auxv, so its bytes are looked for below AT_EXECFN's string, and the
 * pointers are walked back from there. The environment's strings are never read.
 */
import { fieldsOf } from "../elf/fields.ts";
import type { AuxiliaryVector } from "./auxiliary-vector.ts";
import type { CoreMemory } from "./core-memory.ts";

/** Bytes below the top: the second is what most command lines need, the last what the kernel allows at most (a quarter of the stack's limit). */
const REACHES = [16 << 10, 256 << 10, 2 << 20, 6 << 20];
const MOST_ARGUMENTS = 4096;
const MOST_ARGUMENT_BYTES = 4096;
const MOST_TOTAL_BYTES = 128 << 10;

export async function readCommandLine(memory: CoreMemory, auxv: AuxiliaryVector, auxvBytes: Buffer | undefined): Promise<readonly string[] | null> {
  const top = auxv.get("AT_EXECFN") ?? auxv.get("AT_PLATFORM") ?? auxv.get("AT_RANDOM");
  const stack = top === undefined ? null : memory.segmentAt(top);
  if (top === undefined || stack === null || auxvBytes === undefined) return null;
  for (const reach of REACHES) {
    const pointers = await findArguments(memory, stack.vaddr, top, reach, auxvBytes);
    if (pointers !== null) return await readArguments(memory, pointers);
  }
  return null;
}

/** argv's pointers, looked for in the `reach` bytes below `top`. */
async function findArguments(memory: CoreMemory, stackStart: bigint, top: bigint, reach: number, auxvBytes: Buffer): Promise<readonly bigint[] | null> {
  const word = memory.bits / 8;
  const from = top - stackStart > BigInt(reach) ? top - BigInt(reach) : stackStart;
  const start = from - (from % BigInt(word));
  const bytes = await memory.read(start, Number(top - start));
  if (bytes === null) return null;
  const at = bytes.lastIndexOf(auxvBytes.subarray(0, Math.max(4 * word, Math.floor(auxvBytes.length / 2))));
  return at < 0 || at % word !== 0 ? null : argumentPointers(bytes.subarray(0, at), memory);
}

/** `stack` ends where auxv begins: back over envp's NULL and pointers, argv's NULL and pointers, to an argc that fits. */
function argumentPointers(stack: Buffer, memory: CoreMemory): readonly bigint[] | null {
  const word = memory.bits / 8;
  const fields = fieldsOf(stack, memory);
  let at = stack.length - word;
  if (at < 0 || fields.word(at) !== 0n) return null;
  for (at -= word; at >= 0 && fields.word(at) !== 0n; ) at -= word;
  const pointers: bigint[] = [];
  for (at -= word; at >= 0; at -= word) {
    const value = fields.word(at);
    if (value === BigInt(pointers.length)) return pointers.toReversed();
    pointers.push(value);
  }
  return null;
}

async function readArguments(memory: CoreMemory, pointers: readonly bigint[]): Promise<readonly string[] | null> {
  const texts: string[] = [];
  let left = MOST_TOTAL_BYTES;
  for (const pointer of pointers.slice(0, MOST_ARGUMENTS)) {
    if (left <= 0) break;
    const text = await memory.text(pointer, Math.min(MOST_ARGUMENT_BYTES, left));
    if (text === null) return null;
    left -= text.length + 1;
    texts.push(text);
  }
  return texts.length === 0 ? null : texts;
}
