/** Whether a command is for the jobs that are named or for all that filters leave: one of both, never neither. */
import { expect, test } from "vitest";
import { changedFilters } from "../../services/cli/changes.ts";
import { UsageError } from "../../services/cli/usage-error.ts";

const told = (words: readonly string[], options: Readonly<Record<string, string | boolean>>) => ({
  words,
  text: (name: string) => (typeof options[name] === "string" && name !== "label" ? options[name] : null),
  texts: (name: string) => (typeof options[name] === "string" && name === "label" ? [options[name]] : []),
  flag: (name: string) => options[name] === true,
});

test("filters are taken as the API names them", () => {
  expect(changedFilters(told([], { "python-version": "3.11", label: "host=web1", "dry-run": true }))).toEqual({ python_version: "3.11", "label.host": "web1" });
  expect(changedFilters(told(["one", "two"], {}))).toBeNull();
});

test.each([
  ["neither jobs nor filters", told([], {})],
  ["both", told(["one"], { status: "failed" })],
  ["a dry run of named jobs", told(["one"], { "dry-run": true })],
])("%s is wrong usage", (_what, context) => {
  expect(() => changedFilters(context)).toThrow(UsageError);
});
