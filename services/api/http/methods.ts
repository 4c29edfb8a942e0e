/** Unknown paths get 404, known paths with another method 405 and `Allow`, `OPTIONS` the list of methods. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Failure } from "../../contract/failure.ts";
import type { App } from "../app-type.ts";

const pattern = (path: string) =>
  new RegExp(
    `^${path
      .split("/")
      .map((segment) => (segment.startsWith(":") ? "[^/]+" : segment === "*" ? ".*" : segment.replace(/[^\w]/g, "\\$&")))
      .join("/")}/?$`,
  );

/** Watches routes as they are registered: call it before the first one. Answers which methods a path has. */
export function collectMethods(app: App): (path: string) => string[] {
  const known = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook("onRoute", ({ url, method }) => {
    const entry = known.get(url) ?? { pattern: pattern(url), methods: new Set() };
    for (const each of [method].flat()) entry.methods.add(each);
    known.set(url, entry);
  });
  return (path) => {
    const methods = new Set([...known.values()].filter((entry) => entry.pattern.test(path)).flatMap((entry) => [...entry.methods]));
    return [...methods].sort();
  };
}

export function notFoundHandler(methodsOf: (path: string) => string[]) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const path = request.url.split("?", 1)[0] ?? "";
    const methods = methodsOf(path);
    if (methods.length === 0) throw new Failure("not_found", `There is nothing at ${path.slice(0, 200)}.`);
    const allow = [...methods, "OPTIONS"].join(", ");
    reply.header("allow", allow);
    if (request.method !== "OPTIONS") throw new Failure("method_not_allowed", `${request.method} is not a method of ${path.slice(0, 200)}; it has ${allow}.`);
    reply.code(204).send();
  };
}
