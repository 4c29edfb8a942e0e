/**
 * Diagnose: why it died, each finding with its evidence and how sure it is, the most telling first.
 *
 * A finding that is wrong costs more than one that is missing, so a rule without evidence stays silent. Rules are
 * functions of the assembled facts; this file only orders them.
 */
import type { Diagnosis } from "../../services/contract/report.ts";
import { binaryMismatch, truncatedCore } from "./diagnose/input.ts";
import { abortedItself, nullDereference, sentByProcess } from "./diagnose/signal.ts";
import type { Finding } from "./diagnose/evidence.ts";

/** In the order in which they are told. */
const findings: readonly Finding[] = [nullDereference, sentByProcess, abortedItself, binaryMismatch, truncatedCore];

export function diagnose(evidence: Parameters<Finding>[0]): Diagnosis[] {
  return findings.flatMap((finding) => finding(evidence) ?? []);
}
