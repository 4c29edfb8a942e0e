/** `Py_FatalError`'s message in a log, where no core tells it. */
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { FaulthandlerDump } from "../../../services/logs/faulthandler.ts";
import { signalOfFault } from "../logs/faults.ts";

/** From 3.9 on the function that gave up stands before the message. */
const raised = /^([A-Za-z_]\w{0,200}): (.+)$/s;

export function fatalErrorInLog({ reason, message }: FaulthandlerDump): Diagnosis | null {
  if (reason !== "fatal" || message === null || message === "" || signalOfFault(message) !== null) return null;
  const [, by = null, text = message] = raised.exec(message) ?? [];
  const shown = text.length > 200 ? `${text.slice(0, 199)}…` : text;
  return {
    code: "fatal_error",
    title: `Fatal Python error: ${shown}`,
    detail: `The interpreter ended the process${by === null ? "" : ` in ${by}`} because it could not go on; so says its own dump in the log.`,
    confidence: "certain",
    lwp: null,
    evidence: { message: text, function: by, found: "log", frame: null },
    links: ["https://docs.python.org/3/c-api/sys.html#c.Py_FatalError"],
  };
}
