/** One file inside an archive, as the readers hand it over: a name to show and match, and bytes to read once. */
import type { ChunkSource } from "../receive/chunk-source.ts";

export interface ArchiveEntry {
  /** As the archive has it. Nothing is ever opened by it. */
  readonly name: string;
  /** To be read to its end, or left alone: what is left is skipped. */
  readonly body: ChunkSource;
}

/** The machine's path of an entry: archives are made from `/` or from a folder of libraries; only the first kind can be told. */
export function entryPath(name: string): string | null {
  const parts = name.replace(/^(\.?\/)+/, "").split("/");
  return parts.length < 2 || parts.some((part) => part === ".." || part === "") ? null : `/${parts.join("/")}`;
}
