/** `npm run test:postgres`: what needs a PostgreSQL server, which `npm test` does not ask for. */
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["test/storage/postgres/*.postgres.ts"], testTimeout: 60_000, hookTimeout: 120_000, maxWorkers: 1 } });
