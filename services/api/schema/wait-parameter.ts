/** `?wait=`: the answer is held for what is still under way. */
import { Type } from "typebox";
import type { Limits } from "../../contract/limits.ts";

/** `what` ends the sentence "Holds the answer until …". */
export const waitParameter = ({ wait_seconds }: Pick<Limits, "wait_seconds">, what: string, usual = 0) =>
  Type.Optional(
    Type.Integer({ minimum: 0, maximum: wait_seconds, default: usual, description: `Holds the answer until ${what}, for at most so many seconds.` }),
  );
