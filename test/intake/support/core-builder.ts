/** Makes small cores: the notes of a Linux core, and mapped ELF files in its memory. */
import { buildElf, encoder, type Form, note, type Segment } from "./elf-builder.ts";

export const ET_CORE = 4;
export const page = 4096;

/** A buffer with values written at their offsets. */
function at(size: number, ...values: readonly (readonly [offset: number, bytes: Buffer])[]): Buffer {
  const bytes = Buffer.alloc(size);
  for (const [offset, value] of values) value.copy(bytes, offset);
  return bytes;
}

const text = (value: string) => Buffer.from(value, "utf8");

export function processStatus(form: Form, lwp: number, signal: number): Buffer {
  const { u16, u32 } = encoder(form);
  return note(form, "CORE", 1, at(form.bits === 64 ? 336 : 144, [12, u16(signal)], [form.bits === 64 ? 32 : 24, u32(lwp)]));
}

/** `wide`: 32-bit ids where the word is 32 bits too. */
export function processInfo(form: Form, values: { pid: number; uid: number; gid: number; name: string; psargs: string; wide?: boolean }): Buffer {
  const { u16, u32 } = encoder(form);
  const { pid, uid, gid, name, psargs, wide = false } = values;
  if (form.bits === 64) return note(form, "CORE", 3, at(136, [16, u32(uid)], [20, u32(gid)], [24, u32(pid)], [40, text(name)], [56, text(psargs)]));
  if (wide) return note(form, "CORE", 3, at(128, [8, u32(uid)], [12, u32(gid)], [16, u32(pid)], [32, text(name)], [48, text(psargs)]));
  return note(form, "CORE", 3, at(124, [8, u16(uid)], [10, u16(gid)], [12, u32(pid)], [28, text(name)], [44, text(psargs)]));
}

export function signalInfo(form: Form, signal: number, code: number, payload: Buffer): Buffer {
  const { u32 } = encoder(form);
  return note(form, "CORE", 0x53494749, at(128, [0, u32(signal)], [8, u32(code)], [form.bits === 64 ? 16 : 12, payload]));
}

export function auxiliaryVector(form: Form, values: Readonly<Record<number, bigint>>): Buffer {
  const { word } = encoder(form);
  return Buffer.concat([...Object.entries(values).flatMap(([type, value]) => [word(Number(type)), word(value)]), word(0), word(0)]);
}

export interface MappedRow {
  readonly path: string;
  readonly start: bigint;
  readonly end: bigint;
  /** In pages. */
  readonly offset: number;
}

export function mappedFiles(form: Form, rows: readonly MappedRow[], promised = rows.length): Buffer {
  const { word } = encoder(form);
  const numbers = rows.flatMap((row) => [word(row.start), word(row.end), word(row.offset)]);
  const names = rows.map((row) => text(`${row.path}\0`));
  return note(form, "CORE", 0x46494c45, Buffer.concat([word(promised), word(page), ...numbers, ...names]));
}

export const buildIdNote = (form: Form, hex: string) => note(form, "GNU", 3, Buffer.from(hex, "hex"));

/** The first page of a mapped ELF file that reaches over `pages` pages. */
export function firstPage(form: Form, machine: number, buildId: string | null, pages: number, more: readonly Segment[] = []): Buffer {
  const notes = buildId === null ? Buffer.alloc(0) : buildIdNote(form, buildId);
  const headers = 2 + more.length;
  const notesAt = (form.bits === 64 ? 64 : 52) + headers * (form.bits === 64 ? 56 : 32);
  const file = buildElf({
    ...form,
    type: 3,
    machine,
    segments: [{ type: 4, vaddr: BigInt(notesAt), bytes: notes }, { type: 1, flags: 5, vaddr: 0n, memsz: BigInt(pages * page), filesz: pages * page }, ...more],
  });
  // The PT_LOAD begins at offset 0 of a true file; the builder places every segment behind the headers.
  const { word } = encoder(form);
  word(0).copy(file, form.bits === 64 ? 64 + 56 + 8 : 52 + 32 + 4);
  return Buffer.concat([file, Buffer.alloc(Math.max(0, page - file.length))]);
}

export function buildCore(
  form: Form,
  machine: number,
  notes: readonly Buffer[],
  loads: readonly Omit<Segment, "type">[],
  more: { manyHeaders?: boolean } = {},
): Buffer {
  return buildElf({
    ...form,
    ...more,
    type: ET_CORE,
    machine,
    segments: [{ type: 4, bytes: Buffer.concat(notes) }, ...loads.map((load) => ({ type: 1, ...load }))],
  });
}
