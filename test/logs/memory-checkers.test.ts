/** Logs of valgrind and AddressSanitizer; the samples are what the tools wrote (test/logs/samples). */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { readLog } from "../../services/logs/read-log.ts";

const sample = (name: string) => readLog(createReadStream(new URL(`./samples/${name}`, import.meta.url)));
const read = (text: string) => readLog(Readable.from([Buffer.from(text)]));

test("valgrind's log tells each bad access, its block, and the signal it ended with", async () => {
  const { memory, dumps } = await sample("valgrind.txt");
  expect(dumps).toEqual([]);
  expect(memory).toMatchObject([
    {
      kind: "valgrind",
      pid: 8296,
      errors: [
        { what: "Invalid read of size 8", access: "read", size: 8, block: { where: "after", offset: 0, size: 16, freed: false } },
        { what: "Invalid read of size 1", access: "read", size: 1, address: "0x0", block: null },
      ],
      end: { signal: 11, address: "0x0" },
    },
  ]);
  const [first, last] = memory[0]?.errors ?? [];
  expect(first?.frames).toHaveLength(12);
  expect(first?.block?.allocatedBy[0]).toMatchObject({ function: "malloc", module: "/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so" });
  expect(last?.frames[0]?.address).toBe(memory[0]?.end?.frames[0]?.address);
});

test("AddressSanitizer's report tells the access, who freed the block and who allocated it", async () => {
  const { memory } = await sample("asan.txt");
  expect(memory).toMatchObject([
    {
      kind: "asan",
      pid: 8422,
      errors: [
        { what: "heap-use-after-free", access: "read", size: 4, address: "0x602000000010", block: { where: "inside", offset: 0, size: 16, freed: true } },
      ],
    },
  ]);
  const [error] = memory[0]?.errors ?? [];
  expect(error?.frames[0]).toMatchObject({ function: "use", file: "asan.c", line: 3 });
  expect(error?.block?.freedBy[0]).toMatchObject({ function: "__interceptor_free" });
  expect(error?.block?.allocatedBy[1]).toMatchObject({ function: "main", file: "asan.c", line: 4 });
  expect(error?.frames.at(-1)).toMatchObject({ function: "_start", module: "asan", file: null });
});

test.each([
  ["SEGV on unknown address 0x000000000000 (pc 0x1 bp 0x2 sp 0x3 T0)", { what: "SEGV", address: "0x0" }],
  ["attempting double-free on 0x602000000010 in thread T0:", { what: "double-free", address: "0x602000000010" }],
  ["stack-buffer-overflow on address 0x7ffd00000010 at pc 0x1 bp 0x2 sp 0x3", { what: "stack-buffer-overflow", address: "0x7ffd00000010" }],
])("AddressSanitizer's error %s is read", async (text, wanted) => {
  const { memory } = await read(`==7==ERROR: AddressSanitizer: ${text}\n    #0 0x10 in f a.c:1:2\n\nSUMMARY: AddressSanitizer: x\n`);
  expect(memory[0]?.errors[0]).toMatchObject(wanted);
  expect(memory[0]?.errors[0]?.frames).toMatchObject([{ function: "f", file: "a.c", line: 1 }]);
});

test("processes that write to one log are kept apart", async () => {
  const error = (pid: number) => `==${pid}== Invalid write of size 4\n==${pid}==    at 0xA${pid}: f (a.c:${pid})\n`;
  const { memory } = await read(`${error(1)}${error(2)}==1== \n${error(1)}`);
  expect(memory.map(({ pid, errors }) => [pid, errors.length])).toEqual([
    [1, 2],
    [2, 1],
  ]);
});

test("lines of other programs that begin the same way are not taken", async () => {
  const { memory } = await read("==12== hello\n== 12 ==\n==x== Invalid read of size 8\n=====\n==9==ABORTING\n");
  expect(memory).toEqual([]);
});
