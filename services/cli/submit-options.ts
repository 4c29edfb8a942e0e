/** The options of `submit`, read. */
import type { Labels } from "../contract/common.ts";
import type { JobPriority, WhenMissing } from "../contract/job.ts";
import type { JobUpload } from "../client/submit-job.ts";
import type { Context } from "./context.ts";
import { labelsOf } from "./pages.ts";
import { UsageError } from "./usage-error.ts";

export interface SubmitOptions {
  /** What goes with each core. */
  readonly fields: { readonly labels: Labels; readonly whenMissing?: WhenMissing; readonly options?: string; readonly priority?: JobPriority };
  readonly pack: NonNullable<JobUpload["pack"]> | null;
  readonly resumeFrom: number | null;
  /** The ids alone are wanted. */
  readonly goes: boolean;
}

function oneOf<T extends string>(name: string, value: string | null, known: readonly T[]): NoInfer<T> | null {
  const found = known.find((each) => each === value);
  if (value !== null && found === undefined) throw new UsageError(`--${name} is one of ${known.join(", ")}`);
  return found ?? null;
}

function sizeOf(value: string | null): number | null {
  if (value === null) return null;
  const [, digits, unit = ""] = /^(\d+)([KMGT]?)(?:i?B)?$/i.exec(value) ?? [];
  if (digits === undefined) throw new UsageError(`${value} is no size such as 500M or 8GiB`);
  return Number(digits) * 1024 ** " KMGT".indexOf(unit.toUpperCase() || " ");
}

export function submitOptions({ text, texts, flag }: Pick<Context, "text" | "texts" | "flag">): SubmitOptions {
  const whenMissing = oneOf("when-missing", text("when-missing"), ["analyze", "wait"]);
  const priority = oneOf("priority", text("priority"), ["high", "normal", "low"]);
  const options = text("options");
  return {
    fields: {
      labels: labelsOf(texts("label")),
      ...(whenMissing === null ? {} : { whenMissing }),
      ...(options === null ? {} : { options }),
      ...(priority === null ? {} : { priority }),
    },
    pack: oneOf("pack", text("pack"), ["auto", "zstd", "gzip", "never"] as const),
    resumeFrom: sizeOf(text("resume-from")),
    goes: flag("no-wait") || whenMissing === "wait",
  };
}
