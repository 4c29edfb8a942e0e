/** What an uploaded ELF file tells of itself. Plain data that survives JSON. */
import type { BinaryKind } from "../../contract/binary.ts";
import type { Warning } from "../../contract/report.ts";
import type { Machine } from "../core/core-facts.ts";

export interface BinaryFacts {
  readonly machine: Machine;
  readonly bits: 32 | 64;
  readonly byteOrder: "little" | "big";
  readonly size: number;
  /** Lower-case hex of NT_GNU_BUILD_ID; null for files built without it. */
  readonly buildId: string | null;
  readonly kind: BinaryKind;
  /** `.symtab` with bytes in this file; `.dynsym` alone is no symbol table for our purpose. */
  readonly hasSymbols: boolean;
  /** `.debug_info` or `.zdebug_info` with bytes in this file. */
  readonly hasDebugInfo: boolean;
  /** `.gnu_debugdata`: an xz-compressed symbol table inside a stripped file. */
  readonly hasMiniDebugInfo: boolean;
  /** `.PyRuntime`, or libpython's name: this file holds a CPython. */
  readonly holdsPython: boolean;
  readonly soname: string | null;
  /** PT_INTERP: the dynamic linker that the file asks for. */
  readonly interpreter: string | null;
  readonly debugLink: { readonly name: string; readonly crc: number } | null;
  /** `.gnu_debugaltlink`: the supplementary file that dwz moved shared debug information to. */
  readonly altLink: { readonly name: string; readonly buildId: string } | null;
  /** CRC-32 of the whole file, as `.gnu_debuglink` has it; only of debug files, null for all others. */
  readonly crc: number | null;
  /** SHA-256 of the first page (`headDigest`); null of debug files, which are never mapped. */
  readonly head: string | null;
  readonly warnings: readonly Warning[];
}
