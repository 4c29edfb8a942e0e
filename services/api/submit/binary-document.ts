/** A stored binary as users see it: where its bytes lie is left out. */
import type { Binary } from "../../contract/binary.ts";
import type { StoredBinary } from "../../storage/binary-store.ts";

export function toBinary({ blob: _blob, created_at: _since, index_blob: _index, ...binary }: StoredBinary): Binary {
  return binary;
}
