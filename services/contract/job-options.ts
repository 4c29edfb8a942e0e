/**
 * What an analysis does beyond the usual, when asked: work whose cost grows with the heap, or that was done before.
 *
 * A request names them in one text, `heap_check,census`; documents tell each as true or false. An option that comes later
 * is a line here: forms, queries, metadata, the database, the job document and the helpers' manifest follow.
 */
import { type Static, Type } from "typebox";
import { Failure } from "./failure.ts";

export const JobOptions = Type.Object({
  heap_check: Type.Boolean({ description: "Every block of the debug allocator's heap is verified, not only those near the crash." }),
  census: Type.Boolean({ description: "All objects are counted by type, with their bytes." }),
  fresh: Type.Boolean({ description: "The core is analysed although an equal one was: its report is not taken over." }),
});
export type JobOptions = Static<typeof JobOptions>;

export const noOptions: JobOptions = { heap_check: false, census: false, fresh: false };

const names = Object.keys(noOptions);

/** As requests give them. */
export const OptionList = Type.String({
  maxLength: 200,
  description: `What the analysis is to do beyond the usual, by name, with commas between: ${names.map((name) => `\`${name}\``).join(", ")}.`,
  examples: ["heap_check,census"],
});

/** `heap_check, census`; an empty text asks for none. */
export function parseOptions(text: string): JobOptions {
  const asked = text.split(",").flatMap((each) => each.trim() || []);
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Failure("options_invalid", `${JSON.stringify(unknown.slice(0, 80))} is no option`);
  return { ...noOptions, ...Object.fromEntries(asked.map((name) => [name, true])) };
}

/** Of a document of ours, which may be older than some of the options. */
export function storedOptions(json: string): JobOptions {
  const kept: Partial<JobOptions> = JSON.parse(json);
  return { ...noOptions, ...kept };
}
