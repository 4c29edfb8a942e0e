/** Groups whose stacks are like that of a group: candidates share a key with it, their number is bounded, each is compared. */
import type { RelatedGroup } from "../contract/group.ts";
import type { GroupStore } from "../storage/group-store.ts";
import { similarity } from "./similarity.ts";

const mostCandidates = 400;
const mostTold = 10;
/** CASR clusters below a distance of 0.3; related is meant to be wider than the same. */
const leastAlike = 0.3;

export interface Stack {
  readonly hash: string;
  /** Per signature of the group: the class, then the keys, innermost first. */
  readonly keys: readonly (readonly string[])[];
}

export async function relatedGroups(groups: Pick<GroupStore, "sharing">, projectId: string, { hash, keys }: Stack): Promise<RelatedGroup[]> {
  const frames = [...new Set(keys.flatMap((each) => each.slice(1)))];
  const candidates = (await groups.sharing(projectId, frames, mostCandidates)).filter((candidate) => candidate.group !== hash);
  const best = new Map<string, RelatedGroup>();
  for (const candidate of candidates) {
    const alike = Math.max(...keys.map((own) => similarity(own.slice(1), candidate.keys.slice(1))));
    if (alike < leastAlike || alike <= (best.get(candidate.group)?.similarity ?? 0)) continue;
    best.set(candidate.group, { hash: candidate.group, title: candidate.title, similarity: Math.round(alike * 1_000) / 1_000 });
  }
  return [...best.values()].toSorted((one, other) => other.similarity - one.similarity || (one.hash < other.hash ? -1 : 1)).slice(0, mostTold);
}
