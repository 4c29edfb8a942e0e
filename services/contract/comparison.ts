/** Two crashes side by side: the crashed threads' merged stacks aligned, and what else differs. */
import { type Static, Type } from "typebox";
import { Id, Nullable } from "./common.ts";

export const ComparedFrame = Type.Object({
  /** `native` frames count by module and function, `python` ones by module and function: what another build or release shows too. */
  kind: Type.Enum(["native", "python"]),
  key: Type.String(),
  /** In which of the two stacks it stands. */
  in: Type.Enum(["both", "one", "other"]),
  /** File and line, or module and offset, in each. */
  one: Nullable(Type.String()),
  other: Nullable(Type.String()),
});
export type ComparedFrame = Static<typeof ComparedFrame>;

const Pair = Type.Object({ name: Type.String(), one: Nullable(Type.String()), other: Nullable(Type.String()) });
export type Pair = Static<typeof Pair>;

const Side = Type.Object({ job_id: Id, signature: Nullable(Type.Object({ hash: Type.String(), title: Type.String() })) });

export const Comparison = Type.Object(
  {
    one: Side,
    other: Side,
    same_signature: Type.Boolean(),
    /** Innermost first. */
    frames: Type.Array(ComparedFrame),
    common: Type.Integer({ description: "Frames that stand in both." }),
    common_innermost: Type.Integer({ description: "Of these, those that both stacks end in, from the crash outwards without a gap." }),
    common_outermost: Type.Integer({ description: "Those that both begin with, from the outermost frame inwards without a gap." }),
    /** The innermost of the frames that both begin with: behind its call the two part. Null when they have no beginning in common, or are equal. */
    part_behind: Nullable(Type.String()),
    /** More frames than are compared. */
    truncated: Type.Boolean(),
    /** Signal, executable, version of Python, how it was built: only what differs. */
    differences: Type.Array(Pair),
    /** Versions of third-party extension modules that differ, or that only one has. */
    extensions: Type.Array(Pair),
    /** Mapped files by name whose build-id differs. */
    modules: Type.Array(Pair),
    labels: Type.Array(Pair),
    diagnoses: Type.Object({ both: Type.Array(Type.String()), one: Type.Array(Type.String()), other: Type.Array(Type.String()) }),
  },
  { $id: "Comparison" },
);
export type Comparison = Static<typeof Comparison>;
