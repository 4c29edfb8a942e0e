/**
 * One serialiser for every answer of one schema.
 *
 * Fastify makes one for each status of each route, and each time checks and copies all schemas that answers refer to. The same few
 * dozen schemas answer everywhere, most often the problem document: made once, the API starts in half the time and is smaller.
 */
import { SerializerSelector } from "@fastify/fast-json-stringify-compiler";

type Serializer = ReturnType<ReturnType<ReturnType<typeof SerializerSelector>>>;

/** For Fastify's `schemaController`. A scope with schemas of its own asks for a factory of its own. */
export function buildSerializer(...[schemas, options]: Parameters<ReturnType<typeof SerializerSelector>>) {
  const compile = SerializerSelector()(schemas, options);
  const made = new Map<string, Serializer>();
  return (answer: Parameters<typeof compile>[0]): Serializer => {
    const key = JSON.stringify(answer.schema);
    const known = made.get(key) ?? compile(answer);
    made.set(key, known);
    return known;
  };
}
