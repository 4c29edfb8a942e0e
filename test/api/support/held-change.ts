/** A change of many jobs that another process works on, and never goes on with: as it is left by one that died. */
import type { BulkChangeStore } from "../../../services/storage/bulk-change-store.ts";

export async function heldChange(changes: BulkChangeStore, label: string, value: string): Promise<string> {
  for (;;) {
    const { id } = await changes.create("default", {
      action: "delete",
      dryRun: false,
      filters: { labels: { [label]: value } },
      query: { [`label.${label}`]: value },
      labels: null,
      options: null,
      expiresAt: "2100-01-01T00:00:00.000Z",
    });
    // The process under test may be faster.
    if ((await changes.claim(3_600))?.id === id) return id;
  }
}
