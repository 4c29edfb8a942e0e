import { describe } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { webhookContract } from "./webhook-contract.ts";

describe("webhooks on SQLite", () => {
  webhookContract(() => openDatabase("sqlite::memory:"));
});
