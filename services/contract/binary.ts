/** What is known of a stored binary. Identity is the GNU build-id; files without one are known by path and digest. */
import { type Static, Type } from "typebox";
import { BuildId, Nullable } from "./common.ts";

export const BinaryKind = Type.Enum(["executable", "shared_library", "debug"]);
export type BinaryKind = Static<typeof BinaryKind>;

export const Binary = Type.Object(
  {
    build_id: Nullable(BuildId),
    kind: BinaryKind,
    size: Type.Integer(),
    sha256: Type.String(),
    filename: Nullable(Type.String()),
    has_symbols: Type.Boolean(),
    has_debug_info: Type.Boolean(),
  },
  { $id: "Binary" },
);
export type Binary = Static<typeof Binary>;
