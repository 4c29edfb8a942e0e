/** NT_FILE: the file mappings, as `fill_files_note` of the kernel's fs/binfmt_elf.c writes them. */
import { type ElfForm, fieldsOf } from "../elf/fields.ts";

export interface FileMapping {
  readonly path: string;
  readonly start: bigint;
  readonly end: bigint;
  /** Bytes into the file. */
  readonly offset: number;
}

const MOST_PATH = 4096;
/** Linux maps at most 65,530 ranges by default; some systems raise it. */
const MOST_ROWS = 131_072;

/** `long count, page_size; struct { long start, end, file_ofs_in_pages; } [count]; char names[]`, each name with its NUL. Rows cut off are left out. */
export function parseMappedFiles(desc: Buffer | undefined, form: ElfForm): readonly FileMapping[] {
  if (desc === undefined) return [];
  const fields = fieldsOf(desc, form);
  const word = form.bits / 8;
  const promised = Number(fields.word(0));
  const pageSize = fields.word(word);
  const fits = Math.floor((desc.length - 2 * word) / (3 * word + 1));
  if (promised > fits) return [];
  const mappings: FileMapping[] = [];
  let nameAt = (2 + 3 * promised) * word;
  for (let row = 0; row < Math.min(promised, MOST_ROWS) && nameAt < desc.length; row += 1) {
    const at = (2 + 3 * row) * word;
    const nul = desc.indexOf(0, nameAt);
    const nameEnd = nul < 0 ? desc.length : nul;
    const path = desc.toString("utf8", nameAt, Math.min(nameEnd, nameAt + MOST_PATH));
    const [start, end] = [fields.word(at), fields.word(at + word)];
    if (end > start) mappings.push({ path, start, end, offset: Number(fields.word(at + 2 * word) * pageSize) });
    nameAt = nameEnd + 1;
  }
  return mappings.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}
