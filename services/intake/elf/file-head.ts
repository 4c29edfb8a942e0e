/**
 * What tells files apart where no build-id does: the first page, of which a core holds a copy for each ELF file that was mapped.
 *
 * It holds the ELF header, the program headers and mostly the first notes and symbols, so that files of different builds differ in it. The
 * build-id itself may lie elsewhere, in pages that are not dumped: patchelf, which wheels of PyPI went through, moves the note to the end.
 */
import { createHash } from "node:crypto";
import type { ElfHeader } from "./elf-header.ts";

export const HEAD_BYTES = 4096;

/** Of the section headers: strip changes them and nothing else of the page. */
const sectionFields = { 32: [32, 36, 46, 52], 64: [40, 48, 58, 64] } as const;

/** SHA-256 of the page, the same of a file and of its stripped copy; null for less than a page. */
export function headDigest(page: Buffer, { bits }: Pick<ElfHeader, "bits">): string | null {
  if (page.length < HEAD_BYTES) return null;
  const head = Buffer.from(page.subarray(0, HEAD_BYTES));
  const [offset, pastOffset, counts, pastCounts] = sectionFields[bits];
  head.fill(0, offset, pastOffset).fill(0, counts, pastCounts);
  return createHash("sha256").update(head).digest("hex");
}
