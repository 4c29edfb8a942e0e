/** `struct link_map`, and the search for the list's head where the executable's own headers were not dumped. */
import { fieldsOf } from "../elf/fields.ts";
import { PF_X, type ProgramHeader } from "../elf/program-headers.ts";
import type { CoreMemory } from "./core-memory.ts";

const DT_DEBUG = 21n;
const MOST_PATH = 4096;
/** The dynamic section lies at the start of a RELRO segment. */
const SCAN_PER_SEGMENT = 64 * 1024;
const SCAN_IN_ALL = 16 << 20;
/** Entries of two words, far above any true section. */
const LONGEST_DYNAMIC = 512n * 16n;
const MOST_CANDIDATES = 1000;

export interface LinkMapEntry {
  readonly bias: bigint;
  readonly name: string;
  /** Of its dynamic section. */
  readonly dynamic: bigint;
  readonly next: bigint;
}

export async function readLinkMapEntry(memory: CoreMemory, address: bigint): Promise<LinkMapEntry | null> {
  const word = memory.bits / 8;
  const bytes = await memory.read(address, 4 * word); // l_addr, l_name, l_ld, l_next
  if (bytes === null) return null;
  const fields = fieldsOf(bytes, memory);
  const name = await memory.text(fields.word(word), MOST_PATH);
  return { bias: fields.word(0), name: name ?? "", dynamic: fields.word(2 * word), next: fields.word(3 * word) };
}

/**
 * `r_map`, by a scan of the dumped data for a DT_DEBUG entry that proves itself: it points to an `r_debug` of a known
 * version, whose first `link_map` names the very dynamic section that the entry is in.
 */
export async function scanForList(memory: CoreMemory, loads: readonly ProgramHeader[]): Promise<bigint | null> {
  const word = memory.bits / 8;
  let left = SCAN_IN_ALL;
  let candidates = MOST_CANDIDATES;
  for (const load of loads) {
    if ((load.flags & PF_X) !== 0 || load.filesz === 0 || left <= 0) continue;
    const bytes = await memory.readUpTo(load.vaddr, Math.min(SCAN_PER_SEGMENT, left));
    if (bytes === null) continue;
    left -= bytes.length;
    const fields = fieldsOf(bytes, memory);
    for (let at = 0; at + 2 * word <= bytes.length && candidates > 0; at += word) {
      if (fields.word(at) !== DT_DEBUG) continue;
      candidates -= 1;
      const first = await listAt(memory, fields.word(at + word), load.vaddr + BigInt(at));
      if (first !== null) return first;
    }
  }
  return null;
}

async function listAt(memory: CoreMemory, debug: bigint, entryAt: bigint): Promise<bigint | null> {
  const word = memory.bits / 8;
  const bytes = debug === 0n ? null : await memory.read(debug, 2 * word); // r_version, r_map
  if (bytes === null) return null;
  const fields = fieldsOf(bytes, memory);
  const version = fields.u32(0);
  const first = fields.word(word);
  const entry = version >= 1 && version <= 3 && first !== 0n ? await readLinkMapEntry(memory, first) : null;
  return entry !== null && entry.dynamic <= entryAt && entryAt < entry.dynamic + LONGEST_DYNAMIC ? first : null;
}
