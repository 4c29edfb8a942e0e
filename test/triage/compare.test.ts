import { expect, test } from "vitest";
import { Value } from "typebox/value";
import { Sarif } from "../../services/contract/sarif.ts";
import { renderComparison } from "../../services/text/render-comparison.ts";
import { align } from "../../services/triage/align.ts";
import { compare } from "../../services/triage/compare.ts";
import { sarifOf } from "../../services/triage/sarif.ts";
import { crash, evaluator, libpython, library, native, python } from "./signature-makers.ts";

const main = python("/srv/app/main.py", "<module>");
const handle = python("/srv/app/shop/cart.py", "Cart.handle", {
  function: "handle",
  line: 12,
  end_line: 12,
  column: 4,
  end_column: 11,
  source_line: "ä = f(x, y)",
});

test("an alignment keeps the order, and holds all of both", () => {
  expect(align(["a", "b", "c"], ["a", "x", "c", "d"])).toEqual([
    { one: 0, other: 0 },
    { one: 1, other: null },
    { one: null, other: 1 },
    { one: 2, other: 2 },
    { one: null, other: 3 },
  ]);
  expect(align([], ["a"])).toEqual([{ one: null, other: 0 }]);
});

test("tells what two stacks have in common and behind which call they part", () => {
  const one = crash([native(library, "stock_take"), evaluator], [handle, main], { python: null });
  const other = crash([native(library, "stock_give"), evaluator], [handle, main], { python: null });
  const found = compare({ report: one, labels: { host: "web1", release: "1" } }, { report: other, labels: { host: "web2", release: "1" } });
  expect(found.frames.map(({ in: where, key }) => [where, key])).toEqual([
    ["one", "libstock!stock_take"],
    ["other", "libstock!stock_give"],
    ["both", "python!_PyEval_EvalFrameDefault"],
    ["both", "shop.cart.handle"],
    ["both", "main.<module>"],
  ]);
  expect(found).toMatchObject({ common: 3, common_innermost: 0, common_outermost: 3, part_behind: "python!_PyEval_EvalFrameDefault" });
  expect(found.labels).toEqual([{ name: "host", one: "web1", other: "web2" }]);
  const text = renderComparison(found);
  expect(text).toContain("- c   libstock!stock_take");
  expect(text).toContain("+ c   libstock!stock_give");
  expect(text).toContain("host: web1 | web2");
});

test("the same stack on another release of Python, built elsewhere, is the same; the versions are the difference", () => {
  const old = libpython.replace("3.12", "3.9");
  const inlined = native(library, "stock_inner", { inlined: true });
  const one = crash([native(library, "stock_take"), evaluator], [handle, main]);
  const other = crash(
    [inlined, native(library.replace("1.4.2", "1.5.0"), "stock_take", { offset: "0x2" }), native(old, "_PyEval_EvalFrameDefault")],
    [python("/opt/app/shop/cart.py", "handle", { qualname: null }), python("/opt/app/main.py", "<module>", { qualname: null })],
  );
  if (other.python !== null) other.python.version = "3.9.18";
  const found = compare({ report: one, labels: {} }, { report: other, labels: {} });
  expect(found.frames.map(({ in: where }) => where)).toEqual(["both", "both", "both", "both"]);
  expect(found.part_behind).toBeNull();
  expect(found.differences).toEqual([{ name: "python_version", one: "3.11.2", other: "3.9.18" }]);
});

test("versions of extensions and diagnoses that differ are told", () => {
  const at = (version: string | null, code: string) => {
    const report = crash([], [main], { diagnoses: [{ code, title: code, detail: "", confidence: "certain", lwp: null, evidence: {}, links: [] }] });
    if (report.python !== null)
      report.python.extension_modules = version === null ? [] : [{ name: "numpy", path: null, version, third_party: true, crash_frame: null }];
    return { report, labels: {} };
  };
  const found = compare(at("1.26.0", "null_dereference"), at("2.0.1", "wild_pointer"));
  expect(found.extensions).toEqual([{ name: "numpy", one: "1.26.0", other: "2.0.1" }]);
  expect(found.diagnoses).toEqual({ both: [], one: ["null_dereference"], other: ["wild_pointer"] });
  expect(compare(at("1.26.0", "x"), at(null, "x")).extensions).toEqual([{ name: "numpy", one: "1.26.0", other: null }]);
});

test("SARIF names the files of a program that was started by a path with .. in it without that", () => {
  const frames = [python("/srv/web/../app/shop/cart.py", "total"), python("/srv/web/../app/main.py", "<module>"), python("/opt/x/../lib/a.py", "f")];
  const log = sarifOf(crash([], frames), { hash: "deadbeef", title: "SIGSEGV", count: 1 }, "0.1.0");
  const uris = JSON.stringify(log).match(/"uri":"[^"]*"/g) ?? [];
  expect(uris).toEqual(expect.arrayContaining(['"uri":"file:///srv/app/"', '"uri":"shop/cart.py"', '"uri":"file:///opt/lib/a.py"']));
  expect(uris.filter((uri) => uri.includes(".."))).toEqual([]);
});

test("SARIF points at the innermost line of the program's own code, in characters from 1", () => {
  const ctypes = python("/usr/lib/python3.11/ctypes/__init__.py", "string_at", { line: 519 });
  const report = crash([native(library, "stock_take")], [ctypes, handle, main], {
    diagnoses: [{ code: "null_dereference", title: "A null pointer was dereferenced", detail: "", confidence: "certain", lwp: null, evidence: {}, links: [] }],
  });
  const log = sarifOf(report, { hash: "deadbeef", title: "SIGSEGV in stock_take", count: 3 }, "0.1.0");
  expect([...Value.Errors(Sarif, log)]).toEqual([]);
  const [run] = log.runs;
  expect(run?.tool.driver.rules).toEqual([{ id: "null_dereference", shortDescription: { text: "A null pointer was dereferenced" } }]);
  expect(run?.originalUriBaseIds).toEqual({ PROGRAM: { uri: "file:///srv/app/" } });
  const [result] = run?.results ?? [];
  expect(result).toMatchObject({ ruleId: "null_dereference", ruleIndex: 0, occurrenceCount: 3, partialFingerprints: { "inquestSignature/v1": "deadbeef" } });
  expect(result?.locations[0]?.physicalLocation).toEqual({
    artifactLocation: { uri: "shop/cart.py", uriBaseId: "PROGRAM" },
    // Bytes 4 to 11 of a line that begins with a letter of two bytes.
    region: { startLine: 12, startColumn: 4, endLine: 12, endColumn: 11 },
  });
  expect(result?.codeFlows[0]?.threadFlows[0]?.locations.map(({ location }) => location.message?.text)).toEqual([
    "main.<module>",
    "shop.cart.Cart.handle",
    "ctypes.string_at",
  ]);
  expect(result?.stacks[0]?.frames.map(({ location }) => location.message?.text)).toEqual([
    "stock_take",
    "ctypes.string_at",
    "shop.cart.Cart.handle",
    "main.<module>",
  ]);
  expect(JSON.stringify(log)).not.toContain("f(x, y)");
});

test("a crash without Python, or without a diagnosis, is SARIF too", () => {
  const log = sarifOf(crash([native(library, null, { function: null })], []), { hash: "x", title: "SIGSEGV", count: 0 }, "0.1.0");
  expect([...Value.Errors(Sarif, log)]).toEqual([]);
  expect(log.runs[0]?.results[0]).toMatchObject({ ruleId: "crash", codeFlows: [], occurrenceCount: 1 });
});
