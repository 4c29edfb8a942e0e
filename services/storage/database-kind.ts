/** What runs below Kysely. */
export type DatabaseKind = "sqlite" | "postgres";
