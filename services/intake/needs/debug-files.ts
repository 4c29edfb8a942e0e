/**
 * Debug files that no build-id finds: by the name and the CRC-32 of `.gnu_debuglink`. Pure.
 *
 * A file of the right name with another CRC belongs to another build: it is told and never shown to gdb.
 */
import type { Warning } from "../../contract/report.ts";
import type { NewBinary } from "../../storage/binary-store.ts";
import type { Choice } from "./choose-binaries.ts";

export interface DebugFiles {
  /** By the chosen file: the debug file that its `.gnu_debuglink` names. */
  readonly linked: ReadonlyMap<NewBinary, NewBinary>;
  /** Supplementary files (dwz), by the build-id that `.gnu_debugaltlink` names. */
  readonly supplements: readonly NewBinary[];
}

const crcText = (crc: number | null) => (crc === null ? "unknown" : `0x${crc.toString(16).padStart(8, "0")}`);

export interface LinkedDebugFiles {
  readonly choices: readonly Choice[];
  readonly linked: ReadonlyMap<NewBinary, NewBinary>;
  readonly warnings: readonly Warning[];
}

/** `candidates` are debug files, those to be preferred first. */
export function debugFilesOf(chosen: readonly Choice[], candidates: readonly NewBinary[]): LinkedDebugFiles {
  const linked = new Map<NewBinary, NewBinary>();
  const warnings: Warning[] = [];
  const choices = chosen.map((choice): Choice => {
    const { file, module } = choice;
    if (file?.debug_link == null || choice.debugFile !== null) return choice;
    const { name, crc } = file.debug_link;
    const named = candidates.filter((each) => each.filename === name);
    const debugFile = named.find((each) => each.crc === crc) ?? null;
    if (debugFile !== null) {
      linked.set(file, debugFile);
      return { ...choice, debugFile };
    }
    // Names such as `crtstuff.debug` may belong to another folder's file: only those that came for this one are told.
    const other = named[0];
    if (other === undefined) return choice;
    warnings.push({
      code: "debug_link_mismatch",
      detail: `the debug file ${name} has CRC ${crcText(other.crc)}, ${module.path} wants ${crcText(crc)}; it was not used`,
    });
    return { ...choice, rejected: [...choice.rejected, ...named] };
  });
  return { choices, linked, warnings };
}
