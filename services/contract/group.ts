/** A group of crashes that are taken to be the same one. */
import { type Static, Type } from "typebox";
import { Id, Nullable, NullableText, Timestamp } from "./common.ts";

export const GroupStatus = Type.Enum(["open", "resolved", "regressed", "ignored"]);
export type GroupStatus = Static<typeof GroupStatus>;

/** A value and how many of the group's jobs have it, the commonest first. */
export const Counted = Type.Object({ value: Type.String(), count: Type.Integer() });
export type Counted = Static<typeof Counted>;

export const Trend = Type.Object({
  /** Jobs of the last seven days, today included, and of the seven before. */
  last_7_days: Type.Integer(),
  previous_7_days: Type.Integer(),
  direction: Type.Enum(["new", "growing", "steady", "falling", "quiet"]),
});
export type Trend = Static<typeof Trend>;

const summary = {
  signature: Type.Object({ hash: Type.String(), title: Type.String() }),
  /** Of the jobs that the filters leave. */
  count: Type.Integer(),
  first_seen: Timestamp,
  last_seen: Timestamp,
  executables: Type.Array(Type.String()),
  python_versions: Type.Array(Type.String()),
  trend: Trend,
  status: GroupStatus,
  /** The release that a resolved group was resolved in. */
  resolved_in: Nullable(Type.String()),
  note: Nullable(Type.String()),
  issue_url: Nullable(Type.String()),
  links: Type.Object({ self: Type.String(), jobs: Type.String() }),
};

export const GroupSummary = Type.Object(summary, { $id: "GroupSummary" });
export type GroupSummary = Static<typeof GroupSummary>;

export const RelatedGroup = Type.Object({
  hash: Type.String(),
  title: Type.String(),
  /** 1 for equal stacks, 0 for stacks with nothing in common. */
  similarity: Type.Number(),
});
export type RelatedGroup = Static<typeof RelatedGroup>;

export const Group = Type.Object(
  {
    ...summary,
    /** By hash: those that rules or people put together. */
    signatures: Type.Array(Type.Object({ hash: Type.String(), title: Type.String(), count: Type.Integer(), placed_by_hand: Type.Boolean() })),
    resolved_at: Nullable(Timestamp),
    regressed_at: Nullable(Timestamp),
    extensions: Type.Array(Counted),
    /** By label name, the commonest values of each. */
    labels: Type.Record(Type.String(), Type.Array(Counted)),
    /** Days (UTC) on which there were any, oldest first. */
    histogram: Type.Array(Type.Object({ day: Type.String(), count: Type.Integer() })),
    related: Type.Array(RelatedGroup),
    /** The newest job of the group whose report is still there. */
    example: Nullable(Type.Object({ job_id: Id, report: Type.String() })),
  },
  { $id: "Group" },
);
export type Group = Static<typeof Group>;

export const GroupChange = Type.Object(
  {
    status: Type.Optional(Type.Enum(["open", "resolved", "ignored"], { description: "`regressed` is set by the service alone." })),
    resolved_in: Type.Optional(
      NullableText({
        minLength: 1,
        maxLength: 200,
        description: "With `resolved`: the release that has the remedy. A crash of it, or of a later one, makes the group `regressed`.",
      }),
    ),
    note: Type.Optional(NullableText({ maxLength: 10_000 })),
    issue_url: Type.Optional(NullableText({ maxLength: 2_000, pattern: "^https?://[^\\s]+$" })),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type GroupChange = Static<typeof GroupChange>;
