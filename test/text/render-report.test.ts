import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Report } from "../../services/contract/report.ts";
import type { Frame, PythonFrame } from "../../services/contract/thread.ts";
import { renderText } from "../../services/text/render-report.ts";
import { golden } from "../support/golden.ts";
import { module, nativeFrame, pythonFrame, report, thread } from "./sample-report.ts";

const goldenText = (name: string, text: string) => golden(new URL(`./goldens/${name}.txt`, import.meta.url), text);

const callback = pythonFrame("key", 12, {
  qualname: "Ranking.key",
  source_line: "    return native.hash(item)",
  locals: [
    { name: "self", type: "Ranking", repr: "<__main__.Ranking object at 0x7f98a4b01040>", truncated: false },
    { name: "item", type: "dict", repr: `{'name': 'caf\u00e9', 'tags': ['a', 'b'], 'payload': '${"x".repeat(200)}'}`, truncated: true },
  ],
});
const run = pythonFrame("run", 30, { locals: [{ name: "items", type: "list", repr: "[1, 2, 3]", truncated: false }] });
const main = pythonFrame("<module>", 41, { entry: false });

const crashed = thread(4711, {
  name: "MainThread",
  crashed: true,
  gil: "holder",
  waits_for: null,
  state: "running",
  frames: [
    nativeFrame("strlen"),
    nativeFrame("hash_item", { file: "./src/native.c", line: 88, module: "/srv/app/native.cpython-311-x86_64-linux-gnu.so", inlined: true }),
    nativeFrame("native_hash", { file: "./src/native.c", line: 120, module: "/srv/app/native.cpython-311-x86_64-linux-gnu.so" }),
    callback,
    nativeFrame("list_sort_impl", { module: "/usr/bin/python3.11", offset: "0x11d3f0" }),
    run,
    main,
  ],
  python_frames: [callback, run, main],
  exception: { type: "KeyError", message: "'rank'", handled: true, chain: [{ relation: "context", type: "ValueError", message: "no rank" }] },
});

const waiting = (lwp: number, name: string) =>
  thread(lwp, {
    name,
    state: "waiting_lock",
    frames: [nativeFrame("__futex_abstimed_wait_common"), pythonFrame("wait", 320, { file: "/usr/lib/python3.11/threading.py" }), pythonFrame("work", 17)],
    python_frames: [pythonFrame("wait", 320, { file: "/usr/lib/python3.11/threading.py" }), pythonFrame("work", 17)],
  });

const whole: Report = report({
  threads: [
    crashed,
    ...Array.from({ length: 10 }, (_, index) => waiting(4712 + index, `worker-${index}`)),
    thread(4730, { state: "sleeping", python_frames: [pythonFrame("nap", 7)] }),
    thread(4731, { state: "waiting_io", python_thread_id: null, frames: [nativeFrame("epoll_wait")], native_frames: [nativeFrame("epoll_wait")] }),
  ],
  diagnoses: [
    {
      code: "null_dereference",
      title: "A null pointer was dereferenced, at offset 16",
      detail: "The process touched address 0x10, which is in the first page. That page is never mapped: the pointer was null.",
      confidence: "certain",
      lwp: 4711,
      evidence: {},
      links: ["https://docs.python.org/3/c-api/exceptions.html"],
    },
  ],
  suspended: [
    { kind: "task", name: "Task-7", state: "pending", awaited_by: ["main"], frames: [pythonFrame("fetch", 52), pythonFrame("poll", 60)] },
    { kind: "async_generator", name: "ticker", state: null, awaited_by: [], frames: [pythonFrame("ticker", 71)] },
  ],
  warnings: [{ code: "debugger_died", detail: "gdb with debug information: gdb was ended by SIGSEGV" }],
  modules: [
    module("/usr/bin/python3.11", { found: "mismatch", start: "0x555555554000" }),
    module("/usr/lib/x86_64-linux-gnu/libc.so.6", { symbols: true }),
    module("/usr/lib/x86_64-linux-gnu/libm.so.6", { found: "missing", build_id: null }),
    module("/srv/app/native.cpython-311-x86_64-linux-gnu.so", { found: "store", debug_info: true }),
  ],
  registers: Object.fromEntries(["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rip"].map((name, index) => [name, `0x${(index * 0x1010).toString(16)}`])),
  disassembly: [
    { address: "0x7f98a4ac3524", text: "mov    %rdi,%rax", current: false },
    { address: "0x7f98a4ac3528", text: "movdqu (%rax),%xmm4", current: true },
  ],
});

describe("the report as text", () => {
  test("tells a whole report in reading order", async () => {
    const text = renderText(whole);
    expect(text).toBe(await goldenText("whole", text));
  });

  test("tells what the core alone gave", async () => {
    const alone = report({
      python: null,
      python_missing_reason: "the interpreter's file is missing and the core holds no debug offsets",
      threads: [thread(9, { crashed: true, python_thread_id: null, gil: null })],
      modules: [module("/opt/app/bin/service", { found: "missing" })],
    });
    const text = renderText(alone);
    expect(text).toBe(await goldenText("core-alone", text));
  });

  test("tells a deep recursion by its cycle", async () => {
    const folded = { kind: "folded" as const, cycle: 2, count: 4_998 };
    const frames = [pythonFrame("even", 4), pythonFrame("odd", 8), folded, pythonFrame("even", 4), pythonFrame("<module>", 10)];
    const deep = report({ threads: [thread(4711, { crashed: true, frames, python_frames: frames })] });
    const text = renderText(deep);
    expect(text).toBe(await goldenText("deep-recursion", text));
  });

  test("tells a process that lived on", async () => {
    const base = report();
    const live = report({
      process: { ...base.process, signal: null, started_by_gcore: true },
      threads: [thread(4711, { state: "sleeping", python_frames: [pythonFrame("nap", 7)] })],
    });
    const text = renderText(live);
    expect(text).toBe(await goldenText("gcore", text));
  });

  test("opens with what died, of what, where in Python, in which thread, and why", () => {
    const [first, ...rest] = renderText(whole).split("\n");
    expect(first).toBe("python3.11 (pid 4711) died of SIGSEGV: segmentation fault: nothing is mapped there");
    const opening = rest.slice(0, 9).join("\n");
    for (const told of ["Ranking.key", "/srv/app/main.py:12", 'MainThread"', "null pointer"]) expect(opening).toContain(told);
  });

  test("tells how it was run as a command line would, and of the environment what is harmless", () => {
    const base = report();
    const flags = { optimize: 2, isolated: 1, no_user_site: 1, ignore_environment: 1, dev_mode: 1, dont_write_bytecode: 0 };
    const run = {
      executable: "/srv/venv/bin/python",
      argv: ["/srv/app/main.py", "--fast\u001b[31m"],
      flags,
      x_options: ["dev", "tracemalloc=5"],
      warn_options: ["error"],
      hash_seed: 0,
      unbuffered: true,
      prefix: "/srv/venv",
      base_prefix: "/usr",
    };
    const environment = [
      { name: "LANG", value: "C.UTF-8" },
      { name: "SECRET", value: null },
    ];
    const text = renderText(report({ process: { ...base.process, environment }, python: base.python === null ? null : { ...base.python, run } }));
    expect(text).toContain(
      `How it was run
──────────────
options    -OO -I -u -X dev -X tracemalloc=5 -W error
hash seed  0: hashes are not randomized
venv       /srv/venv, of the Python in /usr
sys.argv   /srv/app/main.py --fast\\x1b[31m
environment  LANG=C.UTF-8 and 1 more, by name in the JSON report
`,
    );
  });

  test("tells what was open and what was lost in a buffer, not the standard streams, and the census that was asked for", () => {
    const file = (fd: number, name: string, unflushed: number | null) => ({ address: "0x1000", fd, name, mode: "wb", unflushed, allocated_at: null });
    const socket = { address: "0x1000", fd: 5, family: "AF_INET", type: "SOCK_STREAM", protocol: 0, local_address: null, allocated_at: "app.py:3" };
    const open_files = { files: [file(1, "<stdout>", 0), file(2, "<stderr>", null), file(7, "/srv/\u001bout", 12)], sockets: [socket], whole: true };
    const census = { objects: 30, unreadable: 0, types: 2, whole: true, by_type: [{ type: "app.Row", count: 20, bytes: 1_280 }] };
    const text = renderText(report({ open_files, census }));
    expect(text).toContain(
      "What was open\n─────────────\n  fd 5    AF_INET SOCK_STREAM, made at app.py:3\n  fd 7    wb   /srv/\\x1bout, 12 bytes never flushed\n",
    );
    expect(text).not.toContain("<stdout>");
    const more = {
      children: [{ address: "0x1000", pid: 77, command: "sleep\u001b 10", allocated_at: null }],
      maps: [{ address: "0x1000", start: "0x7f0000000000", size: 8_192, name: "/srv/data.bin", offset: 0, allocated_at: "app.py:9" }],
      databases: [
        { address: "0x1000", fd: 9, name: "/srv/shop.db", allocated_at: null },
        { address: "0x1000", fd: null, name: null, allocated_at: null },
      ],
    };
    expect(renderText(report({ open_files: { ...open_files, ...more } }))).toContain(
      "  sqlite3 /srv/shop.db (fd 9)\n  sqlite3 of no known file\n  mmap    /srv/data.bin, 8192 bytes at 0x7f0000000000, made at app.py:9\n  child   77 sleep\\x1b 10\n",
    );
    expect(text).toContain("  30 objects of 2 types\n          1280 bytes        20  app.Row\n");
  });

  test("writes a fatal error as the interpreter does, and makes up no message", () => {
    const fatal = (message: string | null) => ({
      code: "fatal_error",
      title: "Fatal Python error",
      detail: "",
      confidence: "certain" as const,
      lwp: 1,
      evidence: { message, function: "f", frame: "_Py_FatalErrorFunc" },
      links: [],
    });
    const text = (message: string | null) =>
      renderText(report({ threads: [thread(1, { crashed: true, python_frames: [pythonFrame("f", 1)] })], diagnoses: [fatal(message)] }));
    expect(text("one\ntwo\u001b")).toContain("\nFatal Python error: f: one\ntwo\\x1b\nPython runtime state: initialized\n\nCurrent thread ");
    expect(text(null)).not.toContain("Fatal Python error: ");
  });

  test("folds threads that stand at the same place, and no others", () => {
    const text = renderText(whole);
    expect(text).toContain("10 threads alike: waiting for a lock");
    expect(text).toContain('4712 "worker-0"');
    expect(text.match(/^Thread \d+:/gm)).toEqual(["Thread 4730:", "Thread 4731:"]);
  });

  test("keeps apart threads whose lines differ", () => {
    const two = [waiting(1, "a"), { ...waiting(2, "b"), frames: [pythonFrame("work", 18)] }];
    expect(renderText(report({ threads: [crashed, ...two] }))).not.toContain("threads alike");
  });

  test("writes Python frames as the interpreter does, so that its own pattern reads them back", () => {
    const text = renderText(whole);
    const tracebackFrames = [...text.matchAll(/^ {2}File "(.*)", line (\d+), in (.*)$/gm)].map((match) => [match[1], match[2], match[3]]);
    expect(tracebackFrames).toEqual([
      ["/srv/app/main.py", "41", "<module>"],
      ["/srv/app/main.py", "30", "run"],
      ["/srv/app/main.py", "12", "key"],
    ]);
    const current = /^Current thread 0x[0-9a-f]{16} \(most recent call first\):\n((?: {2}File ".*", line \d+ in .*\n)+)/m.exec(text);
    expect(
      current?.[1]
        ?.split("\n")
        .filter(Boolean)
        .map((line) => line.split(" in ")[1]),
    ).toEqual(["key", "run", "<module>"]);
  });

  test("writes what faulthandler of the version writes of a long stack, and of a thread that is gone", () => {
    const long = Array.from({ length: 120 }, (_, index) => pythonFrame("descend", index + 1));
    const gone = { ...thread(1, { name: "Thread-2", python_frames: [main], python_index: 1 }), lwp: null };
    const base = report();
    const at = (version: string) => {
      const python = base.python === null ? null : { ...base.python, version };
      const text = renderText(report({ python, threads: [{ ...crashed, python_index: 0, python_frames: long }, gone] }));
      return text.slice(text.indexOf("Fatal Python error"), text.indexOf("Registers"));
    };
    expect(at("3.12.1")).toMatch(/line 100 in descend\n {2}\.\.\.\n/);
    expect(at("3.13.0")).toMatch(/line 100 in descend\n\n/);
    expect(at("3.14.0")).toMatch(/\nThread 0x[0-9a-f]+ \(most recent/);
  });

  test("stays within the page, but for paths and names that are longer", () => {
    const wide = renderText(whole)
      .split("\n")
      .filter((line) => [...new Intl.Segmenter().segment(line)].length > 100);
    expect(wide).toEqual([]);
  });
});

/** Text that would do something to a terminal: controls but for the line feed, and marks that turn the direction. */
// oxlint-disable-next-line eslint/no-control-regex -- these are what must not be there
const dangerous = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

test("suspended work that stands at one place is told once, with its names", () => {
  const task = (name: string, line: number) => ({
    kind: "task" as const,
    name,
    state: "pending",
    awaited_by: ["main"],
    frames: [pythonFrame("worker", line, { file: "/srv/app.py" })],
  });
  const many = Array.from({ length: 200 }, (_, at) => task(`Task-${at}`, 7));
  const text = renderText(report({ suspended: [...many.slice(0, 100), task("odd", 8), ...many.slice(100)] }));
  expect(text).toContain("200 tasks alike (pending), awaited by main\n  Task-0, Task-1, Task-2, Task-3, Task-4, Task-5, Task-6, Task-7, … 192 more\n");
  expect(text.match(/app\.py:7/g)).toHaveLength(1);
  expect(text).toContain("task odd (pending), awaited by main\n");
});

test("an exception without a message is its type alone", () => {
  const text = renderText(report({ threads: [thread(1, { exception: { type: "GeneratorExit", message: "", handled: true, chain: [] } })] }));
  expect(text).toContain("while handling GeneratorExit\n");
});

describe("the report as text, of hostile strings", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom("\u001b]0;owned\u0007", "\u001b[2J", "a\rb", "line\nbreak", "\u202egnp.exe", "\u009b31m", "\ud800", "x".repeat(50_000)),
  );
  const pythons = fc.array(
    fc
      .record({ name: hostile, file: hostile, source: hostile, local: hostile, repr: hostile })
      .map(
        ({ name, file, source, local, repr }): PythonFrame =>
          pythonFrame(name, 1, { file, source_line: source, qualname: name, locals: [{ name: local, type: repr, repr, truncated: false }] }),
      ),
    { maxLength: 3 },
  );
  const natives = fc.array(
    fc.record({ name: hostile, file: hostile, module: hostile }).map(({ name, file, module }) => nativeFrame(name, { file, module })),
    { maxLength: 3 },
  );

  test("shows none of their control characters and never throws", () => {
    fc.assert(
      fc.property(pythons, natives, hostile, (python_frames, native_frames, text) => {
        const frames: Frame[] = [...native_frames, ...python_frames];
        const base = report();
        const hostileReport = report({
          process: {
            ...base.process,
            executable: text,
            command_line: [text, text],
            signal: { number: 64, name: null, code: text, address: null, description: text, sender_pid: 1, pc: "0x0" },
          },
          threads: [1, 2].map((lwp) =>
            thread(lwp, {
              name: text,
              state: text,
              frames,
              native_frames,
              python_frames,
              exception: { type: text, message: text, handled: false, chain: [{ relation: "cause", type: text, message: text }] },
            }),
          ),
          suspended: [{ kind: "coroutine", name: text, state: text, awaited_by: [text], frames: python_frames }],
          modules: [module(text), module(text, { found: "missing" })],
          warnings: [{ code: text, detail: text }],
          diagnoses: [{ code: "x", title: text, detail: text, confidence: "possible", lwp: null, evidence: { text }, links: [text] }],
          registers: { [text]: text },
          disassembly: [{ address: "0x1", text, current: true }],
          python_missing_reason: text,
        });
        for (const each of [hostileReport, { ...hostileReport, python: null }]) expect(renderText(each)).not.toMatch(dangerous);
      }),
      { numRuns: 300 },
    );
  });

  test("keeps letters of every script as they are", () => {
    const frames = [pythonFrame("größe", 1, { file: "/srv/日本/значение.py" })];
    expect(renderText(report({ threads: [thread(1, { frames, python_frames: frames })] }))).toContain("größe");
    expect(renderText(report({ threads: [thread(1, { frames, python_frames: frames })] }))).toContain("/srv/日本/значение.py:1");
  });
});
