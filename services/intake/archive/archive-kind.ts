/** Which kind of archive or compressed file the first bytes begin. */
export type ArchiveKind = "tar" | "gzip" | "zstd" | "zip";

/** Bytes of a tar header, where its magic stands. */
export const TAR_BLOCK = 512;

export function archiveKind(bytes: Buffer): ArchiveKind | null {
  const magic = bytes.toString("hex", 0, 4);
  if (magic.startsWith("1f8b")) return "gzip";
  if (magic === "28b52ffd") return "zstd";
  if (magic === "504b0304" || magic === "504b0506") return "zip";
  return bytes.toString("latin1", 257, 262) === "ustar" ? "tar" : null;
}
