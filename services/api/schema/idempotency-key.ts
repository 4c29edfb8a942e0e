/** The header by which a request that is sent again is known. */
import { Type } from "typebox";

export const IdempotencyKey = Type.String({ pattern: "^[\\x21-\\x7e]{1,255}$", description: "Visible ASCII, at most 255 characters." });
