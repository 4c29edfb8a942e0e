/** The attached logs, a line or two each: what they are, what they say, and whether they agree with the core. */
import type { LogSummary, Report } from "../contract/report.ts";
import { pageWidth, wrap } from "./layout.ts";
import { safeCut } from "./safe-text.ts";

const kinds = { faulthandler: "dump of faulthandler", valgrind: "log of valgrind", asan: "report of AddressSanitizer", text: "a text" } as const;
const agreements = { same: "agrees with the core", differs: "differs from the core", other_process: "of another process" } as const;
const differencesShown = 4;

function counted({ kind, count }: LogSummary): string {
  if (count === null) return "";
  const what = kind === "faulthandler" ? "thread" : "error";
  return `, ${count} ${what}${count === 1 ? "" : "s"}`;
}

function linesOf(each: LogSummary): readonly string[] {
  const message = each.message === null ? "" : `: ${safeCut(each.message, 200)}`;
  const agreement = each.agreement === null ? "" : `; ${agreements[each.agreement]}`;
  const head = `${safeCut(each.filename ?? "an attachment", 120)}  ${kinds[each.kind]}${counted(each)}${message}${agreement}`;
  const more = each.differences.length - differencesShown;
  return [
    ...wrap(head, pageWidth),
    ...each.differences
      .slice(0, differencesShown)
      .flatMap((text) => wrap(safeCut(text, 500), pageWidth - 4).map((line, index) => `${index === 0 ? "  - " : "    "}${line}`)),
    ...(more > 0 ? [`  … ${more} more`] : []),
  ];
}

/** Reports of older releases have none. */
export const attachmentLines = ({ attachments }: Partial<Pick<Report, "attachments">>): readonly string[] => (attachments ?? []).flatMap(linesOf);
