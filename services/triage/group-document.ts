/** Groups as users see them. */
import type { Counted, Group, GroupSummary } from "../contract/group.ts";
import type { ListedGroup } from "../storage/group-list.ts";
import type { GroupStore, StoredGroup } from "../storage/group-store.ts";
import type { GroupTable } from "../storage/schema.ts";
import { relatedGroups } from "./related-groups.ts";
import { trendOf } from "./trend.ts";

const commonest = 10;

interface Counts {
  readonly count: number;
  readonly executables: readonly string[];
  readonly pythonVersions: readonly string[];
  readonly days: ReadonlyMap<string, number>;
}

function summary(group: GroupTable, counts: Counts, now: Date): GroupSummary {
  return {
    signature: { hash: group.hash, title: group.title },
    count: counts.count,
    first_seen: group.first_seen,
    last_seen: group.last_seen,
    executables: counts.executables.slice(0, commonest),
    python_versions: counts.pythonVersions.slice(0, commonest),
    trend: trendOf(counts.days, group.first_seen, now),
    status: group.status,
    resolved_in: group.resolved_in,
    note: group.note,
    issue_url: group.issue_url,
    links: { self: `/v1/groups/${group.hash}`, jobs: `/v1/jobs?signature=${group.hash}` },
  };
}

export const groupSummary = (listed: ListedGroup, now: Date): GroupSummary => summary(listed.group, listed, now);

function labelsOf({ facets }: StoredGroup): Record<string, Counted[]> {
  const byName = Map.groupBy(
    facets.filter(({ kind }) => kind.startsWith("label.")),
    ({ kind }) => kind.slice("label.".length),
  );
  return Object.fromEntries([...byName].map(([name, values]) => [name, top(values)]));
}

const top = (values: readonly Counted[]): Counted[] =>
  values
    .toSorted((one, other) => other.count - one.count || (one.value < other.value ? -1 : 1))
    .slice(0, commonest)
    .map(({ value, count }) => ({ value, count }));

export async function groupDocument(groups: Pick<GroupStore, "sharing">, projectId: string, stored: StoredGroup, now: Date): Promise<Group> {
  const { group, signatures, facets, example } = stored;
  const ofKind = (kind: string) => facets.filter((facet) => facet.kind === kind);
  const names = (kind: string) => top(ofKind(kind)).map(({ value }) => value);
  const histogram = ofKind("day")
    .map(({ value, count }) => ({ day: value, count }))
    .toSorted((one, other) => (one.day < other.day ? -1 : 1));
  const counts: Counts = {
    count: group.count,
    executables: names("executable"),
    pythonVersions: names("python"),
    days: new Map(histogram.map(({ day, count }) => [day, count])),
  };
  const keys = signatures.slice(0, commonest).map((signature): string[] => JSON.parse(signature.keys));
  return {
    ...summary(group, counts, now),
    signatures: signatures.map(({ hash, title, count, placed_by_hand }) => ({ hash, title, count, placed_by_hand: placed_by_hand === 1 })),
    resolved_at: group.resolved_at,
    regressed_at: group.regressed_at,
    extensions: top(ofKind("extension")),
    labels: labelsOf(stored),
    histogram,
    related: await relatedGroups(groups, projectId, { hash: group.hash, keys }),
    example: example === null ? null : { job_id: example, report: `/v1/jobs/${example}/report` },
  };
}
