/** NT_AUXV: what the kernel told the program at its start (linux/auxvec.h). */
import { type ElfForm, fieldsOf } from "../elf/fields.ts";

const names: Readonly<Record<number, string>> = {
  3: "AT_PHDR",
  4: "AT_PHENT",
  5: "AT_PHNUM",
  6: "AT_PAGESZ",
  7: "AT_BASE",
  8: "AT_FLAGS",
  9: "AT_ENTRY",
  11: "AT_UID",
  12: "AT_EUID",
  13: "AT_GID",
  14: "AT_EGID",
  15: "AT_PLATFORM",
  16: "AT_HWCAP",
  17: "AT_CLKTCK",
  23: "AT_SECURE",
  24: "AT_BASE_PLATFORM",
  25: "AT_RANDOM",
  26: "AT_HWCAP2",
  31: "AT_EXECFN",
  33: "AT_SYSINFO_EHDR",
  51: "AT_MINSIGSTKSZ",
};

const MOST_ENTRIES = 256;

export type AuxiliaryVector = ReadonlyMap<string, bigint>;

export function parseAuxiliaryVector(desc: Buffer | undefined, form: ElfForm): AuxiliaryVector {
  const values = new Map<string, bigint>();
  if (desc === undefined) return values;
  const fields = fieldsOf(desc, form);
  const word = form.bits / 8;
  for (let at = 0; at + 2 * word <= desc.length && at < MOST_ENTRIES * 2 * word; at += 2 * word) {
    const type = Number(fields.word(at));
    if (type === 0) break;
    const name = names[type];
    if (name !== undefined && !values.has(name)) values.set(name, fields.word(at + word));
  }
  return values;
}
