/** What is known of a stored binary. Identity is the GNU build-id; files without one are known by path and digest. */
import { type Static, Type } from "typebox";
import { BuildId, Nullable } from "./common.ts";

export const BinaryKind = Type.Enum(["executable", "shared_library", "debug"]);
export type BinaryKind = Static<typeof BinaryKind>;

/** What identifies a file without a build-id. */
export const NamelessFile = Type.Object(
  { path: Type.String({ minLength: 1, maxLength: 4_096 }), sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }) },
  { additionalProperties: false },
);
export type NamelessFile = Static<typeof NamelessFile>;

export const Binary = Type.Object(
  {
    build_id: Nullable(BuildId),
    kind: BinaryKind,
    size: Type.Integer(),
    sha256: Type.String(),
    filename: Nullable(Type.String()),
    /** Where the file lies on the machine it came from, if the upload told: the identity of a file without a build-id, with its digest. */
    path: Nullable(Type.String()),
    /** Who brought it: a user, or an upstream debuginfod server. */
    origin: Type.Enum(["upload", "debuginfod"]),
    /** What its `.gnu_debuglink` names, and the CRC-32 that the debug file must have. */
    debug_link: Nullable(Type.Object({ name: Type.String(), crc: Type.Integer() })),
    /** The supplementary file (dwz) that its `.gnu_debugaltlink` names. */
    alt_link: Nullable(Type.Object({ name: Type.String(), build_id: BuildId })),
    /** CRC-32 of a debug file. */
    crc: Nullable(Type.Integer()),
    has_symbols: Type.Boolean(),
    has_debug_info: Type.Boolean(),
  },
  { $id: "Binary" },
);
export type Binary = Static<typeof Binary>;
