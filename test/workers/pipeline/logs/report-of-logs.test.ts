/** Reports of logs alone: what the C stack of a newer faulthandler adds. */
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { readLog } from "../../../../services/logs/read-log.ts";
import { reportOfLogs } from "../../../../workers/pipeline/logs/report-of-logs.ts";

async function reported(name: string, change: (text: string) => string = (text) => text) {
  const text = change(await readFile(new URL(`../../../logs/samples/${name}`, import.meta.url), "utf8"));
  const { dumps, memory } = await readLog(Readable.from([Buffer.from(text)]));
  return reportOfLogs({ jobId: "job", createdAt: new Date(0), logs: [{ filename: name, size: text.length, dumps, memory }] });
}

describe("a dump of 3.14", () => {
  test("gives the C stack from the fault on, without the handler's own frames", async () => {
    const report = await reported("faulthandler-3.14.txt");
    const natives = report?.threads[0]?.native_frames ?? [];
    expect(natives).toHaveLength(18);
    expect(natives[0]).toMatchObject({ function: null, module: "/usr/lib/x86_64-linux-gnu/libc.so.6", pc: "0x7f06802eb718" });
    expect(natives.map((frame) => (frame.kind === "native" ? frame.function : null))).toContain("ffi_call");
    expect(report?.threads[0]?.python_frames).toHaveLength(3);
  });

  test("belongs to the same group as one without a C stack", async () => {
    const report = await reported("faulthandler-3.14.txt");
    const older = await reported("faulthandler-3.14.txt", (text) => text.slice(0, text.indexOf("Current thread's C stack")));
    expect(older?.threads[0]?.native_frames).toEqual([]);
    expect(report?.signature).toMatchObject({ partial: true, broad_hash: older?.signature?.broad_hash });
  });
});

test("AddressSanitizer's report and faulthandler's dump of one process are told together", async () => {
  const report = await reported("asan-python.txt");
  expect(report?.diagnoses[0]).toMatchObject({ code: "heap_corruption", title: "A write of 1 byte past the end of a block, by spill (ext.c:2)" });
  expect(report?.threads[0]?.python_frames.map((frame) => (frame.kind === "python" ? frame.function : null))).toEqual(["spill", "<module>"]);
  expect(report?.attachments.map(({ kind }) => kind).toSorted()).toEqual(["asan", "faulthandler"]);
});
