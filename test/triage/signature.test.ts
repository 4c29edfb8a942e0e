import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Report } from "../../services/contract/report.ts";
import { moduleName, plainNativeName } from "../../services/triage/native-name.ts";
import { nativeRule } from "../../services/triage/native-rules.ts";
import { pythonPlace } from "../../services/triage/python-place.ts";
import { pythonRule } from "../../services/triage/python-rules.ts";
import { messageClass, plainMessage } from "../../services/triage/message-class.ts";
import { findCycle, turned } from "../../services/triage/cycle.ts";
import { signatureOf } from "../../services/triage/signature.ts";
import { crash, evaluator, libc, libpython, library, native, python, trampoline } from "./signature-makers.ts";

const app = [python("/srv/app/stock.py", "load"), python("/srv/app/run.py", "main"), python("/srv/app/run.py", "<module>")];
const kept = (report: Report) => signatureOf(report)?.frames.flatMap((frame) => (frame.kept ? [frame.key] : []));
const hash = (report: Report) => signatureOf(report)?.hash;

describe("a signature", () => {
  const plain = crash([native(library, null), native(library, "stock_load"), evaluator], app);

  test("is the class, the exported functions of others' modules, and the user's innermost Python functions", () => {
    expect(kept(plain)).toEqual(["SIGSEGV", "libstock!stock_load", "stock.load", "run.main", "run.<module>"]);
    expect(signatureOf(plain)).toMatchObject({ title: "SIGSEGV in libstock!stock_load, called by stock.load, from run.main", version: 5, partial: false });
  });

  test("tells in its title whose call of the standard library failed, so that two groups of one such function are told apart", () => {
    const called = (file: string, name: string) =>
      signatureOf(crash([evaluator], [python("/opt/python/lib/python3.11/ctypes/__init__.py", "string_at"), python(file, name), ...app]))?.title;
    expect(called("/srv/app/cart.py", "total")).toBe("SIGSEGV in ctypes.string_at, called by cart.total, from stock.load");
    expect(called("/srv/app/order.py", "send")).toBe("SIGSEGV in ctypes.string_at, called by order.send, from stock.load");
    const through = crash([native(library, "stock_load"), evaluator], [python("/opt/python/lib/python3.11/json/decoder.py", "decode"), ...app]);
    expect(signatureOf(through)?.title).toBe("SIGSEGV in libstock!stock_load, called by json.decoder.decode, called by stock.load, from run.main");
    const alone = crash([evaluator], [python("/opt/python/lib/python3.11/json/decoder.py", "decode")]);
    expect(signatureOf(alone)?.title).toBe("SIGSEGV in json.decoder.decode");
  });

  test("is the same on 3.10 and 3.11 for a method whose class was found, and its broad hash for one whose class was not", () => {
    const method = (some: Parameters<typeof python>[2]) => crash([evaluator], [python("/srv/app/cart.py", "total", some), ...app.slice(1)]);
    const [newer, older, lost] = [method({ qualname: "Cart.total" }), method({ qualname: null, defined_as: "Cart.total" }), method({ qualname: null })];
    expect(kept(older)).toEqual(["SIGSEGV", "cart.Cart.total", "run.main", "run.<module>"]);
    expect(hash(older)).toBe(hash(newer));
    expect(hash(lost)).not.toBe(hash(newer));
    expect(new Set([newer, older, lost].map((report) => signatureOf(report)?.broad_hash)).size).toBe(1);
  });

  test("says of every frame why it was kept or not", () => {
    const frames = signatureOf(plain)?.frames ?? [];
    expect(frames.every(({ why }) => why !== "")).toBe(true);
    expect(frames.some((frame) => !frame.kept)).toBe(true);
  });

  test.each<[string, Report]>([
    ["with debug info", crash([native(library, null, { function: "parse" }), native(library, "stock_load"), evaluator], app)],
    ["with inlined functions", crash([native(library, "stock_load", { function: "inner", inlined: true }), native(library, "stock_load"), evaluator], app)],
    [
      "on other lines",
      crash(
        plain.threads[0]?.native_frames ?? [],
        app.map((frame) => ({ ...frame, line: 99 })),
      ),
    ],
    [
      "in another folder",
      crash(
        plain.threads[0]?.native_frames ?? [],
        app.map((frame) => ({ ...frame, file: (frame.file ?? "").replace("/srv/app", "/home/u/x") })),
      ),
    ],
    ["in the C library, called from there", crash([native(libc, "__memcpy_avx_unaligned_erms"), native(library, "stock_load"), evaluator], app)],
    [
      "with faulthandler's frames above",
      crash([native(libc, null), native(libc, "raise"), native(libpython, null), trampoline, native(library, "stock_load"), evaluator], app),
    ],
    [
      "through ctypes",
      crash(
        [
          native(library, "stock_load"),
          native("/usr/lib/libffi.so.8.1.2", "ffi_call"),
          native("/opt/python/lib/python3.12/lib-dynload/_ctypes.cpython-312-x86_64-linux-gnu.so", null),
          evaluator,
        ],
        app,
      ),
    ],
    [
      "where the evaluator has no name",
      crash(
        [native(library, "stock_load"), native(libpython, null, { pc: "0x77" }), native(libpython, "PyEval_EvalCode"), native(libpython, "Py_BytesMain")],
        app,
      ),
    ],
    ["of another version of the library", crash([native("/x/libstock.so.1.5", "stock_load"), evaluator], app)],
  ])("is the same %s", (_name, other) => {
    expect(hash(other)).toBe(hash(plain));
  });

  test.each<[string, Report]>([
    ["another exported function", crash([native(library, "stock_save"), evaluator], app)],
    ["another Python function", crash(plain.threads[0]?.native_frames ?? [], [python("/srv/app/stock.py", "save"), ...app.slice(1)])],
    [
      "a method of another class",
      crash(plain.threads[0]?.native_frames ?? [], [python("/srv/app/stock.py", "load", { qualname: "Shelf.load" }), ...app.slice(1)]),
    ],
    [
      "another signal",
      crash(plain.threads[0]?.native_frames ?? [], app, {
        process: { ...plain.process, signal: { number: 6, name: "SIGABRT", code: null, address: null, description: null, sender_pid: null, pc: null } },
      }),
    ],
  ])("differs for %s", (_name, other) => {
    expect(hash(other)).not.toBe(hash(plain));
  });

  test("of a core without its files is partial and has the broad hash of the whole one", () => {
    const bare = crash([native(libc, null), native(libc, null, { trust: "scan" })], app);
    expect(signatureOf(bare)).toMatchObject({ partial: true, broad_hash: signatureOf(plain)?.broad_hash });
  });

  test("that counts a module by its name alone for want of its file is partial, and whole where the function is a static one", () => {
    const modules = (found: "missing" | "upload") => [
      { path: library, build_id: null, start: "0x1", end: "0x2", size: 1, found, symbols: false, debug_info: false },
    ];
    const bare = (found: "missing" | "upload") => crash([native(library, null), native(libpython, null), evaluator], app, { modules: modules(found) });
    expect(kept(bare("missing"))).toEqual(["SIGSEGV", "libstock", "stock.load", "run.main", "run.<module>"]);
    expect(signatureOf(bare("missing"))).toMatchObject({ partial: true, broad_hash: signatureOf(plain)?.broad_hash });
    expect(signatureOf(bare("upload"))).toMatchObject({ partial: false });
    const inside = crash([native(libc, null), native(library, "stock_drop"), evaluator], app, {
      modules: modules("missing").map((module) => ({ ...module, path: libc })),
    });
    expect(signatureOf(inside)).toMatchObject({ partial: true });
    expect(signatureOf(crash([native(library, null)], [], { modules: modules("missing") }))).toMatchObject({ partial: false });
  });

  test("of a thread without Python joins no other by the signal alone, and is none where nothing but the signal is known", () => {
    const guessed = native("/opt/libpost.so", null, { trust: "scan", offset: "0x9" });
    const nowhere = { ...native("/opt/libpost.so", null), module: null };
    expect(signatureOf(crash([native("/opt/libpost.so", null, { offset: "0x42" }), guessed], []))).toMatchObject({ partial: false });
    expect(signatureOf(crash([nowhere], []))).toBeNull();
    expect(signatureOf(crash([nowhere], app))).toMatchObject({ partial: true });
    const message = { code: "abort_message", title: "", detail: "", confidence: "certain" as const, lwp: null, evidence: { message: "no tape" }, links: [] };
    expect(kept(crash([nowhere], [], { diagnoses: [message] }))).toEqual(["SIGSEGV no tape"]);
  });

  test("counts no function that starts every program, where no Python frame is known", () => {
    const start = [native(libpython, "Py_BytesMain"), native(libc, "__libc_start_main"), native("/usr/bin/python3.11", "_start")];
    const lost = (offset: string) => crash([native("/opt/blob", null, { offset }), native(libpython, null), ...start], []);
    expect(kept(lost("0x42"))).toEqual(["SIGSEGV", "blob@abcdef012345+0x42"]);
    expect(hash(lost("0x43"))).not.toBe(hash(lost("0x42")));
  });

  test("goes by build-id and offset where nothing has a name", () => {
    expect(kept(crash([native("/opt/blob", null, { offset: "0x42" })], []))).toEqual(["SIGSEGV", "blob@abcdef012345+0x42"]);
  });

  test("is the cycle of a recursion, wherever it ended", () => {
    const turn = (names: string[], times: number) => Array.from({ length: times }, () => names.map((name) => python("/srv/app/run.py", name))).flat();
    const one = crash([evaluator], [...turn(["ping", "pong"], 5), python("/srv/app/run.py", "<module>")]);
    const other = crash([evaluator], [python("/srv/app/run.py", "pong"), ...turn(["ping", "pong"], 40), python("/srv/app/run.py", "<module>")]);
    const folded = crash(
      [evaluator],
      [...turn(["ping", "pong"], 1), { kind: "folded", cycle: 2, count: 900 }, ...turn(["ping", "pong"], 1), python("/srv/app/run.py", "<module>")],
    );
    expect(kept(one)).toEqual(["SIGSEGV", "run.ping", "run.pong"]);
    expect([hash(other), hash(folded)]).toEqual([hash(one), hash(one)]);
  });

  test("is the same whichever check of the allocator noticed, and where it faulted before it did", () => {
    const words = (message: string) => [
      { code: "abort_message", title: "", detail: "", confidence: "certain" as const, lwp: 1, evidence: { message }, links: [] },
    ];
    const signal = (number: number, name: string) => ({ number, name, code: null, address: null, description: null, sender_pid: null, pc: null });
    const died = (number: number, name: string, inside: readonly string[], message: string | null) =>
      crash([...inside.map((each) => native(libc, each)), native(library, "stock_drop"), evaluator], app, {
        process: { ...plain.process, signal: signal(number, name) },
        diagnoses: message === null ? [] : words(message),
      });
    const [free, other, fault] = [
      died(6, "SIGABRT", ["raise", "abort", "free"], "free(): invalid pointer"),
      died(6, "SIGABRT", ["raise", "abort", "__libc_free"], "munmap_chunk(): invalid pointer"),
      died(11, "SIGSEGV", ["free"], null),
    ];
    expect(kept(free)).toEqual(["crash of the allocator", "libstock!stock_drop", "stock.load", "run.main", "run.<module>"]);
    expect([hash(other), hash(fault)]).toEqual([hash(free), hash(free)]);
    const aborted = died(6, "SIGABRT", ["raise", "abort"], "no tape");
    expect(kept(aborted)?.[0]).toBe("SIGABRT no tape");
    // Somebody else's code between the crash and the allocator: it was called back, and fell by itself.
    expect(kept(crash([native(library, "compare"), native(libc, "qsort"), native(libc, "malloc"), evaluator], app))?.[0]).toBe("SIGSEGV");
  });

  test("has the fatal error's words as its class, without what differs from run to run", () => {
    const fatal = (message: string) =>
      crash([evaluator], app, { diagnoses: [{ code: "fatal_error", title: "", detail: "", confidence: "certain", lwp: 1, evidence: { message }, links: [] }] });
    expect(hash(fatal("bad ref count 17 at 0x7f01"))).toBe(hash(fatal("bad ref count 3 at 0x7fffa")));
    expect(hash(fatal("bad ref count"))).not.toBe(hash(fatal("no memory")));
  });

  test("is not there where nothing died", () => {
    expect(signatureOf(crash([evaluator], app, { process: { ...plain.process, started_by_gcore: true } }))).toBeNull();
  });

  test("never throws, whatever the names are", () => {
    const name = fc.oneof(fc.string(), fc.constantFrom("_ZN", "_ZN3fooIE", "operator<(", "<", "a<b<c", "::"));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name)), fc.array(fc.tuple(name, name)), (natives, pythons) => {
        const report = crash(
          natives.map(([module, symbol]) => native(module, symbol)),
          pythons.map(([file, symbol]) => python(file, symbol)),
        );
        expect(signatureOf(report)).toEqual(signatureOf(report));
      }),
      { numRuns: 300 },
    );
  });
});

describe("rules for native frames", () => {
  test.each([
    ["raise", "libc", libc, "ends the process"],
    ["assert_fail", "libc", libc, "a failed assertion"],
    ["malloc_printerr", "libc", libc, "the allocator found"],
    ["Py_FatalError", "libpython3.12", libpython, "CPython's own fatal error"],
    ["core::panicking::panic", "_rust", "/x/_rust.so", "a failed check or panic"],
    ["_start", "python3.11", "/usr/bin/python3.11", "starts the program"],
    ["Py_BytesMain", "libpython3.12", libpython, "starts the program"],
    ["qsort", "libc", libc, "the C library"],
    [null, "linux-vdso", "linux-vdso.so.1", "the kernel's page"],
    ["frob", "libstdc++", "/usr/lib/libstdc++.so.6", "the compiler's runtime"],
    ["frob", "libjemalloc", "/usr/lib/libjemalloc.so.2", "an allocator"],
    ["ffi_call", "libffi", "/usr/lib/libffi.so.8", "the way from Python"],
    ["load", "_json", "/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so", "an extension module of the standard library"],
    ["PyList_Sort", "python3.11", "/usr/bin/python3.11", "the interpreter"],
  ])("%s of %s: dropped", (name, module, path, why) => {
    expect(nativeRule({ name, module, path })?.why).toContain(why);
  });

  test("leave other modules alone", () => {
    expect(nativeRule({ name: "dgemm_", module: "libopenblas", path: "/x/numpy.libs/libopenblas.so" })).toBeNull();
  });
});

test.each([
  ["__memcpy_avx_unaligned_erms", "memcpy"],
  ["__memmove_ssse3_back", "memmove"],
  ["__strlen_evex512", "strlen"],
  ["__GI_raise", "raise"],
  ["parse.constprop.0.isra.3", "parse"],
  ["parse.part.0.cold", "parse"],
  ["qsort@@GLIBC_2.2.5", "qsort"],
  ["dgemm_kernel_HASWELL", "dgemm_kernel"],
  ["std::vector<int, std::allocator<int> >::push_back(int&&)", "std::vector<>::push_back"],
  ["_ZN3foo3barEi", "foo::bar"],
  ["_ZN3foo6WidgetIiSaIiEE4drawEv", "foo::Widget<>::draw"],
  ["_ZN4core9panicking5panic17h0123456789abcdefE", "core::panicking::panic"],
  ["plain_name", "plain_name"],
])("the name %s is %s", (raw, plain) => {
  expect(plainNativeName(raw)).toBe(plain);
});

test.each([
  ["/usr/lib/libfoo-1.2.so.3.4", "libfoo"],
  ["/x/_json.cpython-311-x86_64-linux-gnu.so", "_json"],
  ["/x/_rust.abi3.so", "_rust"],
  ["/x/numpy.libs/libopenblas64_p-r0-0cf96a72.3.23.dev.so", "libopenblas64_p"],
  ["/lib/ld-linux-x86-64.so.2", "ld-linux-x86-64"],
  ["/usr/bin/python3.11", "python3.11"],
])("the module %s is %s", (path, name) => {
  expect(moduleName(path)).toBe(name);
});

test.each([
  ["/venv/lib/python3.12/site-packages/flask/app.py", "flask.app", "package"],
  ["/usr/lib/python3/dist-packages/apt/__init__.py", "apt", "package"],
  ["/usr/lib/python3.11/json/decoder.py", "json.decoder", "standard library"],
  ["<frozen importlib._bootstrap>", "importlib._bootstrap", "standard library"],
  ["/usr/lib/python311.zip/json/__init__.py", "json", "standard library"],
  ["/tmp/x/app.pyz/shop/cart.py", "shop.cart", "user"],
  ["/srv/app/shop/cart.py", "shop.cart", "user"],
  ["/elsewhere/deep/tool.py", "tool", "user"],
  ["<string>", "<string>", "user"],
  [null, "?", "user"],
])("the file %s is the module %s", (file, module, of) => {
  expect(pythonPlace(file, "/srv/app/")).toEqual({ module, of });
});

test.each([
  ["app", "<listcomp>", "user", "a comprehension"],
  ["importlib._bootstrap", "_call_with_frames_removed", "standard library", "the import system"],
  ["runpy", "_run_code", "standard library", "starts the program"],
  ["threading", "_bootstrap_inner", "standard library", "starts a thread"],
  ["asyncio.events", "_run", "standard library", "the event loop"],
  ["contextlib", "inner", "standard library", "a wrapper"],
  ["_pytest.python", "pytest_pyfunc_call", "package", "a test runner"],
  ["atexit", "_run_exitfuncs", "standard library", "runs functions at exit"],
] as const)("%s.%s is passed over", (module, name, of, why) => {
  expect(pythonRule({ module, of }, name)?.why).toContain(why);
});

test("a user's own module is passed over for no name of Python's", () => {
  expect(pythonRule({ module: "site", of: "user" }, "dispatch")).toBeNull();
});

test.each([
  ["free(): double free detected in tcache 2", "free(): double free detected in tcache #"],
  ["object at 0x7f00 in /srv/app/x.c:17\nmore", "object at # in x.c:#"],
])("the message %j is %j", (message, plain) => {
  expect(plainMessage(message)).toBe(plain);
});

test.each([
  "PyEval_RestoreThread: NULL tstate",
  "PyThreadState_Get: no current thread",
  "the function must be called with the GIL held, but the GIL is released (the current Python thread state is NULL)",
  "the function must be called with the GIL held, after Python initialization and before Python finalization, but the GIL is released",
  "the function must be called with an active thread state, after Python initialization and before Python finalization, but it was called without one",
])("what releases of CPython say of a missing GIL is one class: %j", (message) => {
  const diagnosis = { code: "fatal_error", title: "", detail: "", confidence: "certain" as const, lwp: null, evidence: { message }, links: [] };
  expect(messageClass([diagnosis])).toBe("a thread without the GIL called Python");
});

test("a cycle is found and turned to one form", () => {
  expect(findCycle(["x", "a", "b", "a", "b", "a", "b", "y"])).toEqual({ start: 1, length: 2, end: 7 });
  expect(findCycle(["a", "b", "a", "b"])).toBeNull();
  expect(turned(["b", "c", "a"])).toEqual(turned(["a", "b", "c"]));
});
