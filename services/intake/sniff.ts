/**
 * What a file is, by its first bytes. They decide whether an upload is taken; the name never does.
 */
import { Failure } from "../contract/failure.ts";
import { ET_CORE, ET_DYN, ET_EXEC, ET_REL, parseElfHeader } from "./elf/elf-header.ts";

/** As many bytes as `sniff` wants to see; fewer will do for a shorter file. */
export const SNIFF_BYTES = 512;

export type FileKind = "empty" | "elf_core" | "elf_damaged" | "elf_other" | "compressed" | "archive" | "other" | "text" | "unknown";

export interface Sniffed {
  readonly kind: FileKind;
  /** With its article, to follow "looks like". */
  readonly what: string;
}

const hexBytes = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Magic numbers at the start of a file. */
const magics: readonly (readonly [magic: Buffer, kind: FileKind, what: string])[] = [
  [Buffer.from("MDMP"), "other", "a Windows minidump"],
  [Buffer.from("PAGEDU64"), "other", "a Windows kernel dump"],
  [Buffer.from("PAGEDUMP"), "other", "a Windows kernel dump"],
  [Buffer.from("MZ"), "other", "a Windows program (PE)"],
  [hexBytes("1f8b"), "compressed", "a gzip file"],
  [hexBytes("28b52ffd"), "compressed", "a zstd file"],
  [hexBytes("fd377a585a00"), "compressed", "an xz file"],
  [hexBytes("04224d18"), "compressed", "an lz4 file"],
  [hexBytes("02214c18"), "compressed", "an lz4 file (legacy frame)"],
  [Buffer.from("BZh"), "compressed", "a bzip2 file"],
  [hexBytes("5d000080"), "compressed", "an lzma file"],
  [hexBytes("894c5a4f000d0a1a0a"), "compressed", "an lzop file"],
  [Buffer.from("PK\x03\x04"), "archive", "a zip archive"],
  [Buffer.from("PK\x05\x06"), "archive", "an empty zip archive"],
  [hexBytes("377abcaf271c"), "archive", "a 7z archive"],
  [Buffer.from("!<arch>\n"), "archive", "an ar archive (a .a or .deb file)"],
  [hexBytes("edabeedb"), "archive", "an RPM package"],
  [Buffer.from("KDUMP   "), "other", "a kernel crash dump (kdump)"],
  [Buffer.from("JAVA PROFILE"), "other", "a Java heap dump"],
  [Buffer.from("%PDF-"), "other", "a PDF document"],
  [hexBytes("89504e470d0a1a0a"), "other", "a PNG image"],
  [hexBytes("cafed00d"), "other", "a compressed Java archive"],
];

const MH_CORE = 4;
/** Mach-O's magic number in both word sizes and byte orders; `cafebabe` is a universal file, or a Java class. */
function machO(bytes: Buffer): string | null {
  const magic = bytes.length >= 16 ? bytes.readUInt32BE(0) : 0;
  const swapped = magic === 0xcefaedfe || magic === 0xcffaedfe;
  if (swapped || magic === 0xfeedface || magic === 0xfeedfacf) {
    const type = swapped ? bytes.readUInt32LE(12) : bytes.readUInt32BE(12);
    return type === MH_CORE ? "a Mach-O core (macOS)" : "a Mach-O file (macOS), not a core";
  }
  if (magic !== 0xcafebabe && magic !== 0xcafebabf && magic !== 0xbebafeca) return null;
  return bytes.readUInt32BE(4) < 45 ? "a universal Mach-O file (macOS)" : "a Java class file";
}

const elfTypes: Readonly<Record<number, string>> = {
  [ET_REL]: "an ELF object file, not a core",
  [ET_EXEC]: "an ELF executable, not a core",
  [ET_DYN]: "an ELF executable or shared library, not a core",
};

function elf(bytes: Buffer): Sniffed | null {
  if (bytes.toString("latin1", 0, 4) !== "\x7fELF") return null;
  const header = parseElfHeader(bytes);
  if (header === null) return { kind: "elf_damaged", what: "an ELF file whose header is cut off or damaged" };
  if (header.type === ET_CORE) return { kind: "elf_core", what: "an ELF core" };
  return { kind: "elf_other", what: elfTypes[header.type] ?? `an ELF file of the unknown type ${header.type}` };
}

/** True when the bytes can be UTF-8 or Latin text: no control characters but blanks, tabs, line ends, form feeds and escapes. */
export function looksLikeText(bytes: Buffer): boolean {
  return !bytes.some((byte) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127);
}

function text(bytes: Buffer): Sniffed | null {
  if (/^(?:\xff\xfe|\xfe\xff)/.test(bytes.toString("latin1", 0, 2))) return { kind: "text", what: "a text in UTF-16" };
  if (!looksLikeText(bytes)) return null;
  const start = bytes
    .toString("utf8")
    .replace(/^\ufeff/, "")
    .trimStart();
  if (start === "") return { kind: "text", what: "blank lines" };
  if (/^(?:<!doctype html|<html|<head|<body)/i.test(start)) return { kind: "text", what: "an HTML page (perhaps an error page instead of the file)" };
  if (/^<\?xml|^<[a-z]/i.test(start)) return { kind: "text", what: "an XML document" };
  if (/^ProblemType: *Crash/m.test(start)) return { kind: "text", what: "an apport crash report" };
  if (/^[[{]/.test(start)) return { kind: "text", what: "a JSON document" };
  if (start.startsWith("#!")) return { kind: "text", what: "a script" };
  if (start.startsWith("version https://git-lfs")) return { kind: "text", what: "a Git LFS pointer instead of the file" };
  return { kind: "text", what: "a text" };
}

export function sniff(bytes: Buffer): Sniffed {
  if (bytes.length === 0) return { kind: "empty", what: "an empty file" };
  const [, kind, what] = magics.find(([magic]) => bytes.subarray(0, magic.length).equals(magic)) ?? [];
  if (kind !== undefined && what !== undefined) return { kind, what };
  if (bytes.toString("latin1", 257, 262) === "ustar") return { kind: "archive", what: "a tar archive" };
  const mach = machO(bytes);
  if (mach !== null) return { kind: "other", what: mach };
  if (bytes.every((byte) => byte === 0)) return { kind: "unknown", what: "zeros (a hole where the file should be)" };
  return elf(bytes) ?? text(bytes) ?? { kind: "unknown", what: "unknown binary data" };
}

/** `a gzip file`, `an HTML page …`: for the details of failures. */
export const looksLike = (bytes: Buffer): string => sniff(bytes).what;

const named = (filename: string | null) => (filename === null ? "the file" : JSON.stringify(filename.slice(0, 200)));

/** Passes for the first bytes of an ELF core; throws `core_empty`, `core_malformed` or `not_a_core` with what it looks like. */
export function requireCore(firstBytes: Buffer, filename: string | null): void {
  const { kind, what } = sniff(firstBytes);
  if (kind === "elf_core") return;
  if (kind === "empty") throw new Failure("core_empty", `${named(filename)} has no bytes`);
  if (kind === "elf_damaged") throw new Failure("core_malformed", `${named(filename)} looks like ${what}`);
  const hint = hints[kind] ?? (what.includes("Windows") || what.includes("macOS") ? "Inquest reads ELF cores, as Linux writes them." : undefined);
  const detail = `${named(filename)} looks like ${what}`;
  throw new Failure("not_a_core", detail, hint === undefined ? {} : { hint });
}

const hints: Partial<Readonly<Record<FileKind, string>>> = {
  elf_other: "Send the core that the crash left as `core`, and this file as `binary`.",
  compressed: "Send it as gzip, zstd, lz4 or xz, or uncompressed.",
  archive: "Take the core out of the archive and send it alone.",
};

/** An ELF file that is no core, by its first bytes. */
export const isBinary = (firstBytes: Buffer): boolean => sniff(firstBytes.subarray(0, SNIFF_BYTES)).kind === "elf_other";

/** Passes for the first bytes of an ELF file that is no core; throws `not_a_binary` with what it looks like. */
export function requireBinary(firstBytes: Buffer, filename: string | null): void {
  const { kind, what } = sniff(firstBytes);
  if (kind === "elf_other") return;
  const hint = kind === "elf_core" ? { hint: "Send a core as the part `core` of POST /v1/jobs." } : {};
  throw new Failure("not_a_binary", `${named(filename)} looks like ${what}`, hint);
}

/** Passes for the first bytes of a text, and for an empty file; throws `attachment_not_text`. */
export function requireText(firstBytes: Buffer, filename: string | null): void {
  if (firstBytes.length === 0 || looksLikeText(firstBytes)) return;
  throw new Failure("attachment_not_text", `${named(filename)} looks like ${looksLike(firstBytes)}`);
}
