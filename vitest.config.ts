import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, "test/browser/**", "test/bench/**"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores and children (gdb, Redis, interpreters) beside the tests: more files at once only make each slower.
    maxWorkers: 2,
    // A shared machine may starve a child for a minute. A promise that is broken stays broken the second time.
    retry: process.env["CI"] === "true" ? 1 : 0,
  },
});
