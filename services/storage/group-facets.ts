/** What one job adds to the counts of its signature: [kind, value] pairs, each once, in one order for all. */
import type { Labels } from "../contract/common.ts";
import type { Report } from "../contract/report.ts";
import type { JobTable } from "./schema.ts";
import { labelKind } from "./search-terms.ts";
import { indexable } from "./search-text.ts";

export type Facet = readonly [kind: string, value: string];

const mostExtensions = 40;
const mostLabels = 32;

export function facetsOf(row: Pick<JobTable, "created_at" | "executable" | "labels">, report: Report): Facet[] {
  const labels: Labels = JSON.parse(row.labels);
  const extensions = (report.python?.extension_modules ?? [])
    .filter(({ third_party, version }) => third_party && version !== null)
    .map(({ name, version }) => `${name.split(".")[0]} ${version}`);
  const all: Facet[] = [
    ["day", row.created_at.slice(0, 10)],
    ...(row.executable === null ? [] : [["executable", row.executable] as const]),
    ...(report.python === null ? [] : [["python", report.python.version] as const]),
    ...[...new Set(extensions)].slice(0, mostExtensions).map((value): Facet => ["extension", value]),
    ...labelFacets(labels),
  ];
  return inOneOrder(all);
}

export const isLabelFacet = ([kind]: Facet): boolean => kind.startsWith("label.");

export const labelFacets = (labels: Labels): Facet[] =>
  Object.entries(labels)
    .slice(0, mostLabels)
    .map(([name, value]): Facet => [labelKind(name), value]);

/** One order for all writers, so that two transactions never wait for each other's rows crosswise. */
export function inOneOrder(all: readonly Facet[]): Facet[] {
  const once = new Map(all.map(([kind, value]): [string, Facet] => [`${kind}\n${value}`, [kind, indexable(value)]]));
  return [...once.values()].toSorted(([kind, value], [otherKind, otherValue]) => {
    const [one, other] = [`${kind}\n${value}`, `${otherKind}\n${otherValue}`];
    return one < other ? -1 : one > other ? 1 : 0;
  });
}
