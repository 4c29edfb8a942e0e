/** Where one section's bytes lie in a file, by its name. */
import { openFileSource } from "../elf/byte-source.ts";
import { parseElfHeader } from "../elf/elf-header.ts";
import { readSections, SHT_NOBITS } from "../elf/sections.ts";

/** Null when there is no such section, or it has no bytes in this file. */
export async function findSection(path: string, name: string): Promise<{ readonly offset: number; readonly size: number } | null> {
  await using source = await openFileSource(path);
  const header = parseElfHeader(await source.read(0, 1024));
  if (header === null) return null;
  const section = (await readSections(source, header)).find((each) => each.name === name && each.type !== SHT_NOBITS && each.size > 0);
  if (section === undefined || section.offset + section.size > source.size) return null;
  return { offset: section.offset, size: section.size };
}
