/**
 * The seccomp filter of the sandbox: a classic BPF program, as bubblewrap's `--seccomp FD` takes it.
 *
 * A deny list: gdb is large and so is what it may call, but a debugger of core files forks no copy of itself, opens no socket and
 * needs none of the kernel's privileged or exotic interfaces. A foreign architecture's calls (32-bit entry, x32) end the process.
 */
import { clone3Call, cloneCall, deniedCalls, type Machine } from "./syscalls.ts";

const auditArch: Readonly<Record<Machine, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };

// struct seccomp_data: nr, arch, instruction_pointer, args[6].
const offsetOfNumber = 0;
const offsetOfArch = 4;
const offsetOfFirstArgument = 16;

const loadWord = 0x20;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const jumpIfAnyBit = 0x45;
const giveBack = 0x06;

const allow = 0x7fff0000;
const killProcess = 0x80000000;
const failWith = (errno: number) => 0x00050000 | errno;
const EPERM = 1;
const ENOSYS = 38;

const cloneVfork = 0x00004000;
const cloneThread = 0x00010000;
const x32Bit = 0x40000000;

/** One instruction; the jumps count instructions to skip. */
function instruction(operation: number, value: number, whenTrue = 0, whenFalse = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(operation, 0);
  bytes.writeUInt8(whenTrue, 2);
  bytes.writeUInt8(whenFalse, 3);
  bytes.writeUInt32LE(value >>> 0, 4);
  return bytes;
}

/** Answers with `result` when the accumulator equals `value`. */
const when = (value: number, result: number) => [instruction(jumpIfEqual, value, 0, 1), instruction(giveBack, result)];

export function machineOf(arch: string): Machine | null {
  return arch === "x64" || arch === "arm64" ? arch : null;
}

/** The program for this machine's kernel, `struct sock_filter` by `struct sock_filter`. */
export function seccompFilter(machine: Machine): Buffer {
  const clone = cloneCall[machine];
  const denied = deniedCalls.map((each) => each[machine]).filter((number) => number !== null);
  return Buffer.concat([
    instruction(loadWord, offsetOfArch),
    instruction(jumpIfEqual, auditArch[machine], 1, 0),
    instruction(giveBack, killProcess),
    instruction(loadWord, offsetOfNumber),
    ...(machine === "x64" ? [instruction(jumpIfAtLeast, x32Bit, 0, 1), instruction(giveBack, killProcess)] : []),
    ...denied.flatMap((number) => when(number, failWith(EPERM))),
    ...when(clone3Call, failWith(ENOSYS)),
    instruction(jumpIfEqual, clone, 1, 0),
    instruction(giveBack, allow),
    instruction(loadWord, offsetOfFirstArgument),
    instruction(jumpIfAnyBit, cloneThread | cloneVfork, 0, 1),
    instruction(giveBack, allow),
    instruction(giveBack, failWith(EPERM)),
  ]);
}
