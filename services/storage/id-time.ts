/** The time in an id: a UUIDv7 begins with 48 bits of Unix milliseconds (RFC 9562), so ids and times are in one order. */

/** Milliseconds. */
export const timeOfId = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

const latest = 2 ** 48 - 1;

/** The smallest id of this millisecond and later ones. */
export function firstIdAt(milliseconds: number): string {
  const digits = Math.min(Math.max(Math.ceil(milliseconds), 0), latest)
    .toString(16)
    .padStart(12, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}-0000-0000-000000000000`;
}
