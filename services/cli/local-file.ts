/** What a file on the desk is, from its first bytes; the service looks closer. */
import { open } from "node:fs/promises";
import { isPacked } from "../client/packing.ts";

export type LocalKind = "core" | "binary" | "text";

const ET_CORE = 4;
const lookedAt = 4_096;

export async function kindOf(path: string): Promise<LocalKind> {
  await using handle = await open(path);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(lookedAt), 0, lookedAt, 0);
  if (isPacked(buffer)) return "core";
  // What is no text was meant for a core, and the service says what is wrong with it.
  if (buffer.toString("latin1", 0, 4) !== "\x7fELF") return buffer.subarray(0, bytesRead).includes(0) ? "core" : "text";
  const type = buffer[5] === 2 ? buffer.readUInt16BE(16) : buffer.readUInt16LE(16);
  return type === ET_CORE ? "core" : "binary";
}

const PT_NOTE = 4;
const NT_GNU_BUILD_ID = 3;
const mostNoteBytes = 64 * 1024;

/** The GNU build-id of a little-endian ELF file of 64 bits; null for others, which are sent without being asked for. */
export async function buildIdOf(path: string): Promise<string | null> {
  await using handle = await open(path);
  const at = async (position: number, size: number) => (await handle.read(Buffer.alloc(size), 0, size, position)).buffer;
  const header = await at(0, 64);
  if (header[4] !== 2 || header[5] !== 1) return null;
  const [size, count] = [header.readUInt16LE(54), header.readUInt16LE(56)];
  if (size < 56) return null;
  const table = await at(Number(header.readBigUInt64LE(32)), size * count);
  for (let entry = 0; entry < count; entry += 1) {
    const begin = entry * size;
    const length = Number(table.readBigUInt64LE(begin + 32));
    if (table.readUInt32LE(begin) !== PT_NOTE || length > mostNoteBytes) continue;
    const found = buildIdIn(await at(Number(table.readBigUInt64LE(begin + 8)), length));
    if (found !== null) return found;
  }
  return null;
}

function buildIdIn(notes: Buffer): string | null {
  for (let at = 0; at + 16 <= notes.length; ) {
    const [nameSize, size, type] = [notes.readUInt32LE(at), notes.readUInt32LE(at + 4), notes.readUInt32LE(at + 8)];
    const begin = at + 12 + Math.ceil(nameSize / 4) * 4;
    if (type === NT_GNU_BUILD_ID && notes.toString("latin1", at + 12, at + 16) === "GNU\0" && size >= 2) return notes.toString("hex", begin, begin + size);
    at = begin + Math.ceil(size / 4) * 4;
  }
  return null;
}
