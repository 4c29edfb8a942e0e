/** The filters that jobs are found by, as query parameters; the same for every route that takes them. */
import { constants } from "node:os";
import { type Static, type TSchema, Type } from "typebox";
import { Failure } from "../../contract/failure.ts";
import { JobStatus } from "../../contract/job.ts";
import type { JobFilters } from "../../storage/job-store.ts";

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 500, description }));
const time = (description: string) => Type.Optional(Type.String({ format: "date-time", description }));

export const JobQuery = {
  properties: {
    status: Type.Optional(JobStatus),
    signal: text("The signal's number or name: `11`, `SIGSEGV`."),
    signature: text("The signature's hash."),
    executable: text("The executable's name; a path counts by its last segment."),
    python_version: text("`3.11.7`, or `3.11` for all of its releases."),
    function: text("A Python function (name or qualified name) or a C function on any thread's stack."),
    file: text("A source file on any thread's stack."),
    extension: text("An extension module that was loaded."),
    diagnosis: text("A diagnosis's code, such as `null_dereference`."),
    q: text("Words of functions, files, messages and names of local variables; all must be there. `pars*` finds every word that begins so."),
    since: time("Created at this time or later (RFC 3339)."),
    until: time("Created before this time (RFC 3339)."),
  },
  patternProperties: { "^label\\..+$": Type.String({ title: "label.NAME", maxLength: 1_024 }) } as Record<string, TSchema>,
} as const;

/** What OpenAPI is told of the parameters that no schema can name one by one. */
export const moreJobParameters = { "label.NAME": Type.Optional(Type.String({ description: "The value of the label NAME, exactly." })) };

const fields = Type.Object(JobQuery.properties);

function signalNumber(value: string): number {
  if (/^\d{1,3}$/.test(value)) return Number(value);
  const name = value.toUpperCase();
  const found = Object.entries(constants.signals).find(([each]) => each === name || each === `SIG${name}`);
  if (found === undefined)
    throw new Failure("invalid_parameter", `The query parameter signal=${JSON.stringify(value)} is neither a signal's number nor its name.`);
  return found[1];
}

const utc = (value: string | undefined) => (value === undefined ? undefined : new Date(value).toISOString());

export function jobFiltersOf(query: Static<typeof fields> & Readonly<Record<string, unknown>>): JobFilters {
  const labels = Object.entries(query).flatMap(([name, value]) =>
    name.startsWith("label.") && typeof value === "string" ? [[name.slice(6), value] as const] : [],
  );
  return {
    status: query.status,
    signal: query.signal === undefined ? undefined : signalNumber(query.signal),
    signature: query.signature,
    executable: query.executable,
    pythonVersion: query.python_version,
    function: query.function,
    file: query.file,
    extension: query.extension,
    diagnosis: query.diagnosis,
    labels: labels.length === 0 ? undefined : Object.fromEntries(labels),
    q: query.q,
    since: utc(query.since),
    until: utc(query.until),
  };
}
