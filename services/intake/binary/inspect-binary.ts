/**
 * A binary's facts: build-id, kind, what it carries for a debugger.
 *
 * Told from headers only, never by running or loading the file. A file without section headers is still known by its
 * program headers; one without either is `not_a_binary`.
 */
import { crc32 } from "node:zlib";
import { Failure } from "../../contract/failure.ts";
import type { Warning } from "../../contract/report.ts";
import { type ByteSource, openFileSource } from "../elf/byte-source.ts";
import { ET_CORE, ET_DYN, ET_EXEC, ET_REL, type ElfHeader, machineName, parseElfHeader } from "../elf/elf-header.ts";
import { HEAD_BYTES, headDigest } from "../elf/file-head.ts";
import { fieldsOf, textAt } from "../elf/fields.ts";
import { findBuildId, parseNotes } from "../elf/notes.ts";
import { PT_INTERP, PT_NOTE, type ProgramHeader, readProgramHeaders } from "../elf/program-headers.ts";
import { SHF_ALLOC, SHT_NOBITS, SHT_NOTE, SHT_SYMTAB, type Section, readSections } from "../elf/sections.ts";
import { looksLike } from "../sniff.ts";
import type { BinaryFacts } from "./binary-facts.ts";
import { DF_1_PIE, type DynamicFacts, noDynamic, readDynamicFacts } from "./dynamic-section.ts";

const MOST_NOTE_BYTES = 1 << 20;
const MOST_LINK_BYTES = 8192;
const CRC_CHUNK = 1 << 20;

export async function inspectBinaryFile(path: string): Promise<BinaryFacts> {
  await using source = await openFileSource(path);
  return await inspectBinary(source);
}

export async function inspectBinary(source: ByteSource): Promise<BinaryFacts> {
  const header = await readHeader(source);
  const { headers, promised } = await readProgramHeaders(source, header);
  const sections = await readSections(source, header);
  const kept = new Map(sections.filter((each) => each.type !== SHT_NOBITS && each.size > 0).map((each) => [each.name, each]));
  const isDebug = isDebugFile(header, sections);
  const dynamic = isDebug ? noDynamic : await readDynamicFacts(source, header, headers);
  const interpreter = isDebug ? null : await readInterpreter(source, headers);
  return {
    machine: machineName(header),
    bits: header.bits,
    byteOrder: header.byteOrder,
    size: source.size,
    buildId: await readBuildId(source, header, headers, sections),
    kind: isDebug ? "debug" : isExecutable(header, interpreter, dynamic) ? "executable" : "shared_library",
    hasSymbols: [...kept.values()].some((each) => each.type === SHT_SYMTAB),
    hasDebugInfo: kept.has(".debug_info") || kept.has(".zdebug_info"),
    hasMiniDebugInfo: kept.has(".gnu_debugdata"),
    holdsPython: sections.some((each) => each.name === ".PyRuntime") || /^libpython[23]/.test(dynamic.soname ?? ""),
    soname: dynamic.soname,
    interpreter,
    debugLink: await readDebugLink(source, header, kept.get(".gnu_debuglink")),
    altLink: await readAltLink(source, kept.get(".gnu_debugaltlink")),
    crc: isDebug ? await crcOf(source) : null,
    head: isDebug ? null : await readHead(source, header),
    warnings: warningsOf(source, header, headers, promised, sections),
  };
}

async function readHeader(source: ByteSource): Promise<ElfHeader> {
  const bytes = await source.read(0, 1024);
  const header = parseElfHeader(bytes);
  if (header !== null && header.type !== ET_CORE) return header;
  throw new Failure("not_a_binary", header === null ? `the file looks like ${looksLike(bytes)}` : "the file is a core dump; send it as the `core` part");
}

/** What `objcopy --only-keep-debug` and dwz leave: debug sections, or a symbol table, and no code that is really there. */
function isDebugFile(header: ElfHeader, sections: readonly Section[]): boolean {
  if (header.type === ET_REL) return sections.some((each) => each.name.startsWith(".debug_"));
  const tells = sections.some((each) => each.name.startsWith(".debug_") || each.name.startsWith(".zdebug_") || each.type === SHT_SYMTAB);
  const loaded = sections.filter((each) => (each.flags & BigInt(SHF_ALLOC)) !== 0n && each.type !== SHT_NOTE && each.size > 0);
  return tells && loaded.every((each) => each.type === SHT_NOBITS);
}

/** A PIE is an ET_DYN with DF_1_PIE; old linkers leave the flag out, and then PT_INTERP without a soname tells. */
function isExecutable(header: ElfHeader, interpreter: string | null, dynamic: DynamicFacts): boolean {
  if (header.type === ET_EXEC) return true;
  if (header.type !== ET_DYN) return false;
  return (dynamic.flags1 & DF_1_PIE) !== 0 || (interpreter !== null && dynamic.soname === null);
}

async function readInterpreter(source: ByteSource, headers: readonly ProgramHeader[]): Promise<string | null> {
  const segment = headers.find((each) => each.type === PT_INTERP);
  const bytes = segment === undefined ? null : await source.read(segment.offset, Math.min(segment.filesz, 4096));
  return bytes === null ? null : textAt(bytes, 0) || null;
}

/** From the note sections, which a debug file keeps, else from PT_NOTE, which a file without sections keeps. */
async function readBuildId(source: ByteSource, header: ElfHeader, headers: readonly ProgramHeader[], sections: readonly Section[]): Promise<string | null> {
  const places = [
    ...sections.filter((each) => each.type === SHT_NOTE).map(({ offset, size, align }) => ({ offset, size, align })),
    ...headers.filter((each) => each.type === PT_NOTE).map(({ offset, filesz, align }) => ({ offset, size: filesz, align: Number(align) })),
  ];
  for (const { offset, size, align } of places.slice(0, 256)) {
    const bytes = await source.read(offset, Math.min(size, MOST_NOTE_BYTES));
    const buildId = findBuildId(parseNotes(bytes, header, align === 8 ? 8 : 4));
    if (buildId !== null) return buildId;
  }
  return null;
}

/** `.gnu_debuglink`: a name with its NUL, padded to four bytes, and the CRC-32 of the debug file. */
async function readDebugLink(source: ByteSource, header: ElfHeader, section: Section | undefined): Promise<BinaryFacts["debugLink"]> {
  if (section === undefined) return null;
  const bytes = await source.read(section.offset, Math.min(section.size, MOST_LINK_BYTES));
  const name = textAt(bytes, 0);
  if (name === "" || bytes.length < 8) return null;
  return { name, crc: fieldsOf(bytes, header).u32(Math.ceil((Buffer.byteLength(name) + 1) / 4) * 4) };
}

/** `.gnu_debugaltlink`: a name with its NUL, then the bytes of the supplementary file's build-id. */
async function readAltLink(source: ByteSource, section: Section | undefined): Promise<BinaryFacts["altLink"]> {
  if (section === undefined) return null;
  const bytes = await source.read(section.offset, Math.min(section.size, MOST_LINK_BYTES));
  const end = bytes.indexOf(0);
  const id = end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 1);
  return id.length < 2 || id.length > 64 ? null : { name: textAt(bytes, 0), buildId: id.toString("hex") };
}

/** As it is mapped: zeros behind the end of a file of less than a page. */
async function readHead(source: ByteSource, header: ElfHeader): Promise<string | null> {
  const page = Buffer.alloc(HEAD_BYTES);
  (await source.read(0, HEAD_BYTES)).copy(page);
  return headDigest(page, header);
}

async function crcOf(source: ByteSource): Promise<number> {
  let crc = 0;
  for (let at = 0; at < source.size; ) {
    const bytes = await source.read(at, CRC_CHUNK);
    if (bytes.length === 0) break;
    crc = crc32(bytes, crc);
    at += bytes.length;
  }
  return crc;
}

function warningsOf(source: ByteSource, header: ElfHeader, headers: readonly ProgramHeader[], promised: number, sections: readonly Section[]): Warning[] {
  const kept = sections.filter((each) => each.type !== SHT_NOBITS);
  const end = kept.reduce((most, each) => Math.max(most, each.offset + each.size), header.shoff);
  const truncated = end > source.size || headers.length < promised || (header.shoff > 0 && sections.length === 0);
  return truncated ? [{ code: "truncated_binary", detail: "the file is shorter than its headers promise" }] : [];
}
