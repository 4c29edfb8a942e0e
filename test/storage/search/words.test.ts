import { expect, test } from "vitest";
import { wantedWords, Words } from "../../../services/storage/search-words.ts";

const wordsOf = (text: string) => {
  const words = new Words(100);
  words.add(text);
  return words.all;
};

test.each([
  ["PyDict_SetItem", ["pydict_setitem", "py", "dict", "set", "item"]],
  ["/srv/app/main.py", ["srv", "app", "main", "py"]],
  ["HTTPServer.handle2xx", ["httpserver", "http", "server", "handle2xx"]],
  ["_PyEval_EvalFrameDefault", ["_pyeval_evalframedefault", "py", "eval", "frame", "default"]],
  ["größe = Naïve_Wert", ["größe", "naïve_wert", "naïve", "wert"]],
  ["i", ["i"]],
  ["\ud800\0!", []],
  ["x".repeat(65), []],
])("%j is found by %j", (text, words) => {
  expect(wordsOf(text)).toEqual(words);
});

test("a query asks for whole words, and for the beginnings that an asterisk tells", () => {
  expect(wantedWords("  Main.py  parse_header pars* ")).toEqual([
    { word: "main", beginning: false },
    { word: "py", beginning: false },
    { word: "parse_header", beginning: false },
    { word: "pars", beginning: true },
  ]);
  expect(wantedWords("!!! *")).toEqual([]);
});

test("no more words are kept than asked for", () => {
  const words = new Words(3);
  words.add("a b c d e");
  words.add("f");
  expect(words.all).toEqual(["a", "b", "c"]);
  expect(words.full).toBe(true);
});
