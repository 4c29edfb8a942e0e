/**
 * Diagnose: why it died, each finding with its evidence and how sure it is, the most telling first.
 *
 * A finding that is wrong costs more than one that is missing, so a rule without evidence stays silent. Rules are
 * functions of the assembled facts; this file only orders them.
 */
import type { Diagnosis } from "../../services/contract/report.ts";
import { allocatorDamage, invalidFree } from "./diagnose/allocator.ts";
import { filledPointer, nullDereference, pastMapping, wildPointer } from "./diagnose/bad-pointer.ts";
import { crashDuringFinalization, crashDuringImport, crashInSignalHandler } from "./diagnose/crash-context.ts";
import { debugBlocks } from "./diagnose/debug-blocks.ts";
import { abandonedLock, deadlock, deadlockBeside, gilWait } from "./diagnose/deadlock.ts";
import type { Finding } from "./diagnose/evidence.ts";
import { gcCrash } from "./diagnose/gc-crash.ts";
import { thirdPartyExtension } from "./diagnose/extension.ts";
import { abortMessage, fatalError } from "./diagnose/fatal.ts";
import { dataExecuted, guardPage, memoryFailure, truncatedFile, writeToReadOnly } from "./diagnose/forbidden-access.ts";
import { binaryMismatch, truncatedCore } from "./diagnose/input.ts";
import { languageAbort } from "./diagnose/language-abort.ts";
import { crashInLog, damageInLog } from "./diagnose/logged.ts";
import { jumpAstray, stackPointerAstray } from "./diagnose/lost-control.ts";
import { breakpointTrap, misalignedAccess, privilegedInstruction } from "./diagnose/processor-trap.ts";
import { cpuLimit, fileSizeLimit, systemCallRefused } from "./diagnose/kernel-limit.ts";
import { matchingIssues } from "./diagnose/known-issue.ts";
import { refcountBeside, refcountCorruption } from "./diagnose/refcount.ts";
import { divisionByZero, illegalInstruction } from "./diagnose/instruction.ts";
import { abortedItself, quitByTerminal, raisedByProcess, sentByProcess } from "./diagnose/signal.ts";
import { stackOverflow } from "./diagnose/stack-overflow.ts";

/** In the order in which they are told. */
const findings: readonly Finding[] = [
  stackOverflow,
  crashInLog,
  debugBlocks,
  gcCrash,
  refcountCorruption,
  fatalError,
  abortMessage,
  languageAbort,
  filledPointer,
  invalidFree,
  allocatorDamage,
  nullDereference,
  writeToReadOnly,
  dataExecuted,
  guardPage,
  truncatedFile,
  memoryFailure,
  illegalInstruction,
  breakpointTrap,
  privilegedInstruction,
  misalignedAccess,
  divisionByZero,
  cpuLimit,
  fileSizeLimit,
  systemCallRefused,
  deadlock,
  gilWait,
  abandonedLock,
  sentByProcess,
  quitByTerminal,
  pastMapping,
  jumpAstray,
  stackPointerAstray,
  wildPointer,
  abortedItself,
  raisedByProcess,
  deadlockBeside,
  refcountBeside,
  damageInLog,
  thirdPartyExtension,
  crashInSignalHandler,
  crashDuringFinalization,
  crashDuringImport,
  binaryMismatch,
  truncatedCore,
];

export function diagnose(evidence: Parameters<Finding>[0]): Diagnosis[] {
  const found = findings.flatMap((finding) => finding(evidence) ?? []);
  return [...found, ...matchingIssues(evidence, found)];
}
