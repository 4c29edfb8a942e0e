/**
 * NT_PRPSINFO, NT_PRSTATUS and NT_SIGINFO: who died, in which threads, of what.
 *
 * The layouts are those of linux/elfcore.h and asm-generic/siginfo.h; they depend on the word size only, but for
 * `pr_uid`, which is 16 bits wide on i386 and arm (a description of 124 bytes) and 32 elsewhere (128).
 */
import { type ElfForm, fieldsOf, hex, textAt } from "../elf/fields.ts";
import type { CoreSignal, CoreThread } from "./core-facts.ts";
import { codeName, describeSignal, hasAddress, isSent, signalName } from "./signals.ts";

export interface ProcessInfoNote {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** `pr_fname`: `comm`, at most 15 bytes. */
  readonly name: string;
  /** `pr_psargs`: the command line's first 79 bytes, NULs as blanks. */
  readonly psargs: string;
}

/** `struct elf_prpsinfo`; null when the description is too short to be one. */
export function parseProcessInfo(desc: Buffer, form: ElfForm): ProcessInfoNote | null {
  const fields = fieldsOf(desc, form);
  if (form.bits === 64) {
    if (desc.length < 136) return null;
    return { uid: fields.u32(16), gid: fields.u32(20), pid: fields.i32(24), name: textAt(desc, 40, 16), psargs: textAt(desc, 56, 80) };
  }
  if (desc.length >= 128) {
    return { uid: fields.u32(8), gid: fields.u32(12), pid: fields.i32(16), name: textAt(desc, 32, 16), psargs: textAt(desc, 48, 80) };
  }
  if (desc.length < 124) return null;
  return { uid: fields.u16(8), gid: fields.u16(10), pid: fields.i32(12), name: textAt(desc, 28, 16), psargs: textAt(desc, 44, 80) };
}

/** `struct elf_prstatus`: `pr_cursig` and `pr_pid`, which is the LWP. */
export function parseThread(desc: Buffer, form: ElfForm): CoreThread | null {
  const pidAt = form.bits === 64 ? 32 : 24;
  if (desc.length < pidAt + 4) return null;
  const fields = fieldsOf(desc, form);
  return { lwp: fields.i32(pidAt), signal: fields.u16(12) };
}

/** `siginfo_t`; null when too short or without a signal. */
export function parseSignalInfo(desc: Buffer, form: ElfForm): CoreSignal | null {
  const at = form.bits === 64 ? 16 : 12; // the union behind si_signo, si_errno, si_code
  if (desc.length < at + 8) return null;
  const fields = fieldsOf(desc, form);
  const number = fields.i32(0);
  const code = fields.i32(8);
  if (number <= 0 || number > 64) return null;
  return {
    number,
    name: signalName(number),
    code: codeName(number, code),
    code_number: code,
    address: hasAddress(number, code) ? hex(fields.word(at)) : null,
    description: describeSignal(number, code),
    sender_pid: isSent(code) ? fields.i32(at) : null,
    sender_uid: isSent(code) ? fields.u32(at + 4) : null,
  };
}

/** What NT_PRSTATUS alone tells, for cores without NT_SIGINFO. */
export function signalOf(thread: CoreThread): CoreSignal | null {
  if (thread.signal === 0) return null;
  return {
    number: thread.signal,
    name: signalName(thread.signal),
    code: null,
    code_number: null,
    address: null,
    description: describeSignal(thread.signal, null),
    sender_pid: null,
    sender_uid: null,
  };
}
