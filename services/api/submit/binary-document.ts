/** A stored binary as users see it: where its bytes lie is left out. */
import type { Binary } from "../../contract/binary.ts";

export const toBinary = ({ build_id, kind, size, sha256, filename, has_symbols, has_debug_info }: Binary): Binary => ({
  build_id,
  kind,
  size,
  sha256,
  filename,
  has_symbols,
  has_debug_info,
});
