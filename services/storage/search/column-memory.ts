/**
 * Columns of the search index, kept in memory once they were read.
 *
 * Of a year's blocks only the last few change, and whoever changes one counts it in the block's own row in the same transaction. A query
 * reads those rows first anyway: what is kept of a block is taken if it is as new as the row says. So a column is never older than if it
 * had been read now, whichever process writes.
 */
import type { Database } from "../database.ts";

export interface BlockVersion {
  readonly block: number;
  readonly changes: number;
}

interface Kept {
  readonly changes: number;
  /** Null where no job of the block has a value. */
  readonly body: Uint8Array | null;
}

/** By connection. The columns of a million jobs that are counted by most: 12 MiB. */
const mostBytes = 16 * 2 ** 20;
/** What an entry takes beside its body. */
const entryBytes = 200;

class ColumnMemory {
  /** The one that was used the longest time ago is the first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  get(name: string, changes: number): Kept | null {
    const kept = this.#kept.get(name);
    if (kept === undefined || kept.changes < changes) return null;
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    return kept;
  }

  keep(name: string, kept: Kept): void {
    this.#forget(name);
    this.#kept.set(name, kept);
    this.#bytes += entryBytes + (kept.body?.length ?? 0);
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= mostBytes) break;
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.#kept.delete(name);
    this.#bytes -= entryBytes + (kept.body?.length ?? 0);
  }
}

const memories = new WeakMap<Database["query"], ColumnMemory>();

function memoryOf({ query }: Database): ColumnMemory {
  const memory = memories.get(query) ?? new ColumnMemory();
  memories.set(query, memory);
  return memory;
}

/** By block; a block in which no job has a value has none. The bodies are not to be changed. */
export async function columnBodies(database: Database, projectId: string, field: string, blocks: readonly BlockVersion[]): Promise<Map<number, Uint8Array>> {
  const memory = memoryOf(database);
  const nameOf = (block: number) => `${projectId}\n${field}\n${block}`;
  const bodies = new Map<number, Uint8Array>();
  const unknown = blocks.filter(({ block, changes }) => {
    const kept = memory.get(nameOf(block), changes);
    if (kept !== null && kept.body !== null) bodies.set(block, kept.body);
    return kept === null;
  });
  if (unknown.length === 0) return bodies;
  const rows = await database.query
    .selectFrom("search_columns")
    .select(["block", "body"])
    .where("project_id", "=", projectId)
    .where("field", "=", field)
    .where(
      "block",
      "in",
      unknown.map(({ block }) => block),
    )
    .execute();
  const read = new Map(rows.map(({ block, body }) => [block, body]));
  for (const { block, changes } of unknown) {
    const body = read.get(block) ?? null;
    if (body !== null) bodies.set(block, body);
    memory.keep(nameOf(block), { changes, body });
  }
  return bodies;
}
