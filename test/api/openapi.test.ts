import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiUnderTest, openApiUnderTest } from "./support/api-under-test.ts";

let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

const operations = () =>
  Object.entries(api.document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));

test("lists every call of the contract that this version has", () => {
  const listed = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect(listed).toEqual(
    expect.arrayContaining([
      "POST /v1/jobs",
      "GET /v1/jobs",
      "GET /v1/jobs/{id}",
      "GET /v1/jobs/{id}/report",
      "GET /v1/jobs/{id}/events",
      "POST /v1/jobs/{id}/reanalyze",
      "DELETE /v1/jobs/{id}",
      "POST /v1/binaries",
      "PUT /v1/binaries/{build_id}",
      "GET /v1/binaries/{build_id}",
      "POST /v1/binaries/missing",
      "GET /healthz",
      "GET /readyz",
      "GET /metrics",
      "GET /openapi.json",
      "GET /v1/limits",
    ]),
  );
});

test("every operation has a name of its own, a tag, a summary and problem details for its errors", () => {
  const ids = operations().map(({ operation }) => Reflect.get(operation, "operationId"));
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, operation } of operations()) {
    expect(operation, path).toMatchObject({ operationId: expect.any(String), summary: expect.any(String), tags: [expect.any(String)] });
    for (const [status, response] of Object.entries(operation.responses)) {
      if (Number(status) < 400) continue;
      expect(Object.keys(response.content ?? {}), `${path} ${status}`).toEqual(["application/problem+json"]);
    }
  }
});

test("every operation with a parameter in its path says what becomes of one that does not fit", () => {
  const withParameter = operations().filter(({ path }) => path.includes("{"));
  expect(withParameter.length).toBeGreaterThan(20);
  for (const { path, method, operation } of withParameter) {
    expect(JSON.stringify(operation.responses["422"] ?? null), `${method} ${path}`).toContain("invalid_parameter");
  }
});

test("every reference leads to a component, and the contract's documents are components", () => {
  const names = Object.keys(api.document.components.schemas);
  expect(names).toEqual(expect.arrayContaining(["Job", "Report", "Binary", "Limits", "Problem"]));
  const references = [...JSON.stringify(api.document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
  expect(references.length).toBeGreaterThan(10);
  for (const reference of references) expect(names.map((name) => `#/components/schemas/${name}`)).toContain(reference);
});

test("the upload's body is described as a form and as a raw file", () => {
  const submit = operations().find(({ operation }) => Reflect.get(operation, "operationId") === "submitJob")?.operation;
  expect(submit).toMatchObject({
    requestBody: {
      content: {
        "multipart/form-data": { schema: { properties: { core: {}, binary: {}, attachment: {}, labels: {}, when_missing: {}, options: {} } } },
        "application/octet-stream": {},
      },
    },
  });
});

test("the documentation page loads nothing from another host", async () => {
  const page = await api.ask({ url: "/docs" });
  expect(page.statusCode).toBe(200);
  expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
  expect(page.headers["content-security-policy"]).not.toContain("http");
  const script = await api.ask({ url: "/docs/static/swagger-initializer.js" });
  expect(script.statusCode).toBe(200);
});
