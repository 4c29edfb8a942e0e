/** `Range: bytes=…` (RFC 9110, 14.2): one range, as every client of large files sends it. */
import { Failure } from "../../contract/failure.ts";

export interface ByteRange {
  /** First and last byte, both included. */
  readonly start: number;
  readonly end: number;
}

/** Null: the whole. Several ranges, and units that are none of ours, are answered with the whole too. Throws `range_not_satisfiable`. */
export function byteRange(header: string | undefined, size: number): ByteRange | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(" ", "") ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return null;
  const [, first = "", last = ""] = match;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== "" && last !== "" && Number(last) < start) return null;
  if (start >= size || (first === "" && Number(last) === 0))
    throw new Failure("range_not_satisfiable", `Range: ${header ?? ""} lies outside of the ${size} bytes.`);
  return { start, end };
}
