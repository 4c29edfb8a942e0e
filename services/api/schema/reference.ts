/** A named schema of the contract, referred to by name: it stands once in `/openapi.json`, under components. */
import { type Static, type TSchema, Type } from "typebox";

export function reference<T extends TSchema>(schema: T) {
  if (!("$id" in schema) || typeof schema.$id !== "string") throw new TypeError("a schema without $id cannot be referred to");
  return Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` });
}
