import { describe, expect, test } from "vitest";
import { plainName, plumbingRule, plumbingRules } from "../../../workers/pipeline/plumbing.ts";

type Example = readonly [name: string, callee?: string];

/** Frames as they were seen in real stacks, with the callee where the rule asks for one. */
const folded: readonly Example[] = [
  ["_PyEval_Vector"],
  ["PyEval_EvalCodeEx"],
  ["_PyEval_EvalFrame"],
  ["function_code_fastcall"],
  ["_PyFunction_Vectorcall.localalias"],
  ["PyObject_CallObject"],
  ["_PyObject_VectorcallTstate"],
  ["PyObject_Vectorcall"],
  ["_PyObject_MakeTpCall"],
  ["object_vacall"],
  ["call_function.isra.0"],
  ["do_call_core"],
  ["cfunction_call"],
  ["cfunction_vectorcall_FASTCALL_KEYWORDS.llvm.1234567"],
  ["method_vectorcall_O"],
  ["_PyCFunction_FastCallDict"],
  ["wrap_init"],
  ["partial_vectorcall"],
  ["slot_tp_init"],
  ["slot_nb_add"],
  ["slot_tp_richcompare.cold"],
  ["type_call"],
  ["gen_send_ex2"],
  ["coro_wrapper_send"],
  ["pymain_run_python.constprop.0"],
  ["Py_RunMain"],
  ["_PyRun_SimpleFileObject"],
  ["run_mod"],
  ["t_bootstrap"],
  ["main", "Py_BytesMain"],
  ["__libc_start_main_impl"],
  ["_start"],
  ["start_thread"],
  ["clone3"],
];

const shown: readonly Example[] = [
  ["main", "embed_python"],
  ["main"],
  ["_PyEval_EvalFrameDefault"],
  ["string_at"],
  ["PyObject_Repr"],
  ["PyObject_GetAttr"],
  ["gc_collect_main"],
  ["visit_decref"],
  ["type_dealloc"],
  ["my_type_call"],
  ["slots_init"],
  ["take_gil"],
  ["PyImport_ImportModule"],
  ["ffi_call_unix64"],
  ["method_cache_clear"],
  ["run_module_of_mine"],
];

const rule = ([name, callee]: Example) => plumbingRule({ function: name }, callee === undefined ? null : { function: callee });

describe("plumbing", () => {
  test.each(folded.map((example) => ({ example, name: example[0] })))("folds $name", ({ example }) => {
    expect(rule(example)).not.toBeNull();
  });

  test.each(shown.map((example) => ({ example, name: example.join(" calling ") })))("shows $name", ({ example }) => {
    expect(rule(example)).toBeNull();
  });

  test("has an example of every rule", () => {
    const used = new Set(folded.map(rule));
    expect(plumbingRules.filter((each) => !used.has(each))).toEqual([]);
  });

  test("shows a frame without a name", () => {
    expect(plumbingRule({ function: null }, null)).toBeNull();
  });

  test("takes a compiler's suffixes off a name, and nothing else", () => {
    expect(plainName("f.part.0.constprop.1.cold")).toBe("f");
    expect(plainName("std::vector<int>::at")).toBe("std::vector<int>::at");
    expect(plainName("a.out")).toBe("a.out");
  });
});
