/** The client's table of calls against the document that the API serves. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Call, calls } from "../../services/client/calls.ts";
import { type ApiUnderTest, openApiUnderTest } from "../api/support/api-under-test.ts";

let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

const table: readonly (readonly [string, Call])[] = Object.entries(calls);

/** References followed, and left out what tells no form. */
function plain(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(plain);
  if (typeof schema !== "object" || schema === null) return schema;
  const reference: unknown = Reflect.get(schema, "$ref");
  if (typeof reference === "string") return plain(api.document.components.schemas[reference.replace("#/components/schemas/", "")]);
  const kept = Object.entries(schema).filter(([name]) => !["$id", "description", "title", "examples", "default"].includes(name));
  return Object.fromEntries(kept.map(([name, value]) => oneSpelling(name, plain(value))));
}

/** The document spells two things in another way. */
function oneSpelling(name: string, value: unknown): [string, unknown] {
  if (name === "const") return ["enum", [value]];
  if (name === "patternProperties" && typeof value === "object" && value !== null && "^.*$" in value) return ["additionalProperties", value["^.*$"]];
  return [name, value];
}

test.each(table)("%s is an operation of the API, with the answer that the client expects", (_name, { method, path, status, type, schema }) => {
  const operation = api.document.paths[path]?.[method.toLowerCase()];
  const answer = operation?.responses[status];
  expect(answer, `${method} ${path} ${status}`).toBeDefined();
  const types = Object.keys(answer?.content ?? {});
  expect(type === null ? types.length === 0 : types.includes(type), types.join()).toBe(true);
  const served = schema === null || type === null ? null : plain(answer?.content?.[type]?.schema);
  expect(plain(JSON.parse(JSON.stringify(schema)))).toEqual(served);
});
