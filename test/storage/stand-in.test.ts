import { describe } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { standInContract } from "./stand-in-contract.ts";

describe("on SQLite", () => {
  standInContract(() => openDatabase("sqlite::memory:"));
});
