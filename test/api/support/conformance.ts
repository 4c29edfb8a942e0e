/** Holds an answer against the served `/openapi.json`: the operation, the status, the media type, the body. */
import { Compile } from "typebox/schema";

interface Media {
  readonly schema: Readonly<Record<string, unknown>>;
}
interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Media>> }>>;
}
export interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

export interface Answer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: string;
}

function operationOf(document: OpenApi, method: string, path: string): Operation | null {
  const matches = (template: string) => new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, "[^/]+")}/?$`).test(path);
  // A path written out goes before one with a parameter.
  const templates = Object.keys(document.paths)
    .filter(matches)
    .toSorted((a, b) => Number(a.includes("{")) - Number(b.includes("{")));
  const template = templates[0];
  return template === undefined ? null : (document.paths[template]?.[method.toLowerCase()] ?? null);
}

/** What of the answer the document does not promise; null when all of it. Paths and methods that the document lacks may answer 404, 405 and OPTIONS. */
export function deviation(document: OpenApi, { method, path, status, contentType, body }: Answer): string | null {
  const what = `${method} ${path} answered ${status}`;
  const operation = operationOf(document, method === "HEAD" ? "GET" : method, path);
  if (path.startsWith("/docs")) return null;
  if (operation === null) return [204, 403, 404, 405].includes(status) ? null : `${what}, and the document has no such operation`;
  const response = operation.responses[status];
  if (response === undefined) return `${what}, which the document does not list: ${body.slice(0, 300)}`;
  if (response.content === undefined) return body === "" ? null : `${what} with a body`;
  const type = contentType?.split(";", 1)[0] ?? "";
  const media = response.content[type];
  if (media === undefined) return `${what} with ${type}, and the document lists ${Object.keys(response.content).join(", ")}`;
  if (!/[/+]json$/.test(type) || method === "HEAD") return null;
  const [valid, errors] = Compile({ ...media.schema, components: document.components }).Errors(JSON.parse(body));
  return valid ? null : `${what} with a body that breaks its schema: ${JSON.stringify(errors.slice(0, 3))} in ${body.slice(0, 500)}`;
}
