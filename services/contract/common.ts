/** Small schemas that every document of the API is built from. */
import { type Static, type TSchema, type TStringOptions, Type } from "typebox";

/** A value that may be unknown: `null`, never left out. */
export const Nullable = <T extends TSchema>(schema: T, description?: string) =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description });

/**
 * The same for a text that requests send. The validator turns what comes into the first type of a union that it can be made, so
 * null would become an empty text there.
 */
export const NullableText = (options: TStringOptions = {}) => Type.Unsafe<string | null>({ type: ["string", "null"], ...options });

/** An address of the inferior, lower-case hex with prefix: `0x7f98a4ac3528`. */
export const Address = Type.String({ pattern: "^0x[0-9a-f]+$", examples: ["0x7f98a4ac3528"] });

/** A GNU build-id in lower-case hex (20 bytes for SHA-1, other lengths exist). */
export const BuildId = Type.String({ pattern: "^[0-9a-f]{4,128}$" });

/** RFC 3339 in UTC with milliseconds: `2026-11-23T04:05:06.789Z`. */
export const Timestamp = Type.String({ format: "date-time" });

/** A UUIDv7, so ids sort by the time they were made. */
export const Id = Type.String({ format: "uuid" });

export const Labels = Type.Record(Type.String(), Type.String());
export type Labels = Static<typeof Labels>;
