/** Counts of jobs. */
import { type Static, Type } from "typebox";
import { Nullable, Timestamp } from "./common.ts";

const Span = Type.Object({ start: Timestamp, count: Type.Integer() });
const Spans = Nullable(Type.Array(Span, { description: "Spans (UTC) in which there were any, the earliest first; null without `interval`." }));

export const JobStats = Type.Object(
  {
    by: Type.Array(Type.String()),
    interval: Nullable(Type.String()),
    /** Jobs that the filters leave, each once. */
    total: Type.Integer(),
    rows: Type.Array(
      Type.Object({
        values: Type.Record(Type.String(), Nullable(Type.String()), {
          description: "By field; null for jobs without a value. `signature` is the group's hash.",
        }),
        title: Nullable(Type.String({ description: "Of the group, when counted by `signature`." })),
        count: Type.Integer(),
        spans: Spans,
      }),
      { description: "The largest counts first." },
    ),
    other: Type.Object({ rows: Type.Integer(), count: Type.Integer(), spans: Spans }, { description: "What `limit` left out, together." }),
  },
  { $id: "JobStats" },
);
export type JobStats = Static<typeof JobStats>;
