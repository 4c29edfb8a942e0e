import { describe } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { searchContract } from "./search-contract.ts";

describe("on SQLite", () => {
  searchContract(() => openDatabase("sqlite::memory:"));
});
