/** How a core came packed, by its first bytes; the name never counts. */
import { sniff } from "../sniff.ts";

export type Compression = "gzip" | "zstd" | "lz4" | "xz";
/** A crash report of apport holds its core as base64 of a compressed file. */
export type Packing = Compression | "apport";

/** Null for what is not packed, or packed in a way that is not taken. */
export function packingOf(firstBytes: Buffer): Packing | null {
  const { what } = sniff(firstBytes);
  if (what.startsWith("a gzip")) return "gzip";
  if (what.startsWith("a zstd")) return "zstd";
  if (what.startsWith("an lz4")) return "lz4";
  if (what.startsWith("an xz")) return "xz";
  return what.startsWith("an apport crash report") ? "apport" : null;
}

export function compressionOf(firstBytes: Buffer): Compression | null {
  const packing = packingOf(firstBytes);
  return packing === "apport" ? null : packing;
}
