/** RFC 9457 problem details, the form of every error of the API. */
import { type Static, Type } from "typebox";

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    hint: Type.String(),
    request_id: Type.String(),
  },
  { $id: "Problem", additionalProperties: true },
);
export type Problem = Static<typeof Problem>;
