/**
 * The crash programs and what a report of each must show.
 *
 * `stack` is the crashed thread's Python stack, innermost first. Where a program has a line marked `# at: NAME`, the frame of that
 * name must stand on that line. Beside this, every program that runs on Python 3 is compared with what faulthandler printed in the
 * same run, frame by frame and thread by thread, so nothing here can drift from what the interpreter itself says.
 */
import type { Interpreter } from "./make-core.ts";

/** What a thread waits for: its kind, the name that the report gives it, the thread that has it (null: nobody is known to). */
interface Waits {
  readonly kind: string;
  readonly name?: string;
  readonly owner: string | null;
}

interface ThreadEntry {
  readonly name: string;
  readonly function: string;
  readonly state?: string;
  readonly waits?: Waits;
  /** The first version that has it. */
  readonly from?: readonly [number, number];
}

export interface CorpusEntry {
  readonly program: string;
  /** Versions it runs on, both ends included: [3, 8] is every 3.8.x. */
  readonly from?: readonly [number, number];
  readonly to?: readonly [number, number];
  /** `SIGSEGV|SIGBUS` where it depends on the register that the compiler chose. */
  readonly signal: string;
  readonly stack: readonly string[];
  /** By function of the crashed thread: local name to its repr, or to a pattern that the repr must match. */
  readonly locals?: Readonly<Record<string, Readonly<Record<string, string | RegExp>>>>;
  /** Other threads that must be there: name and innermost user function (null: any). */
  readonly threads?: readonly ThreadEntry[];
  readonly crashedThread?: string;
  readonly exception?: { readonly type: string; readonly message?: string };
  readonly diagnosis?: string;
  /** What its evidence gives as the message. */
  readonly message?: RegExp;
  /** By name: what its evidence must match, as JSON. */
  readonly evidence?: Readonly<Record<string, RegExp>>;
  /** What the diagnosis rests on beside the core. Without it none is told, or the same. */
  readonly needs?: "binaries" | "symbols";
  /** Codes that the report must not have. */
  readonly never?: readonly string[];
  /** Codes that it must have, whatever comes first. */
  readonly also?: readonly string[];
  /** Cored from outside once the program has printed `ready`. */
  readonly gcore?: true;
  /** For the interpreter, on top of what every program gets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Only in the wide matrix: too heavy for every run. */
  readonly heavy?: true;
  /** Not on free-threaded builds. */
  readonly withGil?: true;
  /** `stack` is only the innermost part. */
  readonly innermostOnly?: true;
  /** The crashed thread is told to its outer end, however deep it is. */
  readonly toTheEnd?: true;
  /** What is otherwise in a build with `Py_DEBUG`, which checks more; each of the version `from` and newer. */
  readonly debug?: readonly Partial<Omit<CorpusEntry, "program" | "to" | "debug">>[];
}

const inTheMiddle = ["crash_in_signal_handler", "crash_during_import", "crash_during_finalization"];

export const corpus: readonly CorpusEntry[] = [
  {
    program: "null_dereference.py",
    signal: "SIGSEGV",
    stack: ["inner", "middle", "main", "<module>"],
    locals: {
      inner: { depth: "6", squares: "[0, 1, 4, 9, 16, 25]" },
      middle: { items: "(1, 2, 3)", total: "6" },
      main: { settings: /^\{.*'host': 'web1'.*\}$/ },
    },
    diagnosis: "null_dereference",
    never: inTheMiddle,
  },
  { program: "c_calls_back.py", signal: "SIGSEGV", stack: ["key", "compare", "run", "<module>"] },
  {
    program: "threads.py",
    signal: "SIGSEGV",
    stack: ["crash", "<module>"],
    threads: [
      { name: "locker", function: "waits_for_lock", state: "waiting_lock" },
      { name: "sleeper", function: "sleeps", state: "sleeping" },
      { name: "reader", function: "reads", state: "waiting_io" },
    ],
  },
  {
    program: "crash_in_thread.py",
    signal: "SIGSEGV",
    stack: ["victim"],
    innermostOnly: true,
    crashedThread: "crasher",
    locals: { victim: { number: "7", label: "'job-7'" } },
  },
  { program: "generators.py", signal: "SIGSEGV", stack: ["innermost", "outer", "<genexpr>", "run", "<module>"] },
  { program: "coroutines.py", from: [3, 6], signal: "SIGSEGV", stack: ["deepest", "between", "numbers", "main"], innermostOnly: true },
  {
    program: "kinds_of_code.py",
    signal: "SIGSEGV",
    stack: ["crash", "<lambda>", "Body", "<module>", "run", "<module>"],
    never: inTheMiddle,
  },
  {
    program: "names_outside_latin.py",
    from: [3, 6],
    signal: "SIGSEGV",
    stack: ["größe", "计算", "fn", "<module>"],
    locals: { größe: { länge: "'🐍 snake'" } },
  },
  { program: "aborts.py", signal: "SIGABRT", stack: ["give_up", "<module>"], locals: { give_up: { reason: "'enough'" } } },
  { program: "killed_by_other.py", signal: "SIGSEGV", stack: ["wait_to_die", "<module>"], diagnosis: "sent_by_process" },
  { program: "raises_own_signal.py", signal: "SIGABRT", stack: ["stop_here", "<module>"] },
  {
    program: "handles_exception.py",
    signal: "SIGSEGV",
    never: ["known_issue"],
    stack: ["recover", "<module>"],
    exception: { type: "KeyError", message: "'no such setting: nine'" },
  },
  {
    program: "out_of_memory.py",
    from: [3, 6],
    signal: "SIGSEGV",
    stack: ["load", "<module>"],
    exception: { type: "MemoryError" },
    diagnosis: "null_dereference",
    also: ["known_issue"],
  },
  {
    program: "deep_recursion.py",
    to: [3, 13],
    signal: "SIGSEGV",
    stack: ["descend"],
    innermostOnly: true,
    diagnosis: "stack_overflow",
    // From glibc 2.42 on the guard is inside the mapping: only the instruction tells that it was met.
    needs: "binaries",
    evidence: {
      stack: /"kind":"thread"/,
      recursion_limit: /^(1000000|null)$/,
      limits: /"python_depth":\d.*"thread_stack":\{"start":"0x\w+","size":1[23]\d{4},.*"stack_growth":null/,
    },
  },
  {
    program: "main_overflow.py",
    to: [3, 11],
    signal: "SIGSEGV",
    stack: ["descend"],
    innermostOnly: true,
    diagnosis: "stack_overflow",
    evidence: { stack: /"size":83\d{5},"kind":"main"/, limits: /"thread_stack":null,"stack_growth":\{"at_least":83\d{5},"below":8\d{6}\}/ },
    heavy: true,
  },
  { program: "python_recursion.py", signal: "SIGSEGV", stack: ["descend"], innermostOnly: true, heavy: true, diagnosis: "null_dereference" },
  // From 3.12 on C recursion has a bound of its own.
  {
    program: "encoder_recursion.py",
    to: [3, 11],
    signal: "SIGSEGV",
    stack: ["default"],
    innermostOnly: true,
    toTheEnd: true,
    heavy: true,
    diagnosis: "null_dereference",
  },
  { program: "in_destructor.py", signal: "SIGSEGV", stack: ["__del__", "release", "<module>"], never: inTheMiddle },
  {
    program: "at_exit.py",
    signal: "SIGSEGV",
    stack: ["leave"],
    innermostOnly: true,
    locals: { leave: { reason: "'done'" } },
    also: ["crash_during_finalization"],
    // Callbacks run before the interpreter says that it ends: only the C functions tell.
    needs: "binaries",
  },
  { program: "during_import.py", signal: "SIGSEGV", stack: ["initialise", "<module>"], innermostOnly: true, also: ["crash_during_import"], needs: "binaries" },
  {
    program: "in_handler.py",
    to: [3, 10],
    signal: "SIGSEGV",
    stack: ["on_usr1", "work", "<module>"],
    also: ["crash_in_signal_handler"],
    never: inTheMiddle.slice(1),
    needs: "binaries",
  },
  {
    program: "in_handler.py",
    from: [3, 11],
    signal: "SIGSEGV",
    stack: ["on_usr1", "work", "<module>"],
    also: ["crash_in_signal_handler"],
    never: inTheMiddle.slice(1),
  },
  { program: "zipped.py", signal: "SIGSEGV", stack: ["crash", "run", "<module>"], locals: { crash: { value: "3" } } },
  {
    program: "closures.py",
    signal: "SIGSEGV",
    stack: ["closure", "<module>"],
    locals: { closure: { first: "1", rest: "(2, 3)", options: "{'key': 'value'}", counter: "2", limit: "5", total: "8", names: "('a', 'b')" } },
  },
  {
    program: "trashed_type.py",
    signal: "SIGSEGV",
    stack: ["overwrite", "<module>"],
    locals: { overwrite: { healthy: "[1, 2, 3]", another: "{'still': 'readable'}" } },
  },
  {
    program: "huge_size.py",
    signal: "SIGSEGV",
    stack: ["overwrite", "<module>"],
    locals: { overwrite: { before: "'before'", after: /^12345678901234567890123L?$/ } },
  },
  {
    program: "smashes_stack.py",
    signal: "SIGSEGV",
    stack: ["overflow", "handle", "<module>"],
    locals: { overflow: { kept: "'still readable'", size: "1024" }, handle: { request: "'0123456789abcdef'" } },
  },
  // mimalloc reserves 32 MiB for each thread of a free-threaded build: the core is one of 34 GB of holes.
  { program: "many_threads.py", signal: "SIGSEGV", stack: ["crash", "<module>"], heavy: true, withGil: true },
  { program: "subinterpreters.py", from: [3, 8], signal: "SIGSEGV", stack: ["inside", "<module>"], innermostOnly: true },
  {
    program: "deadlock.py",
    signal: "gcore",
    stack: ["<module>"],
    needs: "binaries",
    gcore: true,
    threads: [
      { name: "takes_first", function: "takes_first", state: "waiting_lock", waits: { kind: "rlock", owner: "takes_second" } },
      { name: "takes_second", function: "takes_second", state: "waiting_lock", waits: { kind: "lock", owner: "takes_first" } },
    ],
    diagnosis: "deadlock",
  },
  {
    program: "waits.py",
    signal: "gcore",
    stack: ["<module>"],
    gcore: true,
    needs: "binaries",
    threads: [
      { name: "for_lock", function: "for_lock", waits: { kind: "lock", owner: "holder" } },
      { name: "for_released", function: "for_released", waits: { kind: "lock", owner: null } },
      { name: "for_rlock", function: "for_rlock", waits: { kind: "rlock", owner: "holder" } },
      { name: "for_condition", function: "for_condition", waits: { kind: "condition", owner: null } },
      { name: "for_event", function: "for_event", waits: { kind: "event", owner: null } },
      { name: "for_semaphore", function: "for_semaphore", waits: { kind: "semaphore", owner: null } },
      { name: "for_queue", function: "for_queue", waits: { kind: "queue", owner: null } },
      { name: "for_thread", function: "for_thread", waits: { kind: "thread", name: "holder", owner: "holder" } },
      { name: "for_a_while", from: [3, 6], function: "for_a_while", waits: { kind: "event", owner: null } },
    ],
    never: ["deadlock", "gil_wait", "abandoned_lock"],
  },
  {
    program: "waits_of_pools.py",
    from: [3, 7],
    signal: "gcore",
    stack: ["<module>"],
    gcore: true,
    needs: "binaries",
    threads: [
      { name: "for_barrier", function: "for_barrier", waits: { kind: "barrier", owner: null } },
      { name: "for_simple_queue", function: "for_simple_queue", waits: { kind: "queue", name: "simple of module __main__", owner: null } },
      { name: "for_bounded", function: "for_bounded", waits: { kind: "semaphore", owner: null } },
      { name: "for_future", function: "for_future", waits: { kind: "future", owner: "ThreadPoolExecutor-0_0" } },
      { name: "for_shutdown", function: "for_shutdown", waits: { kind: "thread", owner: "ThreadPoolExecutor-0_0" } },
      { name: "for_child", function: "for_child", waits: { kind: "process", owner: null } },
      { name: "for_process", function: "for_process", waits: { kind: "process", owner: null } },
      { name: "for_results", function: "for_results", waits: { kind: "queue", name: "results of module __main__", owner: null } },
      { name: "for_between", function: "for_between", waits: { kind: "process_lock", name: "between of module __main__", owner: "holder" } },
    ],
    never: ["deadlock", "gil_wait", "abandoned_lock"],
    heavy: true,
  },
  { program: "gil_kept.py", signal: "SIGABRT", stack: ["keeps", "<module>"], diagnosis: "gil_wait", needs: "symbols", withGil: true },
  {
    program: "import_deadlock.py",
    from: [3, 6],
    signal: "gcore",
    stack: ["<module>"],
    gcore: true,
    threads: [
      { name: "imports", function: "imports", waits: { kind: "rlock", owner: "locks" } },
      { name: "locks", function: "locks", waits: { kind: "import_lock", name: "slow_module", owner: "imports" } },
    ],
    diagnosis: "deadlock",
  },
  { program: "wild_address.py", signal: "SIGSEGV", stack: ["look", "<module>"], diagnosis: "wild_pointer" },
  { program: "not_canonical.py", signal: "SIGSEGV", stack: ["look", "<module>"], diagnosis: "wild_pointer", needs: "binaries" },
  {
    program: "freed_pattern.py",
    from: [3, 6],
    signal: "SIGSEGV",
    stack: ["look", "<module>"],
    environment: { PYTHONMALLOC: "debug" },
    diagnosis: "freed_memory_access",
    needs: "binaries",
  },
  { program: "freed_pattern_by_chance.py", from: [3, 8], signal: "SIGSEGV", stack: ["look", "<module>"], diagnosis: "wild_pointer", needs: "binaries" },
  {
    program: "first_instruction.py",
    signal: "SIGSEGV",
    stack: ["calls", "<module>"],
    diagnosis: "null_dereference",
    never: ["sent_by_process", "raised_by_itself"],
  },
  { program: "read_only.py", signal: "SIGSEGV", stack: ["scribble", "<module>"], diagnosis: "write_to_read_only", needs: "binaries" },
  { program: "past_end.py", signal: "SIGSEGV", stack: ["fill", "<module>"], diagnosis: "access_past_mapping" },
  { program: "fills_too_far.py", signal: "SIGSEGV", stack: ["fills", "<module>"], diagnosis: "access_past_mapping", never: ["write_to_read_only"] },
  { program: "cut_file.py", signal: "SIGBUS", stack: ["read_behind", "<module>"], diagnosis: "bus_error_file_truncated" },
  { program: "illegal.py", signal: "SIGILL", stack: ["trapped", "<module>"], diagnosis: "illegal_instruction", needs: "binaries" },
  { program: "division.py", signal: "SIGFPE", stack: ["divides", "<module>"], diagnosis: "division_by_zero", needs: "binaries" },
  {
    program: "division_overflow.py",
    signal: "SIGFPE",
    stack: ["divides", "<module>"],
    diagnosis: "division_overflow",
    never: ["division_by_zero"],
    needs: "binaries",
  },
  {
    program: "none_released.py",
    from: [3, 6],
    to: [3, 9],
    signal: "SIGABRT",
    stack: ["releases", "<module>"],
    diagnosis: "refcount_corruption",
    needs: "binaries",
  },
  {
    program: "none_released.py",
    from: [3, 10],
    to: [3, 11],
    signal: "SIGABRT",
    stack: ["releases", "<module>"],
    diagnosis: "refcount_corruption",
    message: /^deallocating None/,
    needs: "binaries",
  },
  {
    program: "misaligned.py",
    signal: "SIGSEGV",
    stack: ["loads", "<module>"],
    diagnosis: "misaligned_access",
    never: ["wild_pointer"],
    needs: "binaries",
    heavy: true,
  },
  { program: "returns_astray.py", signal: "SIGSEGV", stack: ["returns", "<module>"], diagnosis: "wild_pointer", needs: "binaries" },
  { program: "data_called.py", signal: "SIGSEGV", stack: ["call", "<module>"], diagnosis: "data_executed" },
  { program: "fatal_error.py", from: [3, 6], signal: "SIGABRT", stack: ["give_up", "<module>"], diagnosis: "fatal_error", needs: "binaries" },
  {
    program: "tracked_twice.py",
    from: [3, 6],
    to: [3, 7],
    signal: "SIGABRT",
    stack: ["track", "<module>"],
    diagnosis: "fatal_error",
    message: /GC object already tracked/,
    needs: "binaries",
  },
  {
    program: "tracked_twice.py",
    from: [3, 8],
    signal: "SIGABRT",
    stack: ["track", "<module>"],
    diagnosis: "fatal_error",
    evidence: {
      assertion: /"message":"object already tracked by the garbage collector",.*"type":"list".*"line":\d+,"function":"PyObject_GC_Track"/,
    },
    needs: "binaries",
  },
  { program: "cpp_exception.py", signal: "SIGABRT", stack: ["throws", "<module>"], diagnosis: "cpp_terminate", needs: "binaries" },
  { program: "cpp_terminates.py", signal: "SIGABRT", stack: ["ends", "<module>"], diagnosis: "cpp_terminate", needs: "binaries", heavy: true },
  {
    program: "fatal_in_c.py",
    from: [3, 6],
    signal: "SIGABRT",
    stack: ["restores", "<module>"],
    diagnosis: "fatal_error",
    message: /NULL/,
    needs: "binaries",
    heavy: true,
  },
  { program: "double_free.py", signal: "SIGABRT", stack: ["free_twice", "<module>"], diagnosis: "abort_message" },
  {
    program: "frees_number.py",
    signal: "SIGSEGV",
    stack: ["gives_back", "<module>"],
    diagnosis: "invalid_free",
    needs: "binaries",
    evidence: { pointer: /"0x1230"/, function: /"free"/ },
  },
  {
    program: "frees_python_memory.py",
    signal: "SIGSEGV|SIGABRT",
    stack: ["gives_back", "<module>"],
    // Of mimalloc's pages nothing is known.
    withGil: true,
    diagnosis: "invalid_free",
    needs: "binaries",
    evidence: { place: /"kind":"python"/ },
  },
  {
    program: "malloc_damaged.py",
    signal: "SIGSEGV|SIGABRT",
    stack: ["damages", "<module>"],
    diagnosis: "heap_corruption",
    never: ["invalid_free"],
    needs: "binaries",
    heavy: true,
  },
  {
    program: "debug_overrun.py",
    from: [3, 6],
    signal: "SIGABRT",
    stack: ["overrun", "<module>"],
    environment: { PYTHONMALLOC: "debug" },
    diagnosis: "memory_debug_violation",
    needs: "binaries",
  },
  {
    program: "frees_inside_debug.py",
    from: [3, 6],
    signal: "SIGSEGV|SIGBUS",
    stack: ["gives_back", "<module>"],
    environment: { PYTHONMALLOC: "debug" },
    diagnosis: "memory_debug_violation",
    evidence: { describing: /true/ },
    // Not each compiler keeps the end of the block in a register of its own.
    needs: "symbols",
    withGil: true,
  },
  // Its diagnosis needs DWARF or, up to 3.8, the message: see test/workers/pipeline/diagnose-debug-blocks.test.ts.
  {
    program: "wrong_api.py",
    from: [3, 6],
    signal: "SIGABRT",
    stack: ["mix", "<module>"],
    environment: { PYTHONMALLOC: "debug" },
    heavy: true,
    needs: "symbols",
  },
  { program: "gc_trashed_item.py", signal: "SIGSEGV", stack: ["tidy", "<module>"], diagnosis: "gc_corruption" },
  { program: "gc_trashed_container.py", signal: "SIGSEGV", stack: ["tidy", "<module>"], diagnosis: "gc_corruption", heavy: true },
  {
    program: "gc_trashed_links.py",
    signal: "SIGSEGV",
    stack: ["tidy", "<module>"],
    diagnosis: "gc_corruption",
    needs: "binaries",
    debug: [{ signal: "SIGABRT" }],
  },
  {
    program: "gc_null_traverse.py",
    signal: "SIGSEGV",
    stack: ["tidy", "<module>"],
    diagnosis: "gc_corruption",
    evidence: { null_traverse: /true/, container: /Order/ },
  },
  {
    program: "gc_tracked_early.py",
    from: [3, 6],
    signal: "SIGSEGV|SIGBUS",
    stack: ["tidy", "<module>"],
    environment: { PYTHONMALLOC: "debug" },
    diagnosis: "gc_corruption",
    evidence: { visited: /"state":"uninitialised"/ },
    also: ["known_issue"],
    heavy: true,
  },
  {
    program: "gc_over_released.py",
    from: [3, 6],
    signal: "SIGSEGV",
    stack: ["tidy", "<module>"],
    environment: { PYTHONMALLOC: "debug" },
    diagnosis: "gc_corruption",
  },
  {
    program: "over_released.py",
    from: [3, 7],
    // A freed pointer is no address: SIGBUS through the frame pointer (#SS), SIGSEGV through other registers, as the compiler chose.
    signal: "SIGSEGV|SIGBUS",
    stack: ["work", "<module>"],
    environment: { PYTHONMALLOC: "debug" },
    diagnosis: "refcount_corruption",
  },
  {
    program: "objects_held_often.py",
    signal: "SIGSEGV",
    stack: ["deeper", "share", "__del__", "work", "<module>"],
    diagnosis: "null_dereference",
    never: ["refcount_corruption", "gc_corruption", "freed_memory_access"],
  },
  {
    program: "forked_by_c.py",
    from: [3, 6],
    signal: "SIGSEGV",
    stack: ["child", "<module>"],
    diagnosis: "null_dereference",
    also: ["known_issue"],
    heavy: true,
  },
  {
    program: "gil_released.py",
    from: [3, 6],
    signal: "SIGSEGV|SIGABRT",
    stack: ["gives_up", "<module>"],
    also: ["known_issue"],
    needs: "binaries",
    withGil: true,
  },
  {
    program: "without_gil.py",
    from: [3, 6],
    signal: "SIGSEGV",
    stack: ["call", "<module>"],
    diagnosis: "null_dereference",
    also: ["known_issue"],
    needs: "binaries",
    heavy: true,
    // Up to 3.13 it faults once more while it writes why it ends.
    debug: [{ also: [] }, { from: [3, 14], signal: "SIGABRT", diagnosis: "fatal_error", also: ["known_issue"] }],
  },
  { program: "gc_finalizer.py", from: [3, 6], signal: "SIGSEGV", stack: ["__del__", "tidy", "<module>"], diagnosis: "null_dereference" },
  { program: "gc_callback.py", from: [3, 6], signal: "SIGSEGV", stack: ["started", "tidy", "<module>"], diagnosis: "null_dereference" },
];

/** The corpus entries that run on an interpreter. */
export function entriesFor({ version: [major, minor], debug, freeThreaded }: Pick<Interpreter, "version" | "debug" | "freeThreaded">): CorpusEntry[] {
  const order = (one: readonly [number, number]) => one[0] - major || one[1] - minor;
  const there = corpus.filter((entry) => order(entry.from ?? [2, 7]) <= 0 && order(entry.to ?? [99, 0]) >= 0 && !(freeThreaded && entry.withGil === true));
  const clauses = ({ debug: all = [] }: CorpusEntry) => (debug ? all.filter(({ from = [2, 7] }) => order(from) <= 0) : []);
  return there.map((entry) => Object.assign({}, entry, ...clauses(entry)));
}
