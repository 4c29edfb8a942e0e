import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, "test/browser/**", "test/bench/**"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores and children (gdb, Redis, interpreters) beside the tests: more files at once only make each slower.
    maxWorkers: 2,
  },
});
