/**
 * What a native frame counts for in a signature. Data, first match wins; a test stands beside each rule.
 *
 * `exit`: the process was ended here on purpose or by a check, so this frame and all that it called are dropped.
 * `irrelevant`: dropped, and the next frame out is looked at. `own`: CPython itself, dropped while Python frames tell the story.
 */
export type Action = "exit" | "irrelevant" | "own";

export interface NativeRule {
  readonly why: string;
  readonly action: Action;
  /** Whole names, after `plainNativeName`. */
  readonly functions?: RegExp;
  /** The module's file name without versions: `libc`, `_json`, `python`. */
  readonly modules?: RegExp;
  /** The module's whole path. */
  readonly paths?: RegExp;
}

export const nativeRules: readonly NativeRule[] = [
  {
    why: "ends the process: abort and what it is made of",
    action: "exit",
    functions:
      /^(abort|raise|gsignal|kill|tgkill|tkill|killpg|sigqueue|pthread_kill|pthread_kill_(implementation|internal)|terminate|std::terminate|__cxa_pure_virtual|__verbose_terminate_handler|__gnu_cxx::__verbose_terminate_handler|__cxxabiv1::__terminate)$/,
  },
  {
    why: "a failed assertion or check of the C library",
    action: "exit",
    functions:
      /^(assert_fail|assert_fail_base|assert_perror_fail|assert|assert_rtn|chk_fail|\w+_chk|fortify_fail|fortify_fail_abort|stack_chk_fail|libc_message|libc_message_impl|libc_fatal|explicit_bzero_chk)$/,
  },
  {
    why: "the allocator found its state damaged",
    action: "exit",
    functions:
      /^(malloc_printerr|munmap_chunk|malloc_assert|malloc_consolidate|unlink_chunk|int_(free|malloc|realloc|memalign)(_\w+)?|_mi_(error_message|assert_fail)|je_malloc_abort)$/,
  },
  {
    why: "CPython's own fatal error",
    action: "exit",
    functions:
      /^(_?Py_FatalError\w*|fatal_error\w*|_Py_Fatal\w*|_PyObject_AssertFailed|_Py_NegativeRefcount|Py_ExitStatusException|Py_Exit|os_abort|_PyMem_DebugRaw\w*|_PyObject_DebugDumpAddress|pymalloc_abort)$/,
  },
  {
    why: "a failed check or panic of a common library",
    action: "exit",
    functions:
      /^(g_assertion_message\w*|g_logv?|qFatal|QMessageLogger::fatal|qt_assert\w*|google::LogMessageFatal.*|google::LogMessage::(Fail|SendToLog|Flush)|absl::.*LogMessageFatal.*|rust_panic|rust_begin_unwind|core::panicking::.*|std::panicking::.*|std::process::abort|panic_abort::.*|__rust_start_panic|c10::detail::torchCheckFail|cv::error)$/,
  },
  {
    why: "starts the program or a thread: at the outer end of every stack",
    action: "irrelevant",
    functions: /^(_start|main|start_main|libc_start_(main(_impl)?|call_main)|start_thread|clone3?|Py_(Bytes)?Main|Py_RunMain)$/,
  },
  {
    why: "the C library: what was called, not who called it wrongly",
    action: "irrelevant",
    modules:
      /^(libc|libm|libmvec|libpthread|librt|libdl|libresolv|libnsl|libutil|libcrypt|libanl|ld|ld-linux|ld-linux-x86-64|ld-linux-aarch64|ld-musl-\w+|libthread_db)$/,
  },
  { why: "the kernel's page in every process", action: "irrelevant", modules: /^(linux-vdso|linux-gate|\[vdso\]|\[vsyscall\])$/ },
  { why: "the compiler's runtime", action: "irrelevant", modules: /^(libgcc_s|libstdc\+\+|libc\+\+|libc\+\+abi|libunwind|libatomic|libgomp|libomp|libiomp5)$/ },
  {
    why: "an allocator",
    action: "irrelevant",
    modules: /^(libjemalloc|libtcmalloc|libtcmalloc_minimal|libmimalloc|libasan|libtsan|libubsan|libdislocator|libefence)$/,
  },
  { why: "the way from Python to a C function by ctypes or cffi", action: "irrelevant", modules: /^(libffi)$/ },
  { why: "an extension module of the standard library", action: "own", paths: /\/lib(32|64)?\/(?:[\w-]+\/)?python\d(\.\d+)?t?\/lib-dynload\/[^/]+$/ },
  {
    why: "the interpreter: its names differ between builds and versions",
    action: "own",
    modules: /^(libpython(\d(\.\d+)?\w*)?|python(\d(\.\d+)?)?[a-z-]*|pypy\d?|libpypy\d?(\.\d+)?-c)$/,
  },
];

export interface NativePlace {
  readonly name: string | null;
  readonly module: string;
  readonly path: string;
}

export function nativeRule({ name, module, path }: NativePlace): NativeRule | null {
  return (
    nativeRules.find(
      (rule) =>
        (rule.functions === undefined || (name !== null && rule.functions.test(name))) &&
        (rule.modules === undefined || rule.modules.test(module)) &&
        (rule.paths === undefined || rule.paths.test(path)),
    ) ?? null
  );
}
