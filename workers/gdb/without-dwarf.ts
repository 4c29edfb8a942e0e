/**
 * The files of a sysroot as if they had been built without debug information.
 *
 * gdb's own `-readnever` also gives up the call frame information in `.eh_frame`, and with it every frame after the first few. So the
 * second rung shows gdb copies in which the headers of the DWARF sections are blanked instead: symbols and unwinding stay, and
 * what makes gdb crash most often is gone. Only section headers are changed, so a copy is as cheap as the file system can make it.
 */
import { constants } from "node:fs";
import { copyFile, mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";

const blanked = /^\.(z?debug_|gdb_index$|gnu_debuglink$|gnu_debugaltlink$|gnu_debugdata$|gdb_scripts|debug_gdb_scripts)/;
const mostSections = 65_536;

interface Section {
  /** Where its header stands in the file, in bytes. */
  readonly at: number;
  readonly name: string;
}

/** Reads exactly `length` bytes, or null. */
type ReadAt = (offset: number, length: number) => Promise<Buffer | null>;

/** The sections of a little-endian ELF file; none where there is nothing to read, big-endian files included. */
async function sections(readAt: ReadAt): Promise<Section[]> {
  const header = await readAt(0, 64);
  if (header === null || header.toString("latin1", 0, 4) !== "\x7fELF" || header[5] !== 1) return [];
  const wide = header[4] === 2;
  const number = (bytes: Buffer, at: number) => (wide ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at));
  const start = number(header, wide ? 40 : 32);
  const [size, count, names] = [0, 2, 4].map((at) => header.readUInt16LE((wide ? 58 : 46) + at));
  if (size === undefined || count === undefined || names === undefined || size < (wide ? 64 : 40) || count > mostSections || names >= count) return [];
  const table = await readAt(start, size * count);
  if (table === null) return [];
  const nameTable = table.subarray(names * size);
  const length = number(nameTable, wide ? 32 : 20);
  const strings = length > 1 << 20 ? null : await readAt(number(nameTable, wide ? 24 : 16), length);
  if (strings === null) return [];
  return Array.from({ length: count }, (_, index) => {
    const name = strings.subarray(table.readUInt32LE(index * size));
    const end = name.indexOf(0);
    return { at: start + index * size, name: name.toString("latin1", 0, end < 0 ? name.length : Math.min(end, 64)) };
  });
}

/** Makes `copy` of `file` when it has what is to be blanked; says whether it did. */
export async function copyWithoutDwarf(file: string, copy: string): Promise<boolean> {
  await using source = await open(file);
  const { size } = await source.stat();
  const found = await sections(async (offset, length) => {
    if (offset > size || length > size) return null;
    const bytes = Buffer.alloc(length);
    return (await source.read(bytes, 0, length, offset)).bytesRead === length ? bytes : null;
  });
  const unwanted = found.filter((section) => blanked.test(section.name));
  if (unwanted.length === 0) return false;
  await copyFile(file, copy, constants.COPYFILE_FICLONE);
  await using target = await open(copy, "r+");
  // sh_type becomes SHT_NULL: the section is not there.
  for (const { at } of unwanted) await target.write(Buffer.alloc(4), 0, 4, at + 4);
  return true;
}

/** Copies for all files of the job's sysroot that need one: [host, inside], to be mounted over the originals. */
export async function withoutDwarf(jobDir: string): Promise<(readonly [string, string])[]> {
  const sysroot = join(jobDir, "sysroot");
  const folder = join(jobDir, "without-dwarf");
  await mkdir(folder, { recursive: true });
  const entries = await readdir(sysroot, { recursive: true, withFileTypes: true }).catch(() => []);
  const mounts: (readonly [string, string])[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const copy = join(folder, String(mounts.length));
    if (await copyWithoutDwarf(file, copy)) mounts.push([copy, `/job/sysroot${file.slice(sysroot.length)}`]);
  }
  return mounts;
}
