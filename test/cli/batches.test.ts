import { expect, test } from "vitest";
import { batchesOf } from "../../services/cli/batches.ts";

const files = (...sizes: number[]) => sizes.map((size, index) => ({ path: `core.${index}`, size }));
const sizes = (batches: readonly (readonly string[])[]) => batches.map(({ length }) => length);

test("files go together, in their order, up to the bytes of a request; what is larger goes alone", () => {
  expect(batchesOf(files(4, 4, 4, 20, 4, 4), 10)).toEqual([["core.0", "core.1"], ["core.2"], ["core.3"], ["core.4", "core.5"]]);
  expect(sizes(batchesOf(files(...Array.from({ length: 1_200 }, () => 1)), 1e9))).toEqual([500, 500, 200]);
  expect(batchesOf([], 10)).toEqual([]);
});
