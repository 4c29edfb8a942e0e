/**
 * The whole command line and the environment, from the dumped stack.
 *
 * The kernel lays out the new program's stack as `argc, argv[], NULL, envp[], NULL, auxv[]`, strings above (create_elf_tables
 * in fs/binfmt_elf.c). NT_AUXV is a copy of that auxv, so its bytes are looked for below AT_EXECFN's string, and the
 * pointers are walked back from there. Of the environment only names are kept, and the values of harmless variables.
 */
import { fieldsOf } from "../elf/fields.ts";
import type { AuxiliaryVector } from "./auxiliary-vector.ts";
import type { CoreMemory } from "./core-memory.ts";
import { readEnvironment, type StartingVariable } from "./environment.ts";

/** Bytes below the top: the second is what most command lines need, the last what the kernel allows at most (a quarter of the stack's limit). */
const REACHES = [16 << 10, 256 << 10, 2 << 20, 6 << 20];
const MOST_ARGUMENTS = 4096;
const MOST_ARGUMENT_BYTES = 4096;
const MOST_TOTAL_BYTES = 128 << 10;

/** What the program was started with; each null where the stack does not hold it. */
export interface Started {
  readonly commandLine: readonly string[] | null;
  readonly environment: readonly StartingVariable[] | null;
}

export async function readStarted(memory: CoreMemory, auxv: AuxiliaryVector, auxvBytes: Buffer | undefined): Promise<Started> {
  const nothing = { commandLine: null, environment: null };
  const top = auxv.get("AT_EXECFN") ?? auxv.get("AT_PLATFORM") ?? auxv.get("AT_RANDOM");
  const stack = top === undefined ? null : memory.segmentAt(top);
  if (top === undefined || stack === null || auxvBytes === undefined) return nothing;
  for (const reach of REACHES) {
    const pointers = await findPointers(memory, stack.vaddr, top, reach, auxvBytes);
    if (pointers !== null) return { commandLine: await readArguments(memory, pointers.argv), environment: await readEnvironment(memory, pointers.envp) };
  }
  return nothing;
}

interface Pointers {
  readonly argv: readonly bigint[];
  readonly envp: readonly bigint[];
}

/** The pointers of argv and envp, looked for in the `reach` bytes below `top`. */
async function findPointers(memory: CoreMemory, stackStart: bigint, top: bigint, reach: number, auxvBytes: Buffer): Promise<Pointers | null> {
  const word = memory.bits / 8;
  const from = top - stackStart > BigInt(reach) ? top - BigInt(reach) : stackStart;
  const start = from - (from % BigInt(word));
  const bytes = await memory.read(start, Number(top - start));
  if (bytes === null) return null;
  const at = bytes.lastIndexOf(auxvBytes.subarray(0, Math.max(4 * word, Math.floor(auxvBytes.length / 2))));
  return at < 0 || at % word !== 0 ? null : pointersBelow(bytes.subarray(0, at), memory);
}

/** `stack` ends where auxv begins: back over envp's NULL and pointers, argv's NULL and pointers, to an argc that fits. */
function pointersBelow(stack: Buffer, memory: CoreMemory): Pointers | null {
  const word = memory.bits / 8;
  const fields = fieldsOf(stack, memory);
  let at = stack.length - word;
  if (at < 0 || fields.word(at) !== 0n) return null;
  const envp: bigint[] = [];
  for (at -= word; at >= 0 && fields.word(at) !== 0n; at -= word) envp.push(fields.word(at));
  const pointers: bigint[] = [];
  for (at -= word; at >= 0; at -= word) {
    const value = fields.word(at);
    if (value === BigInt(pointers.length)) return { argv: pointers.toReversed(), envp: envp.toReversed() };
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
