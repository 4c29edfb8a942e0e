/** Notes (`Elf_Nhdr`): what a PT_NOTE segment or an SHT_NOTE section holds. */
import { type ElfForm, fieldsOf } from "./fields.ts";

export const NT_GNU_BUILD_ID = 3;

export interface Note {
  /** `CORE`, `LINUX`, `GNU`, …, without its NUL. */
  readonly name: string;
  readonly type: number;
  readonly desc: Buffer;
  /** False when the bytes end before the note does. */
  readonly whole: boolean;
}

const aligned = (value: number, to: number) => Math.ceil(value / to) * to;

/** The notes in `bytes`, in file order; ends at the first one that cannot be a note. `align` is 4, or 8 where the segment says so. */
export function* parseNotes(bytes: Buffer, form: ElfForm, align: 4 | 8 = 4): Generator<Note> {
  const fields = fieldsOf(bytes, form);
  for (let at = 0; at + 12 <= bytes.length; ) {
    const nameSize = fields.u32(at);
    const descSize = fields.u32(at + 4);
    if (nameSize > 256) return;
    const descAt = aligned(at + 12 + nameSize, align);
    const name = bytes.toString("latin1", at + 12, at + 12 + nameSize);
    const desc = bytes.subarray(descAt, descAt + descSize);
    yield { name: name.replace(/\0.*$/s, ""), type: fields.u32(at + 8), desc, whole: desc.length === descSize };
    at = aligned(descAt + descSize, align);
  }
}

const MOST_BUILD_ID_BYTES = 64;

/** Lower-case hex of the first NT_GNU_BUILD_ID; null when there is none of a plausible size. */
export function findBuildId(notes: Iterable<Note>): string | null {
  for (const note of notes) {
    if (note.name !== "GNU" || note.type !== NT_GNU_BUILD_ID || !note.whole) continue;
    if (note.desc.length >= 2 && note.desc.length <= MOST_BUILD_ID_BYTES) return note.desc.toString("hex");
  }
  return null;
}
