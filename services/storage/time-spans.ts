/** Spans of time in UTC: hours, days and weeks (which begin on Mondays), one or several of them. */
import { Failure } from "../contract/failure.ts";

export interface Spans {
  /** Spans are numbered in the order of time. */
  numberOf(milliseconds: number): number;
  /** RFC 3339. */
  startOf(number: number): string;
}

const hour = 3_600_000;
const day = 24 * hour;
const units: ReadonlyMap<string, { readonly length: number; readonly shift: number }> = new Map([
  ["h", { length: hour, shift: 0 }],
  ["d", { length: day, shift: 0 }],
  // 1970-01-01 was a Thursday.
  ["w", { length: 7 * day, shift: 3 * day }],
]);

export const spanPattern = "^[1-9][0-9]{0,2}[hdw]$";

export function parseSpans(text: string): Spans {
  const unit = units.get(text.slice(-1));
  const count = Number(text.slice(0, -1));
  if (!new RegExp(spanPattern).test(text) || unit === undefined)
    throw new Failure("invalid_parameter", `interval=${JSON.stringify(text.slice(0, 50))} is no number of hours, days or weeks such as 1h, 1d or 1w.`);
  const length = count * unit.length;
  return {
    numberOf: (milliseconds) => Math.floor((milliseconds + unit.shift) / length),
    startOf: (number) => new Date(number * length - unit.shift).toISOString(),
  };
}
