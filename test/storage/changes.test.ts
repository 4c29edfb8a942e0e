import { describe } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { changeContract } from "./change-contract.ts";

describe("changes on SQLite", () => {
  changeContract(() => openDatabase("sqlite::memory:"));
});
