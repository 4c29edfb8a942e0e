/**
 * A core's facts, from its headers, its notes and a few of its dumped pages.
 *
 * Reads kilobytes of a file of any size and never believes a count. Damage yields what is left, with warnings; the only
 * failures are `not_a_core` and `core_malformed`, when there is no header to begin with.
 */
import { Failure } from "../../contract/failure.ts";
import type { Warning } from "../../contract/report.ts";
import { type ByteSource, openFileSource } from "../elf/byte-source.ts";
import { ET_CORE, type ElfHeader, machineName, parseElfHeader } from "../elf/elf-header.ts";
import { hex } from "../elf/fields.ts";
import { PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE, type ProgramHeader, readProgramHeaders } from "../elf/program-headers.ts";
import { type AuxiliaryVector, parseAuxiliaryVector } from "./auxiliary-vector.ts";
import { readStarted } from "./command-line.ts";
import { codeOnStacks } from "./code-on-stacks.ts";
import type { CoreFacts, CoreModule, CoreSegment } from "./core-facts.ts";
import { type CoreMemory, coreMemory } from "./core-memory.ts";
import { type CoreNotes, NT_AUXV, NT_FILE, NT_PRPSINFO, NT_PRSTATUS, NT_SIGINFO, readCoreNotes } from "./core-notes.ts";
import { walkLinkMap } from "./link-map.ts";
import { guessMaker } from "./made-by.ts";
import { parseMappedFiles } from "./mapped-files.ts";
import { type FoundModule, findModules, findVdso, withKinds } from "./modules.ts";
import { parseProcessInfo, parseSignalInfo, parseThread, signalOf } from "./process-notes.ts";

const MOST_PATH = 4096;

export async function inspectCoreFile(path: string): Promise<CoreFacts> {
  await using source = await openFileSource(path);
  return await inspectCore(source);
}

export async function inspectCore(source: ByteSource): Promise<CoreFacts> {
  const header = await readHeader(source);
  const { headers, promised } = await readProgramHeaders(source, header);
  if (headers.length === 0) throw new Failure("core_malformed", `the file has ${source.size} bytes and none of its ${promised} program headers`);
  const loads = headers.filter((each) => each.type === PT_LOAD && each.memsz > 0n);
  const notes = await readCoreNotes(
    source,
    header,
    headers.filter((each) => each.type === PT_NOTE),
  );
  const memory = coreMemory(source, header, loads);
  const auxv = parseAuxiliaryVector(notes.of(NT_AUXV)[0], header);
  const process = processFacts(notes, header);
  const found = await moduleFacts(notes, memory, auxv, loads, process.info?.name || null);
  const executable = found.modules.find((each) => each.kind === "executable")?.path ?? (await textOf(memory, auxv, "AT_EXECFN"));
  const started = await readStarted(memory, auxv, notes.of(NT_AUXV)[0]);
  const missingBytes = headers.reduce((most, each) => Math.max(most, beyond(each, source.size)), 0);
  const onStacks = await codeOnStacks(notes.of(NT_PRSTATUS), machineName(header), header, found.modules, memory);
  const madeBy = guessMaker(notes, header.shnum > 1, found.modules);
  const facts: CoreFacts = {
    machine: machineName(header),
    bits: header.bits,
    byteOrder: header.byteOrder,
    size: source.size,
    madeBy,
    processAlive: process.signal === null || (madeBy === "gcore" && !isFatal(process.signal.number)),
    pid: process.pid,
    uid: process.uid,
    gid: process.gid,
    name: process.info?.name || null,
    executable,
    executableName: executable?.split("/").at(-1) || process.info?.name || null,
    ...commandLineFacts(started.commandLine, process.info?.psargs ?? ""),
    environment: started.environment,
    signal: process.signal,
    crashedLwp: process.threads[0]?.lwp ?? null,
    threads: process.threads,
    auxv: Object.fromEntries([...auxv].map(([name, value]) => [name, hex(value)])),
    platform: await textOf(memory, auxv, "AT_PLATFORM"),
    segments: loads.map(toSegment),
    ...found,
    codeOnStacks: onStacks?.map((module) => module.start) ?? null,
    missingBytes,
    warnings: [],
  };
  return { ...facts, warnings: warningsOf(facts, notes, promised - headers.length) };
}

async function readHeader(source: ByteSource): Promise<ElfHeader> {
  if (source.size === 0) throw new Failure("core_empty", "the file has no bytes");
  const bytes = await source.read(0, 64);
  const header = parseElfHeader(bytes);
  if (header === null && bytes.subarray(0, 4).equals(Buffer.from("\x7fELF", "latin1"))) {
    throw new Failure("core_malformed", `the file has ${source.size} bytes and no whole ELF header of a known class and byte order`);
  }
  if (header === null) throw new Failure("not_a_core", "the file is no ELF file");
  if (header.type !== ET_CORE) throw new Failure("not_a_core", `the file is an ELF file of type ${header.type}, not a core`);
  return header;
}

function processFacts(notes: CoreNotes, header: ElfHeader) {
  const written = notes.of(NT_PRPSINFO).map((desc) => parseProcessInfo(desc, header))[0] ?? null;
  const threads = notes.of(NT_PRSTATUS).flatMap((desc) => parseThread(desc, header) ?? []);
  const sent = notes.of(NT_SIGINFO).flatMap((desc) => parseSignalInfo(desc, header) ?? [])[0] ?? null;
  const [crashed] = threads;
  const plain = crashed === undefined ? null : signalOf(crashed);
  // The first NT_PRSTATUS decides which signal it was, NT_SIGINFO adds to it. Alone it counts only when it is deadly: gcore
  // stops a live process, and its NT_SIGINFO tells of that stop.
  const matches = plain === null ? isFatal(sent?.number ?? 0) : plain.number === sent?.number;
  const signal = matches ? sent : plain;
  // valgrind leaves pid, uid and gid zero; of a single thread the LWP is the pid.
  const known = written !== null && written.pid > 0;
  const pid = known ? written.pid : threads.length === 1 && crashed !== undefined ? crashed.lwp : null;
  return { info: written, pid, uid: known ? written.uid : null, gid: known ? written.gid : null, threads, signal };
}

/** `name` stands for the executable's path where nothing tells it. */
async function moduleFacts(notes: CoreNotes, memory: CoreMemory, auxv: AuxiliaryVector, loads: readonly ProgramHeader[], name: string | null) {
  const mappings = parseMappedFiles(notes.of(NT_FILE)[0], memory);
  const vdso = await findVdso(auxv, memory);
  if (mappings.length > 0) {
    const { modules, otherFiles } = await findModules(mappings, memory);
    return { modules: withKinds([...modules, ...(vdso === null ? [] : [vdso])], auxv).map(withoutImage), otherFiles, modulesSource: "nt_file" as const };
  }
  const linked = await walkLinkMap(memory, auxv, loads, (await textOf(memory, auxv, "AT_EXECFN")) ?? name);
  const missed = vdso !== null && !linked.some((each) => each.start === vdso.start) ? [vdso] : [];
  const modules = withKinds([...linked, ...missed], auxv).map(withoutImage);
  return { modules, otherFiles: [], modulesSource: linked.length > 0 ? ("link_map" as const) : null };
}

const withoutImage = ({ image: _image, ...module }: FoundModule): CoreModule => module;

async function textOf(memory: CoreMemory, auxv: AuxiliaryVector, name: string): Promise<string | null> {
  const address = auxv.get(name);
  return address === undefined ? null : (await memory.text(address, MOST_PATH)) || null;
}

function commandLineFacts(argv: readonly string[] | null, psargs: string): Pick<CoreFacts, "commandLine" | "commandLineSource"> {
  if (argv !== null) return { commandLine: argv, commandLineSource: "stack" };
  const parts = psargs.split(" ").filter((part) => part !== "");
  return parts.length === 0 ? { commandLine: null, commandLineSource: null } : { commandLine: parts, commandLineSource: "psargs" };
}

/** Signals whose default is to end the process with a core. */
const isFatal = (signal: number) => [3, 4, 6, 7, 8, 11, 24, 25, 31].includes(signal);

/** Bytes of the segment that lie beyond the end of the file; 0 for a header that no file can keep. */
function beyond(segment: ProgramHeader, size: number): number {
  const bytes = segment.offset + segment.filesz - size;
  return Number.isSafeInteger(bytes) ? bytes : 0;
}

const toSegment = (each: ProgramHeader): CoreSegment => ({
  start: hex(each.vaddr),
  end: hex(each.vaddr + each.memsz),
  offset: each.offset,
  fileSize: each.filesz,
  readable: (each.flags & PF_R) !== 0,
  writable: (each.flags & PF_W) !== 0,
  executable: (each.flags & PF_X) !== 0,
});

function warningsOf(facts: CoreFacts, notes: CoreNotes, headersMissing: number): Warning[] {
  const warnings: Warning[] = [];
  const warn = (code: string, detail: string) => warnings.push({ code, detail });
  if (facts.missingBytes > 0) warn("truncated_core", `the headers promise ${facts.missingBytes} bytes more than the file has`);
  if (headersMissing > 0) warn("program_headers_missing", `${headersMissing} program headers could not be read`);
  if (!notes.whole) warn("notes_truncated", "the notes end early; threads and mapped files may be missing");
  if (facts.threads.length === 0) warn("threads_missing", "the core has no NT_PRSTATUS, so no thread is known");
  if (notes.of(NT_PRPSINFO).length === 0) warn("process_info_missing", "the core has no NT_PRPSINFO, so its name and command line may not be known");
  if (facts.modulesSource === null) warn("mapped_files_missing", "the core has no NT_FILE and no readable link map, so the mapped files are not known");
  if (facts.modulesSource === "link_map") warn("mapped_files_from_link_map", "the core has no NT_FILE; the mapped files come from the dynamic linker's list");
  return warnings;
}
