/**
 * Native frames that say nothing a reader wants: how one Python call becomes the next.
 *
 * They are left out of a thread's merged `frames` and stay in its `native_frames`. The list is data: each rule names
 * what it folds, as whole function names of CPython (2.7 to 3.15) without the compiler's suffixes. A frame that crashed
 * (the innermost one, or the one a signal interrupted) is never folded, whatever its name.
 */
import type { HelperNativeFrame } from "./helper-answer.ts";

export interface PlumbingRule {
  readonly why: string;
  readonly functions: RegExp;
  /** Narrows the rule to frames that directly called a frame of this name. */
  readonly calling?: RegExp;
}

export const plumbingRules: readonly PlumbingRule[] = [
  {
    why: "entering the evaluator",
    functions:
      /^(_PyEval_(EvalFrame|EvalCode|EvalCodeWithName|Vector|EvalCodeEx|FrameClearAndPop)|PyEval_(EvalCode|EvalCodeEx|EvalFrame|EvalFrameEx)|fast_function|_PyFunction_(FastCall|FastCallDict|FastCallKeywords)|_PyFunction_Vectorcall|function_code_fastcall|function_call|PyFunction_Call)$/,
  },
  {
    why: "calling an object",
    functions:
      /^(_?PyObject_(Call|CallFunction|CallFunctionObjArgs|CallMethod|CallMethodObjArgs|CallMethodId|CallMethodIdObjArgs|CallMethodNoArgs|CallMethodOneArg|CallObject|CallNoArgs|CallNoArg|CallNoArgsTstate|CallOneArg|CallFunction_SizeT|CallMethod_SizeT|FastCall|FastCallDict|FastCallDictTstate|FastCallTstate|FastCallKeywords|Call_Prepend|VectorcallMethod|VectorcallMethodId|Vectorcall|VectorcallTstate|VectorcallDict|VectorcallDictTstate|VectorcallPrepend|MakeTpCall|CallFunctionVa|CallFunction_Va)|PyEval_(CallObjectWithKeywords|CallFunction|CallMethod)|_PyVectorcall_Call|PyVectorcall_Call|_PyCall_Prepend|_PyCallFunction.*|_PyObject_Call_Prepend|_PyFunction_Call.*|object_vacall|callmethod|call_function|call_unbound|call_unbound_noarg|call_method|call_attribute|do_call|do_call_core|ext_do_call|trace_call_function|vectorcall_method|vectorcall_unbound|vectorcall_maybe|lookup_maybe_method|lookup_method|maybe_call_special_.*|_Py_CheckFunctionResult|objargs_mktuple)$/,
  },
  {
    why: "dispatching to a built-in function or a method",
    functions:
      /^(cfunction_(call|call_varargs|vectorcall_(NOARGS|O|FASTCALL|FASTCALL_KEYWORDS|FASTCALL_KEYWORDS_METHOD))|_?PyCFunction_(Call|FastCallDict|FastCallKeywords)|_PyMethodDef_RawFastCall(Dict|Keywords)|_PyMethodDescr_(FastCallKeywords|Vectorcall)|PyCMethod_Call|method_(call|vectorcall|vectorcall_(NOARGS|O|VARARGS|VARARGS_KEYWORDS|FASTCALL|FASTCALL_KEYWORDS|FASTCALL_KEYWORDS_METHOD))|methoddescr_call|instancemethod_call|instance_call|classmethoddescr_call|builtin_method_call|wrapperdescr_(call|raw_call)|wrapper_call|wrap_(call|init|next|unaryfunc|binaryfunc.*|del|descr_get|descr_set|setattr|hashfunc|richcmpfunc|lenfunc|richcmp_.*)|partial_(call|vectorcall|call_impl|vectorcall_fallback))$/,
  },
  { why: "a slot that looks up a Python method", functions: /^slot_(tp|nb|sq|mp|am|bf)_\w+$/ },
  { why: "calling a type", functions: /^(type_call|type_vectorcall|object_new|slot_tp_new|tp_new_wrapper)$/ },
  {
    why: "resuming a generator or a coroutine",
    functions:
      /^(gen_(send_ex|send_ex2|send|iternext|close|throw|_gen_throw)|_gen_throw|_PyGen_(Send|yf)|PyGen_am_send|coro_wrapper_(send|throw|close)|async_gen_asend_(send|iternext)|PyIter_Send)$/,
  },
  {
    why: "starting the interpreter and its main program",
    functions:
      /^(pymain_\w+|Py_(Main|BytesMain|RunMain|UnixMain)|_Py_UnixMain|_PyRun_\w+|PyRun_\w+|pyrun_\w+|pyrun_file|run_mod|run_file|run_command|run_eval_code_obj|RunModule|RunMainFromImporter|pythread_wrapper|t_bootstrap|thread_run|exec_code_in_module)$/,
  },
  { why: "starting the interpreter and its main program", functions: /^main$/, calling: /^(Py_(Main|BytesMain)|_Py_UnixMain|pymain_\w+)$/ },
  {
    why: "starting the process or the thread, in the C library",
    functions:
      /^(_start|_dl_start_user|__libc_start_(main|main_impl|call_main)|__libc_start_main@@?[\w.]+|start_thread|__clone3?|clone3?|__GI___clone3?|__clone_internal)$/,
  },
];

/** What GCC and Clang append to the clones of a function: `.cold`, `.constprop.0`, `.isra.3`, `.part.1`, `.lto_priv.2`, `.llvm.123`. */
const compilerSuffix = /(\.(cold|constprop|isra|part|lto_priv|llvm|localalias|\d+)(\.\d+)*)+$/;

export const plainName = (name: string): string => (name.includes(".") ? name.replace(compilerSuffix, "") : name);

/** Stacks repeat a few hundred names; the patterns are tried once for each. Cleared before a hostile core makes it large. */
const seen = new Map<string, readonly PlumbingRule[]>();
const mostSeen = 20_000;

function rulesFor(name: string): readonly PlumbingRule[] {
  const known = seen.get(name);
  if (known !== undefined) return known;
  const rules = plumbingRules.filter((rule) => rule.functions.test(plainName(name)));
  if (seen.size >= mostSeen) seen.clear();
  seen.set(name, rules);
  return rules;
}

/** The first rule that folds `frame`, given the frame it directly called; null when the frame is to be shown. */
export function plumbingRule(frame: Pick<HelperNativeFrame, "function">, callee: Pick<HelperNativeFrame, "function"> | null): PlumbingRule | null {
  if (frame.function === null) return null;
  const rules = rulesFor(frame.function);
  if (rules.length === 0) return null;
  const calleeName = callee?.function == null ? "" : plainName(callee.function);
  return rules.find((rule) => rule.calling === undefined || rule.calling.test(calleeName)) ?? null;
}
