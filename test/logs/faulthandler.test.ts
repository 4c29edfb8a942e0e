/** Dumps in logs as they come: prefixed, cut, interleaved, several, hostile. The interpreter's own output is the sample. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { dumpedText, unescaped } from "../../services/logs/faulthandler.ts";
import { isRecognised, readLog } from "../../services/logs/read-log.ts";
import { parseDump } from "../corpus/faulthandler.ts";

async function* chunked(text: string | Buffer, size = 7): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const read = (text: string | Buffer, size?: number) => readLog(chunked(text, size));

const program = `
import faulthandler, os, sys, threading, time
def größe(n):
    if n: größe(n - 1)
    else: os.kill(os.getpid(), 11)
thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)
thread.start()
time.sleep(0.1)
faulthandler.enable()
größe(int(sys.argv[1]))
`;

/** Runs where its core is nobody's. */
function crash(depth: number): string {
  const folder = mkdtempSync(`${tmpdir()}/inquest-log-`);
  const { stderr } = spawnSync("sh", ["-c", 'ulimit -c 0; exec python3 -c "$0" "$1"', program, String(depth)], { encoding: "utf8", cwd: folder });
  rmSync(folder, { recursive: true });
  return stderr;
}

const crashed = crash(3);
const thread = (id: string, ...frames: string[]) => [`Thread ${id} (most recent call first):`, ...frames, ""].join("\n");
const frame = (name: string, line: number) => `  File "/srv/app.py", line ${line} in ${name}`;

describe("a dump of faulthandler", () => {
  test.each([0, 3, 150])("with a stack of %i calls is read as the interpreter wrote it", async (depth) => {
    const text = depth === 3 ? crashed : crash(depth);
    const oracle = parseDump(text);
    expect(oracle.length).toBe(2);
    const { dumps } = await read(text);
    expect(dumps).toHaveLength(1);
    expect(dumps[0]).toMatchObject({ reason: "fatal", message: "Segmentation fault" });
    const plain = dumps[0]?.threads.map(({ id, current, frames, cut }) => ({
      id,
      current,
      cut,
      frames: frames.map((each) => ({ file: unescaped(each.file ?? ""), line: each.line, function: unescaped(each.function ?? "") })),
    }));
    expect(plain).toEqual(oracle.map(({ id, current, frames, cut }) => ({ id, current, cut, frames })));
    expect(dumps[0]?.threads.some((each) => each.cut)).toBe(depth > 100);
  });

  test.each([
    ["a container's name", (line: string) => `web-1  | ${line}`],
    ["a journal's stamp", (line: string) => `Nov 28 02:33:54 host python3[4711]: ${line}`],
    ["Windows line ends", (line: string) => `${line}\r`],
  ])("is the same behind %s", async (_what, prefixed) => {
    const whole = await read(crashed);
    const { dumps } = await read(crashed.split("\n").map(prefixed).join("\n"), 1_000);
    expect(dumps.map(({ pid: _pid, ...dump }) => dump)).toEqual(whole.dumps.map(({ pid: _pid, ...dump }) => dump));
  });

  test("tells the process that a journal's stamp names", async () => {
    const { dumps } = await read(crashed.replaceAll(/^/gm, "Nov 28 02:33:54 host python3[4711]: "));
    expect(dumps[0]?.pid).toBe(4711);
  });

  test("goes on behind a line of another thread, and ends where another dump begins", async () => {
    const dump = `Fatal Python error: Bus error\n\n${thread("0x0000000000000001", frame("a", 1))}INFO a line of the program\n\nCurrent ${thread("0x02", frame("b", 2)).replace("Thread", "thread")}`;
    const { dumps } = await read(`${dump}restarting\n${dump}`);
    expect(dumps.map(({ threads }) => threads.map(({ id, current }) => [id, current]))).toEqual(
      Array.from({ length: 2 }, () => [
        ["0x1", false],
        ["0x2", true],
      ]),
    );
  });

  test("keeps a message of several lines, the names of threads, the collector's line and the list of modules", async () => {
    const { dumps } = await read(
      `Fatal Python error: first: it\nwent wrong\nPython runtime state: initialized\n\nCurrent thread 0x00007f0000000001 [worker 7] (most recent call first):\n  Garbage-collecting\n  File ???, line ??? in ???\n\nCurrent thread's C stack trace (most recent call first):\n  Binary file "/usr/bin/python3", at f+0x1 [0x2]\n${frame("no", 1)}\n\nExtension modules: a.b, c (total: 2)\n`,
    );
    expect(dumps).toEqual([
      {
        kind: "faulthandler",
        reason: "fatal",
        message: "first: it\nwent wrong",
        pid: null,
        threads: [
          { id: "0x7f0000000001", name: "worker 7", current: true, collecting: true, cut: false, frames: [{ file: null, line: null, function: null }] },
        ],
        threadsCut: false,
        cStack: [{ file: "/usr/bin/python3", function: "f", address: "0x2" }],
        extensionModules: ["a.b", "c"],
      },
    ]);
  });

  test("of 3.14 tells the C stack of its thread, names or not, and takes no other line for it", async () => {
    const stack = [
      'Binary file "/usr/bin/python3", at _Py_DumpStack+0x3c [0x5633c2f8bf0c]',
      'Binary file "/lib/x86_64-linux-gnu/libc.so.6", at +0x3c050 [0x7f1ab1a5b050]',
      'Binary file "/srv/a lib.so" [0x7f1ab1a5b060]',
      "<truncated rest of calls>",
    ];
    const text = `Fatal Python error: Segmentation fault\n\nCurrent ${thread("0x02", frame("b", 2)).replace("Thread", "thread")}Current thread's C stack trace (most recent call first):\n${stack.map((line) => `  ${line}\n`).join("")}INFO Binary file "x", at y [0x1]\n\nExtension modules: a (total: 1)\n`;
    const [dump] = (await read(text)).dumps;
    expect(dump?.cStack).toEqual([
      { file: "/usr/bin/python3", function: "_Py_DumpStack", address: "0x5633c2f8bf0c" },
      { file: "/lib/x86_64-linux-gnu/libc.so.6", function: null, address: "0x7f1ab1a5b050" },
      { file: "/srv/a lib.so", function: null, address: "0x7f1ab1a5b060" },
    ]);
    expect(dump?.threads).toHaveLength(1);
    expect(dump?.extensionModules).toEqual(["a"]);
  });

  test("of a build without the GIL is one thread without an id", async () => {
    const { dumps } = await read(
      `Fatal Python error: Aborted\n\n<Cannot show all threads while the GIL is disabled>\nStack (most recent call first):\n${frame("f", 3)}\n`,
    );
    expect(dumps[0]?.threads).toMatchObject([{ id: null, current: true, frames: [{ function: "f", line: 3 }] }]);
  });

  test("that was asked for or came of a timeout is no crash", async () => {
    const { dumps } = await read(`Timeout (0:00:05)!\n${thread("0x1", frame("f", 3))}\n${thread("0x1", frame("g", 4))}`);
    expect(dumps.map(({ reason }) => reason)).toEqual(["timeout", "request"]);
  });

  test("is not a traceback, nor what only resembles a dump", async () => {
    const log = await read(
      'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError\nThread 12 (most recent call first):\nThread 0xzz (most recent call first):\n  File "a.py", line 1 in f\nfatal python error: x\n',
    );
    expect(isRecognised(log)).toBe(false);
  });

  test("that is cut anywhere tells what is there", async () => {
    const whole = (await read(crashed, 100_000)).dumps[0];
    for (let end = 0; end < crashed.length; end += 37) {
      const { dumps } = await read(crashed.slice(0, end), 100_000);
      const threads = dumps[0]?.threads ?? [];
      expect(threads.length).toBeLessThanOrEqual(whole?.threads.length ?? 0);
      for (const [index, each] of threads.entries()) expect(each.frames.length).toBeLessThanOrEqual(whole?.threads[index]?.frames.length ?? 0);
    }
  });
});

describe("a hostile log", () => {
  const size = 16 << 20;

  test.each([
    ["one line of 16 MiB", Buffer.alloc(size, "x")],
    [
      "one line that begins as a frame",
      Buffer.concat([Buffer.from(`Thread 0x1 (most recent call first):\n${'  File "'.repeat(1_000)}`), Buffer.alloc(size, '", line ')]),
    ],
    ["nothing but line ends", Buffer.alloc(size, "\n")],
    ["zeros behind a head", Buffer.concat([Buffer.from("Fatal Python error: x\n\nThread 0x1 (most recent call first):\n"), Buffer.alloc(size)])],
    ["heads without end", Buffer.alloc(size, "Thread 0x1 (most recent call first):\n")],
    ["frames without end", Buffer.concat([Buffer.from("Thread 0x1 (most recent call first):\n"), Buffer.alloc(size, `${frame("f", 1)}\n`)])],
    [
      "errors of valgrind without end",
      Buffer.alloc(size, "==1== Invalid write of size 8\n==1==    at 0x1: f (a.c:1)\n==1==  Address 0x2 is 0 bytes after a block of size 8 alloc'd\n"),
    ],
    [
      "frames of AddressSanitizer without end",
      Buffer.concat([Buffer.from("==1==ERROR: AddressSanitizer: SEGV on unknown address 0x1\n"), Buffer.alloc(size, `    #1 0x1 in ${"f ".repeat(2_000)}\n`)]),
    ],
  ])("of %s is read to its end, and little of it is kept", async (_what, bytes) => {
    const log = await read(bytes, 1 << 20);
    expect(JSON.stringify(log).length).toBeLessThan(2 << 20);
  });
});

test("names are written as the interpreter writes them", () => {
  expect(dumpedText('gr\u00f6\u00dfe \u8ba1 \u{1f40d}\t"\\')).toBe('gr\\xf6\\xdfe \\u8ba1 \\U0001f40d\\x09"\\');
  expect(dumpedText("y".repeat(501))).toBe(`${"y".repeat(500)}...`);
  expect(unescaped(dumpedText("größe 计 🐍"))).toBe("größe 计 🐍");
  expect(unescaped("\\Uffffffff\\xZZ")).toBe("\\Uffffffff\\xZZ");
});
