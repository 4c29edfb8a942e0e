import { expect, test } from "vitest";
import { similarity } from "../../services/triage/similarity.ts";
import { trendOf } from "../../services/triage/trend.ts";

test("equal stacks are alike, stacks with nothing in common are not, and it goes both ways", () => {
  expect(similarity(["a", "b", "c"], ["a", "b", "c"])).toBe(1);
  expect(similarity(["a", "b"], ["x", "y"])).toBe(0);
  expect(similarity(["a", "b", "c"], ["b", "c"])).toBeCloseTo(similarity(["b", "c"], ["a", "b", "c"]));
  expect(similarity([], [])).toBe(1);
});

test("frames near the crash count more than those further out, and shifts less than differences", () => {
  const stack = ["a", "b", "c", "d", "e"];
  expect(similarity(stack, ["a", "b", "c", "d", "x"])).toBeGreaterThan(similarity(stack, ["x", "b", "c", "d", "e"]));
  expect(similarity(stack, ["x", ...stack])).toBeGreaterThan(similarity(stack, ["x", "b", "y", "d", "z"]));
});

const now = new Date("2026-11-23T12:00:00Z");
const days = (counts: Readonly<Record<string, number>>) => new Map(Object.entries(counts));

test.each([
  ["new", { "2026-11-22": 3 }, "2026-11-22T00:00:00Z"],
  ["growing", { "2026-11-23": 9, "2026-11-12": 3 }, "2026-01-01T00:00:00Z"],
  ["falling", { "2026-11-23": 2, "2026-11-12": 9 }, "2026-01-01T00:00:00Z"],
  ["steady", { "2026-11-23": 9, "2026-11-12": 8 }, "2026-01-01T00:00:00Z"],
  ["quiet", { "2026-11-12": 8 }, "2026-01-01T00:00:00Z"],
])("a group is %s with %j", (direction, counts, firstSeen) => {
  expect(trendOf(days(counts), firstSeen, now).direction).toBe(direction);
});
