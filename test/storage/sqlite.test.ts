import { describe } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { storeContract } from "./store-contract.ts";

describe("on SQLite", () => {
  storeContract(() => openDatabase("sqlite::memory:"));
});
